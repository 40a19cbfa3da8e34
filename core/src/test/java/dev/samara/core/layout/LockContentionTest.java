// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import static dev.samara.core.mman.Mman.ANONYMOUS;
import static dev.samara.core.mman.Mman.FIXED;
import static dev.samara.core.mman.Mman.PRIVATE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.internal.space.Divisions;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Where threads meet, a layout is divided")
class LockContentionTest {
    private static final long PAGE = 0x1000;
    private static final long PLACE = 0x2000_0000_0000L;
    private static final int HERE = PRIVATE | ANONYMOUS | FIXED;
    private static final int RW = Mman.READ | Mman.WRITE;

    private static final long ARENA = 64L << 20;

    /** The maximum number of rounds of meetings. A division fails to happen only if all of them are too slow. */
    private static final int ROUNDS = 1000;

    private final MeetingThreads threads = new MeetingThreads(4);
    private AddressSpace space;
    private Layout layout;

    @BeforeEach
    void make() {
        assumeFalse(Boolean.getBoolean("samara.divided"), "each operation divides the layout");
        Machine machine = threads.machine(Machine.builder());
        space = machine.newSpace(Geometry.LINUX_X86_64);
        layout = MachineInternals.layoutOf(space);
    }

    @AfterEach
    void end() {
        threads.close();
    }

    /** Makes a thread map pages at a place and unmap them. */
    private void mapAndUnmap(int thread, long at, long pages) {
        assertEquals(at, threads.call(thread, () -> space.mmap(at, pages * PAGE, RW, HERE, null, 0)));
        assertEquals(0, threads.call(thread, () -> space.munmap(at, pages * PAGE)));
    }

    /**
     * Makes a thread that meets nobody map pages at a place and unmap them. The thread is not recorded, however long
     * that takes.
     */
    private void mapAndUnmapAlone(int thread, long at, long pages) {
        assertEquals(at, threads.callAlone(thread, () -> space.mmap(at, pages * PAGE, RW, HERE, null, 0)));
        assertEquals(0, threads.callAlone(thread, () -> space.munmap(at, pages * PAGE)));
    }

    private void meetUntilDivided(long... places) {
        for (int round = 0; round < ROUNDS && !Divisions.isDivided(layout); round++) {
            for (int thread = 0; thread < places.length; thread++) {
                mapAndUnmap(thread, places[thread], 4);
            }
        }
        assertTrue(Divisions.isDivided(layout));
    }

    @Test
    @DisplayName("and a place between theirs of which nothing is known is not cut, at equal distances either")
    void equalDistances() {
        meetUntilDivided(PLACE, PLACE + 2 * ARENA);
        mapAndUnmap(2, PLACE + ARENA, 4);
        assertEquals(2, Divisions.parts(layout));
    }

    @Test
    @DisplayName("and not again where an operation has needed both parts soon: its range, and its neighbours")
    void learns() {
        meetUntilDivided(PLACE, PLACE + ARENA);
        long border = Divisions.start(layout, 1);
        mapAndUnmapAlone(2, border - 2 * PAGE, 4);
        assertFalse(Divisions.isDivided(layout));
        meetUntilDivided(PLACE, PLACE + ARENA);
        mapAndUnmapAlone(2, border - 2 * PAGE, 4);
        assertEquals(2, Divisions.parts(layout));
        long next = Divisions.start(layout, 1);
        // The call asks for the neighbour below.
        mapAndUnmapAlone(2, next, 4);
        assertFalse(Divisions.isDivided(layout));
        meetUntilDivided(PLACE, PLACE + ARENA);
        mapAndUnmapAlone(2, border - 2 * PAGE, 4);
        mapAndUnmapAlone(2, next, 4);
        assertEquals(2, Divisions.parts(layout));
    }

    @Test
    @DisplayName("and after an operation that needed all of it, at the old borders too")
    void restores() {
        long[] old = {PLACE - 4 * ARENA, PLACE - 2 * ARENA, PLACE - ARENA};
        assertTrue(Divisions.divide(layout, old));
        assertEquals(4, Divisions.parts(layout));
        long placed = threads.call(0, () -> space.mmap(0, PAGE, RW, PRIVATE | ANONYMOUS, null, 0));
        assertEquals(0, threads.call(0, () -> space.munmap(placed, PAGE)));
        assertFalse(Divisions.isDivided(layout));
        meetUntilDivided(PLACE, PLACE + ARENA);
        assertEquals(5, Divisions.parts(layout));
    }

    @Test
    @DisplayName("and a part further, unless that brings it near a limit: then it keeps the borders that it has")
    void declined() {
        Machine small = threads.machine(Machine.builder().maxMapCount(16 + 2 * 256 + 100));
        space = small.newSpace(Geometry.LINUX_X86_64);
        layout = MachineInternals.layoutOf(space);
        meetUntilDivided(PLACE, PLACE + ARENA);
        for (int round = 0; round < 4 * MeetingThreads.ENOUGH; round++) {
            mapAndUnmap(0, PLACE, 4);
            mapAndUnmap(2, PLACE - ARENA, 4);
            assertEquals(2, Divisions.parts(layout));
        }
    }

    @Test
    @DisplayName("and has at most 16 parts, which it keeps where more threads meet")
    void most() {
        long[] borders = new long[15];
        for (int i = 0; i < borders.length; i++) {
            borders[i] = PLACE - (15 - i) * ARENA;
        }
        assertTrue(Divisions.divide(layout, borders));
        for (int round = 0; round < 4 * MeetingThreads.ENOUGH; round++) {
            mapAndUnmap(0, PLACE, 4);
            mapAndUnmap(1, PLACE + ARENA, 4);
        }
        assertEquals(16, Divisions.parts(layout));
    }

    @Test
    @DisplayName("and calls of length 0 between the places of others have no part in it")
    void lengthZero() {
        for (int round = 0; round < 2 * MeetingThreads.ENOUGH; round++) {
            assertEquals(0, threads.call(0, () -> space.mprotect(PLACE, 0, RW)));
            assertEquals(0, threads.call(1, () -> space.madvise(PLACE, 0, Mman.DONTNEED)));
            mapAndUnmap(2, PLACE - 8 * PAGE, 8);
            mapAndUnmap(3, PLACE, 8);
        }
        space.validate();
    }

    @Test
    @DisplayName("and no call fails if the division does, but a validation tells of it")
    void failedDivision() {
        threads.setFailing(true);
        for (int round = 0; round < ROUNDS && !Divisions.hasFailed(layout); round++) {
            mapAndUnmap(0, PLACE, 4);
            mapAndUnmap(1, PLACE + 100 * PAGE, 4);
        }
        assertFalse(Divisions.isDivided(layout));
        threads.setFailing(false);
        assertThrows(AssertionError.class, space::validate);
        meetUntilDivided(PLACE, PLACE + 100 * PAGE);
    }

    @Test
    @DisplayName("and no call fails if the parts cannot be joined for a further division")
    void failedJoin() {
        meetUntilDivided(PLACE, PLACE + 1000 * PAGE);
        threads.setFailing(true);
        for (int round = 0; round < ROUNDS && !Divisions.hasFailed(layout); round++) {
            mapAndUnmap(0, PLACE, 4);
            mapAndUnmap(2, PLACE - 100 * PAGE, 4);
        }
        assertEquals(2, Divisions.parts(layout));
        threads.setFailing(false);
        assertThrows(AssertionError.class, space::validate);
    }
}
