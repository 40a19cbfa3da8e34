// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.history;

import static dev.samara.core.MachineInternals.layoutOf;
import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.AddressSpace;
import dev.samara.core.AdoptedSpace;
import dev.samara.core.BorrowedSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.PageTableRef;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Historical Linux bugs about kernel threads that use a user's address space. */
@ExtendWith(OneThread.class)
@DisplayName("What went wrong with borrowed spaces in Linux")
final class BorrowedBugsTest {
    private static final int FIXED = ANONYMOUS | Mman.FIXED;
    private static final long AT = 0x10_0000;

    private final SpaceFixture fixture = new SpaceFixture();
    private final Machine machine = fixture.machine;
    private final AddressSpace space = machine.newSpace(GEOMETRY);
    private final Cpu service = machine.claimCpu();

    BorrowedBugsTest() {
        assertEquals(AT, space.mmap(AT, PAGE, RW, FIXED, null, 0));
        fixture.cpu.switchTo(space);
        fixture.store(AT, 7);
    }

    @AfterEach
    void nothingIsLeft() {
        service.close();
        fixture.closeEmpty();
        machine.close();
        assertEquals(List.of(), fixture.reports);
    }

    private static void assertLoads(long expected, Cpu cpu) {
        assertFault(Fault.NONE, cpu.memory().load(AT, 8));
        assertEquals(expected, cpu.memory().value());
    }

    @Test
    @DisplayName("39: one that was away does not use translations from before; while it uses them it is a user")
    void staleContext() {
        BorrowedSpace first = service.use(space, () -> {});
        assertLoads(7, service);
        AdoptedSpace adopted = first.putUsers();
        assertEquals(1, space.cpus(), "not the service, which has no user and so cannot be skipped by mistake");
        assertEquals(AT, space.mmap(AT, PAGE, RW, FIXED, null, 0));
        fixture.store(AT, 8);
        try (PageTableRef held = adopted.leave();
                BorrowedSpace second = Objects.requireNonNull(service.tryUse(held, () -> {}))) {
            assertEquals(2, space.cpus());
            assertLoads(8, service);
            assertEquals(0, space.munmap(AT, PAGE));
            assertFault(Fault.MAPERR, service.memory().load(AT, 8));
            assertEquals(false, second.isAsked());
        }
        fixture.cpu.switchTo(null);
        space.close();
    }

    @Test
    @DisplayName("64: one never reads a zero page in the place of memory that is gone with the space")
    void zerosAfterTheEnd() {
        PageTableRef held = space.hold();
        AdoptedSpace adopted = service.use(space, () -> {}).putUsers();
        fixture.cpu.switchTo(null);
        space.close();
        assertEquals(0, fixture.frames());
        assertThrows(IllegalStateException.class, () -> service.memory().load(AT, 8));
        adopted.close();
        assertNull(service.tryUse(held, () -> {}));
        assertThrows(IllegalStateException.class, () -> service.memory().load(AT, 8));
        assertEquals(0, fixture.frames());
        held.close();
    }

    @Test
    @DisplayName("66: one that comes back from time to time holds the page table, which does not delay the end")
    void longLivedHolder() {
        PageTableRef held = space.hold();
        for (int window = 0; window < 3; window++) {
            try (BorrowedSpace borrowed = Objects.requireNonNull(service.tryUse(held, () -> {}))) {
                assertLoads(7, service);
                assertEquals(false, borrowed.isAsked());
            }
        }
        fixture.cpu.switchTo(null);
        space.close();
        assertEquals(0, fixture.frames());
        assertNull(service.tryUse(held, () -> {}));
        held.close();
    }

    @Test
    @DisplayName("69: a CPU that is LAZY for ever after its borrow keeps no memory of the space")
    void lazyForEver() {
        service.use(space, () -> {}).close();
        fixture.cpu.switchTo(null);
        assertEquals(1, fixture.frames());
        space.close();
        assertEquals(0, fixture.frames());
        assertEquals(0, layoutOf(space).pages().tables());
        assertEquals(List.of(), space.references());
    }

    @Test
    @DisplayName("72: one that borrows the space in which it is LAZY becomes a user, and gives up what it took")
    void lazyInTheSame() {
        service.switchTo(space);
        service.enterLazy();
        int users = space.users();
        int held = layoutOf(space).lifetime.context.holds();
        BorrowedSpace borrowed = service.use(space, () -> {});
        assertEquals(users + 1, space.users());
        AdoptedSpace adopted = borrowed.putUsers();
        assertEquals(users, space.users());
        PageTableRef kept = adopted.leave();
        assertEquals(users, space.users());
        kept.close();
        assertEquals(held, layoutOf(space).lifetime.context.holds());
        fixture.cpu.switchTo(null);
        space.close();
    }
}
