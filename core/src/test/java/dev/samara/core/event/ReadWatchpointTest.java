// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

import static dev.samara.core.fixture.SpaceFixture.EXEC;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.Watchpoint;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.fixture.ThrowingMemory;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Fault;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A watchpoint for reads")
@SuppressWarnings("try") // a watchpoint is active until it is closed
final class ReadWatchpointTest {
    /** The default number of slots. */
    private static final int SLOTS = 1 << 12;

    private final SpaceFixture fixture = new SpaceFixture();
    private final Cpu cpu = fixture.cpu;
    private final GuestMemory memory = fixture.memory;
    private final long at = fixture.map(0, 2, RW | EXEC, SpaceFixture.ANONYMOUS, null, 0);
    private final List<String> told = new ArrayList<>();

    @AfterEach
    void everyFrameComesBack() throws InterruptedException {
        fixture.closeEmpty();
        assertEquals(List.of(), fixture.reports);
    }

    private Watchpoint watch(long start, long length) {
        return fixture.space.watchReads(
                start,
                length,
                (access, address, bytes, value) -> told.add(
                        (access == EXEC ? "x " : "r ") + (address - at) + ' ' + bytes + ' ' + Long.toHexString(value)));
    }

    private void assertTold(String... expected) {
        assertEquals(List.of(expected), told);
        told.clear();
    }

    @Test
    @DisplayName("is told of every kind of access that reads one of its bytes, and of none beside them")
    void kinds() {
        fixture.store(at + 96, 0x1122_3344_5566_7788L);
        try (Watchpoint watch = watch(at + 100, 3)) {
            fixture.load(at + 92);
            fixture.load(at + 103);
            fixture.store(at + 96, 0x1122_3344_5566_7788L);
            assertTold();
            fixture.load(at + 96);
            assertFault(Fault.NONE, memory.load(at + 102, 1));
            assertFault(Fault.NONE, memory.fetch(at + 100, 4));
            assertFault(Fault.NONE, memory.loadVolatile(at + 100, 2));
            assertEquals(0x3344, memory.value());
            assertTold("r 96 8 1122334455667788", "r 102 1 22", "x 100 4 11223344", "r 100 2 3344");
            assertFault(Fault.NONE, memory.getAndAdd(at + 100, 2, 1));
            assertFault(Fault.NONE, memory.compareAndSet(at + 100, 2, 9, 3));
            assertEquals(0, memory.value());
            assertFault(Fault.NONE, memory.storeVolatile(at + 100, 2, 7));
            assertTold("r 100 2 3344", "r 100 2 3345");
            assertEquals(50, memory.copyOut(at + 60, new byte[50], 0, 50));
            assertEquals(50, memory.copyIn(at + 60, new byte[50], 0, 50));
            assertEquals(50, memory.copy(at + 60, at + 200, 50));
            assertEquals(50, memory.copy(at + 200, at + 60, 50));
            assertTold("r 60 50 0", "r 60 50 0");
        }
        fixture.load(at + 96);
        assertTold();
    }

    @Test
    @DisplayName("is told of numbers across the end of its page, once")
    void across() {
        fixture.store(at + PAGE - 4, 0x0102_0304_0506_0708L);
        try (Watchpoint watch = watch(at + PAGE, 1)) {
            assertEquals(0x0102_0304_0506_0708L, fixture.load(at + PAGE - 4));
        }
        assertTold("r 4092 8 102030405060708");
    }

    @Test
    @DisplayName("is told of accesses in one step, in GUEST and outside, whose translations were there before")
    void flat() {
        ThrowingMemory flat = new ThrowingMemory(cpu);
        cpu.enterGuest();
        flat.storeLong(at + 8, 5);
        assertEquals(5, flat.loadLong(at + 8));
        assertEquals(5, flat.fetchInt(at + 8));
        cpu.leaveGuest();
        try (Watchpoint watch = watch(at + 8, 8)) {
            cpu.enterGuest();
            flat.storeLong(at + 8, 6);
            assertEquals(6, flat.loadLong(at + 8));
            assertEquals(6, flat.fetchInt(at + 8));
            assertEquals(6, flat.getAndAddLong(at + 8, 1));
            assertEquals(0, flat.loadLong(at + 16));
            cpu.leaveGuest();
            assertTold("r 8 8 6", "x 8 4 6", "r 8 8 6");
            assertFalse(SpaceFixture.hits(cpu, () -> fixture.load(at + 16)));
            assertFalse(SpaceFixture.hits(cpu, () -> fixture.store(at + 16, 1)));
        }
        fixture.load(at + 16);
        assertTrue(SpaceFixture.hits(cpu, () -> fixture.load(at + 8)));
        assertTold();
    }

    @Test
    @DisplayName("reports both halves of an update to watchpoints of both kinds, and its own accesses to none")
    void both() {
        fixture.store(at, 1);
        AccessListener reads = (access, address, bytes, value) -> {
            assertEquals(1, fixture.load(at + 8));
            told.add("read " + value);
        };
        fixture.store(at + 8, 1);
        try (Watchpoint stores = fixture.space.watch(at, 8, (address, bytes) -> told.add("written"));
                Watchpoint loads = fixture.space.watchReads(at, 16, reads)) {
            assertFault(Fault.NONE, memory.getAndAdd(at, 8, 4));
            assertEquals(1, memory.value());
        }
        assertTold("read 1", "written");
    }

    @Test
    @DisplayName("is told of the bytes of a string up to its 0")
    void string() {
        fixture.store(at + 96, 0x0061_6263_6465_6667L);
        try (Watchpoint behind = watch(at + 104, 8)) {
            assertEquals(7, memory.string(at + 96, new byte[64]));
            assertTold();
        }
        try (Watchpoint end = watch(at + 103, 8)) {
            assertEquals(7, memory.string(at + 96, new byte[64]));
            assertTold("r 96 8 0");
            assertEquals(7, memory.string(at + 96, new byte[7]));
            assertTold();
        }
    }

    @Test
    @DisplayName("leaves the translation of another page in the slot of its own, and counts one miss for an access")
    void otherPage() throws InterruptedException {
        // On a checked machine a slot has only one stamp, so one of the pages would be dropped.
        SpaceFixture plain = new SpaceFixture(Machine.builder().memory(1 << 24).checked(false));
        Cpu running = plain.cpu;
        long far = plain.map(0, 2 * SLOTS, RW | EXEC, SpaceFixture.ANONYMOUS, null, 0);
        long other = far + SLOTS * PAGE;
        plain.store(far, 1);
        plain.store(other, 2);
        ThrowingMemory flat = new ThrowingMemory(running);
        try (Watchpoint watch = plain.space.watchReads(far, 8, (access, address, bytes, value) -> told.add("read"))) {
            plain.load(other);
            assertFault(Fault.NONE, plain.memory.fetch(other, 4));
            plain.load(far);
            plain.store(far, 1);
            assertFault(Fault.NONE, plain.memory.fetch(far, 4));
            assertTrue(SpaceFixture.hits(running, () -> plain.load(other)));
            assertTrue(SpaceFixture.hits(running, () -> plain.store(other, 2)));
            assertTrue(SpaceFixture.hits(running, () -> plain.memory.fetch(other, 4)));
            running.enterGuest();
            assertEquals(1, misses(running, () -> flat.loadLong(far)));
            assertEquals(1, misses(running, () -> flat.storeLong(far, 1)));
            assertEquals(1, misses(running, () -> flat.fetchInt(far)));
            running.leaveGuest();
            assertTold("read", "read", "read", "read");
        }
        plain.closeEmpty();
    }

    private static long misses(Cpu of, Runnable access) {
        long before = of.statistics().tlbMisses();
        access.run();
        return of.statistics().tlbMisses() - before;
    }

    @Test
    @DisplayName("is told of other CPUs, which had translations")
    void otherCpus() {
        try (OtherCpu other = new OtherCpu(fixture.space)) {
            assertFault(Fault.NONE, other.<Integer>call(of -> of.memory().load(at, 8)));
            try (Watchpoint watch = watch(at, 4)) {
                assertFault(Fault.NONE, other.<Integer>call(of -> of.memory().load(at, 8)));
                assertTold("r 0 8 0");
            }
        }
    }

    @Test
    @DisplayName("is refused in GUEST, and for a wrong range")
    void refused() {
        cpu.enterGuest();
        assertThrows(IllegalStateException.class, () -> watch(at, 1));
        cpu.leaveGuest();
        assertThrows(IllegalArgumentException.class, () -> watch(at, 0));
        assertThrows(IllegalArgumentException.class, () -> watch(SpaceFixture.GEOMETRY.limit(), 1));
    }
}
