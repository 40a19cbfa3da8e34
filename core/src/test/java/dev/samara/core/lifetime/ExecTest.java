// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lifetime;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.BorrowedSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("exec replaces the space of a CPU")
final class ExecTest {
    private static final int FIXED = ANONYMOUS | Mman.FIXED;
    private static final long AT = 0x10_0000;
    private static final Geometry LARGE_PAGES = new Geometry(14, 4, 25, 0x10000, 1L << 46, 1L << 47);

    private final SpaceFixture fixture = new SpaceFixture();
    private final Machine machine = fixture.machine;
    private final AddressSpace old = machine.newSpace(GEOMETRY);
    private final AddressSpace next = machine.newSpace(GEOMETRY);
    private final Cpu cpu = fixture.cpu;

    ExecTest() {
        map(next, 2);
        map(old, 1);
    }

    private void map(AddressSpace space, long number) {
        assertEquals(AT, space.mmap(AT, 1 << 14, RW, FIXED, null, 0));
        cpu.switchTo(space);
        fixture.store(AT, number);
    }

    @AfterEach
    void nothingIsLeft() {
        next.close();
        fixture.closeEmpty();
        machine.close();
        assertEquals(List.of(), fixture.reports);
    }

    private static Errno errno(Runnable call) {
        return assertThrows(MmException.class, call::run).errno();
    }

    private static String refused(Runnable call) {
        return assertThrows(IllegalStateException.class, call::run).toString();
    }

    @Test
    @DisplayName("the CPU is in the new space, its reference is closed, and the old space has ended")
    void replaces() {
        cpu.exec(next);
        assertSame(next, cpu.space());
        assertEquals(2, fixture.load(AT));
        assertResult(Errno.ESRCH, old.munmap(AT, PAGE));
        assertEquals(0, old.users());
        assertEquals(1, fixture.frames());
        assertEquals(2, next.users());
    }

    @Test
    @DisplayName("nothing has changed if the new space is closed or has ended")
    void allOrNothing() {
        AddressSpace closed = next.get();
        closed.close();
        AddressSpace ended = machine.newSpace(GEOMETRY);
        ended.close();
        assertEquals(1, fixture.load(AT));
        for (AddressSpace refused : List.of(closed, ended)) {
            assertEquals(Errno.ESRCH, errno(() -> cpu.exec(refused)));
            assertSame(old, cpu.space());
            assertEquals(1, fixture.memory.value());
            assertTrue(SpaceFixture.hits(cpu, () -> fixture.load(AT)));
            assertEquals(2, old.users());
            assertEquals(1, next.users());
        }
        old.close();
    }

    @Test
    @DisplayName("other references and CPUs stay users of the old space until they leave")
    void otherUsers() {
        AddressSpace second = old.get();
        try (Cpu thread = machine.claimCpu()) {
            thread.switchTo(old);
            cpu.exec(next);
            second.close();
            assertFault(Fault.NONE, thread.memory().load(AT, 8));
            assertEquals(1, thread.memory().value());
            assertSame(old, thread.space());
            assertEquals(1, old.users());
            assertEquals(2, fixture.frames());
            thread.switchTo(null);
            assertEquals(1, fixture.frames());
        }
    }

    @Test
    @DisplayName("a borrower stays in the old space, and is asked to end the borrow")
    void borrowerOfTheOld() throws InterruptedException {
        AtomicInteger asked = new AtomicInteger();
        try (Cpu service = machine.claimCpu()) {
            BorrowedSpace borrowed = service.use(old, asked::incrementAndGet);
            cpu.exec(next);
            assertTrue(borrowed.isAsked());
            machine.awaitQuiescence();
            assertEquals(1, asked.get());
            assertFault(Fault.NONE, service.memory().load(AT, 8));
            assertEquals(1, service.memory().value());
            borrowed.close();
            assertEquals(0, old.users());
        }
    }

    @Test
    @DisplayName("a CPU that borrows, is in GUEST or belongs to another thread is refused")
    void refused() {
        BorrowedSpace borrowed = cpu.use(next, () -> {});
        assertTrue(refused(() -> cpu.exec(next)).contains(borrowed + ", before its own space is replaced"));
        borrowed.close();
        cpu.enterGuest();
        assertTrue(refused(() -> cpu.exec(next)).contains("is in GUEST"));
        cpu.leaveGuest();
        AddressSpace to = next;
        try (OtherCpu other = new OtherCpu(fixture.space)) {
            assertTrue(other.call(any -> refused(() -> cpu.exec(to))).contains("cpu 1 is used by thread"));
        }
        AddressSpace same = old.get();
        assertThrows(IllegalArgumentException.class, () -> cpu.exec(same));
        same.close();
        assertSame(old, cpu.space());
        assertEquals(1, fixture.load(AT));
        old.close();
    }

    @Test
    @DisplayName("a CPU without a space, or LAZY, goes to the new one and closes no reference")
    void withoutSpace() {
        cpu.enterLazy();
        cpu.exec(next);
        assertEquals(2, fixture.load(AT));
        assertEquals(1, old.users());
        cpu.switchTo(null);
        cpu.exec(old);
        assertEquals(1, fixture.load(AT));
        assertEquals(1, next.users());
        old.close();
    }

    @Test
    @DisplayName("the reference may be closed before; then the CPU was the last user")
    void closedBefore() {
        old.close();
        assertEquals(1, fixture.load(AT));
        cpu.exec(next);
        assertEquals(0, old.users());
        assertEquals(1, fixture.frames());
        assertEquals(2, fixture.load(AT));
    }

    @Test
    @DisplayName("the new space may have another page size")
    void otherPageSize() {
        AddressSpace large = machine.newSpace(LARGE_PAGES);
        cpu.exec(large);
        assertEquals(AT, large.mmap(AT, 1 << 14, RW, FIXED, null, 0));
        fixture.store(AT, 3);
        assertEquals(0, old.users());
        cpu.exec(next);
        assertEquals(2, fixture.load(AT));
        assertEquals(0, large.users());
    }

    @Test
    @DisplayName("36: the teardown finds the CPU complete in the new space, and a callback of it may move the CPU")
    void completeAtTheEndOfTheOld() {
        List<Object> found = new ArrayList<>();
        old.addNotifier((start, end, reason) -> {
            found.add(fixture.load(AT));
            found.add(String.valueOf(cpu.space() == next));
            cpu.switchTo(null);
        });
        cpu.exec(next);
        assertEquals(List.of(2L, "true"), found);
        assertNull(cpu.space());
        assertEquals(1, next.users());
    }

    @Test
    @DisplayName("36: a TLB has no translation of the old space in the new one, and none of a page that was replaced")
    void staleTranslations() {
        assertEquals(1, fixture.load(AT));
        assertEquals(AT, next.mmap(AT, PAGE, RW, FIXED, null, 0));
        cpu.exec(next);
        assertEquals(0, fixture.load(AT));
    }
}
