// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.cpu;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Cpu;
import dev.samara.core.Guest;
import dev.samara.core.Machine;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.fixture.ThrowingMemory;
import dev.samara.core.guest.FlatMemory;
import dev.samara.core.guest.GuestMemory;
import java.nio.ByteOrder;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("Accesses outside GUEST")
final class AccessesOutsideGuestTest {
    private static final int REPORTED = 10_000;

    private final SpaceFixture fixture =
            new SpaceFixture(Machine.builder().memory(64 * PAGE).checked(false));
    private final Cpu cpu = fixture.cpu;
    private final GuestMemory memory = fixture.memory;
    private final FlatMemory flat = new ThrowingMemory(cpu);
    private final long at = fixture.anonymous(2);

    @BeforeEach
    void touch() {
        fixture.store(at, 1);
        fixture.store(at + PAGE, 1);
    }

    @AfterEach
    void close() {
        fixture.closeEmpty();
    }

    /**
     * Returns how many accesses an action makes outside GUEST. The CPU, its space and its machine must count the same
     * number.
     */
    private long outside(Runnable action) {
        long before = cpu.statistics().accessesOutsideGuest();
        long inSpace = fixture.space.statistics().accessesOutsideGuest();
        long inMachine = fixture.machine.statistics().accessesOutsideGuest();
        action.run();
        long counted = cpu.statistics().accessesOutsideGuest() - before;
        assertEquals(counted, fixture.space.statistics().accessesOutsideGuest() - inSpace);
        assertEquals(counted, fixture.machine.statistics().accessesOutsideGuest() - inMachine);
        return counted;
    }

    @Test
    @DisplayName("are counted one by one, whatever their kind; those in GUEST, and copies, are not")
    void counted() {
        byte[] bytes = new byte[8];
        List<Runnable> numbers = List.of(
                () -> memory.load(at, 8),
                () -> memory.store(at, 4, 1),
                () -> memory.load(at + PAGE - 4, 8),
                () -> memory.store(at + PAGE - 4, 8, 1),
                () -> memory.storePair(at, 1, 2),
                () -> memory.getAndAdd(at, 8, 1),
                () -> memory.loadVolatile(at, 2),
                () -> flat.loadLong(at),
                () -> flat.storeInt(at, 1),
                () -> flat.compareAndSetInt(at, 1, 2));
        List<Runnable> others = List.of(
                () -> memory.copyOut(at, bytes, 0, 8),
                () -> memory.copyIn(at, bytes, 0, 8),
                () -> memory.copy(at, at + PAGE, 16),
                () -> memory.fill(at, 16, (byte) 1),
                () -> memory.string(at, bytes));
        numbers.forEach(access -> assertEquals(1, outside(access)));
        others.forEach(access -> assertEquals(0, outside(access)));
        cpu.enterGuest();
        numbers.forEach(access -> assertEquals(0, outside(access)));
        cpu.leaveGuest();
    }

    private void loads(int count) {
        for (int i = 0; i < count; i++) {
            flat.loadLong(at);
        }
    }

    @Test
    @DisplayName("of a FlatMemory are reported once, with the thread and its stack, when many have come in a row")
    void reported() {
        loads(REPORTED - 1);
        assertEquals(List.of(), fixture.reports);
        loads(1);
        assertEquals(1, fixture.reports.size());
        Report report = fixture.reports.remove(0);
        assertEquals(Report.Kind.ACCESSES_OUTSIDE_GUEST, report.kind());
        List<String> parts = List.of(
                cpu + " of thread " + Thread.currentThread().getName() + " has made 10,000 loads and stores",
                getClass().getName() + ".reported");
        parts.forEach(part -> assertTrue(report.message().contains(part), report::message));
        loads(2 * REPORTED);
        try (Cpu second = fixture.machine.claimCpu()) {
            second.switchTo(fixture.space);
            FlatMemory other = new ThrowingMemory(second);
            for (int i = 0; i < REPORTED; i++) {
                other.storeLong(at, i);
            }
        }
        assertEquals(List.of(), fixture.reports);
    }

    @Test
    @DisplayName("are not reported if the thread enters GUEST in between")
    void notInARow() {
        for (int i = 0; i < 3; i++) {
            loads(REPORTED - 1);
            cpu.enterGuest();
            loads(1);
            cpu.leaveGuest();
        }
        assertEquals(List.of(), fixture.reports);
    }

    @Test
    @DisplayName("of a guest are reported if it has left GUEST and never polls")
    void left() {
        try (Guest guest = fixture.space.enter().leaveForCalls()) {
            FlatMemory visiting = new ThrowingMemory(guest.memory(), ByteOrder.LITTLE_ENDIAN);
            for (int call = 0; call < 3; call++) {
                guest.leave();
                for (int i = 1; i < REPORTED; i++) {
                    visiting.loadLong(at);
                }
                visiting.poll();
                visiting.loadLong(at);
            }
            assertEquals(List.of(), fixture.reports);
            // A call that leaves GUEST by itself changes nothing, before or after.
            assertEquals(0, fixture.space.munmap(at + 16 * PAGE, PAGE));
            guest.leave();
            assertEquals(0, fixture.space.munmap(at + 16 * PAGE, PAGE));
            for (int i = 0; i < REPORTED; i++) {
                visiting.loadLong(at);
            }
            assertEquals(
                    Report.Kind.ACCESSES_OUTSIDE_GUEST,
                    fixture.reports.remove(0).kind());
        }
    }

    @Test
    @DisplayName(
            "of a guest do not follow a call that left GUEST by itself: a plain access of its FlatMemory comes back")
    void leftForACall() {
        try (Guest guest = fixture.space.enter().leaveForCalls()) {
            FlatMemory visiting = new ThrowingMemory(guest.memory(), ByteOrder.LITTLE_ENDIAN);
            List<Runnable> accesses = List.of(
                    () -> assertEquals(1, visiting.loadByte(at + PAGE)),
                    () -> visiting.storeByte(at + 8, (byte) 1),
                    () -> visiting.storeLong(at, 1));
            for (Runnable access : accesses) {
                assertEquals(0, fixture.space.munmap(at + 16 * PAGE, PAGE));
                long before = fixture.space.statistics().accessesOutsideGuest();
                access.run();
                access.run();
                assertEquals(before, fixture.space.statistics().accessesOutsideGuest());
            }
        }
    }

    @Test
    @DisplayName("by address, as a system call or a debugger makes them, are not reported")
    void byAddress() {
        for (int i = 0; i < 2 * REPORTED; i++) {
            fixture.store(at, i);
        }
        assertEquals(List.of(), fixture.reports);
    }
}
