// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import static dev.samara.core.mman.Mman.ANONYMOUS;
import static dev.samara.core.mman.Mman.FIXED;
import static dev.samara.core.mman.Mman.PRIVATE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.internal.space.Divisions;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * On a slow machine a pause may be over too soon, so a test requires that at least one of several rounds shows the
 * pause.
 */
@DisplayName("After a join or a division in vain, a layout is divided again as this says")
final class DividedAgainTest {
    private static final long PAGE = 0x1000;
    private static final long PLACE = 0x2000_0000_0000L;
    private static final long ARENA = 64L << 20;

    /** Not at a border, because a mapping that starts at a border asks for its neighbour below. */
    private static final long FIRST = PLACE + 8 * PAGE;

    private static final int HERE = PRIVATE | ANONYMOUS | FIXED;
    private static final int RW = Mman.READ | Mman.WRITE;
    private static final int ROUNDS = 20;

    /** The number of operations in all parts that pays for a division. */
    private static final int WORTHWHILE = 512;

    private final MeetingThreads threads = new MeetingThreads(3);
    private AddressSpace space;
    private Layout layout;

    @BeforeEach
    void make() {
        assumeFalse(Boolean.getBoolean("samara.divided"), "each operation divides the layout");
        make(Machine.builder());
    }

    private void make(MachineBuilder builder) {
        space = threads.machine(builder).newSpace(Geometry.LINUX_X86_64);
        layout = MachineInternals.layoutOf(space);
    }

    @AfterEach
    void end() {
        threads.close();
    }

    private void mapAndUnmap(int thread, long at) {
        assertEquals(at, threads.call(thread, () -> space.mmap(at, 4 * PAGE, RW, HERE, null, 0)));
        assertEquals(0, threads.call(thread, () -> space.munmap(at, 4 * PAGE)));
    }

    /** Makes two threads meet twice as often as needed, and returns whether the layout is divided afterwards. */
    private boolean dividesAtMeetings() {
        for (int i = 0; i < MeetingThreads.ENOUGH; i++) {
            mapAndUnmap(0, FIRST);
            mapAndUnmap(1, PLACE + ARENA);
        }
        return Divisions.isDivided(layout);
    }

    private void meetUntilOtherThan(int parts) {
        for (int round = 0; round < 10 * ROUNDS && Divisions.parts(layout) == parts; round++) {
            dividesAtMeetings();
        }
    }

    /** Divides the layout into two parts, performs a number of operations, half in each part, and joins the parts. */
    private void joinAfter(int operations) {
        Divisions.join(layout);
        assertTrue(Divisions.divide(layout, PLACE - ARENA));
        Divisions.use(layout, PLACE, operations / 2);
        Divisions.use(layout, PLACE - 2 * ARENA, operations - operations / 2);
        Divisions.join(layout);
    }

    @Test
    @DisplayName("not for a time, if all parts together had 511 operations: the join itself is none")
    void didNotPay() {
        int paused = 0;
        for (int round = 0; round < ROUNDS; round++) {
            joinAfter(WORTHWHILE - 1);
            paused += dividesAtMeetings() ? 0 : 1;
            Divisions.join(layout);
        }
        assertTrue(paused > 0);
    }

    @Test
    @DisplayName("at once, if they had 512 operations")
    void paid() {
        int divided = 0;
        for (int round = 0; round < ROUNDS; round++) {
            // Without the last join, the pause would be 64 ms.
            for (int i = 0; i < 7; i++) {
                joinAfter(0);
            }
            joinAfter(WORTHWHILE);
            divided += dividesAtMeetings() ? 1 : 0;
        }
        assertTrue(divided > 0);
    }

    private void divideInTwo() {
        assertTrue(Divisions.divide(layout, PLACE + ARENA / 2));
    }

    @Test
    @DisplayName("no further for 1 to 64 ms, if a limit was near: each attempt joins the parts")
    void furtherInVain() {
        // Room for two parts, but not for three.
        make(Machine.builder().maxMapCount(16 + 2 * 256 + 100));
        divideInTwo();
        long began = System.nanoTime();
        int made = threads.locks();
        long pauses = 0;
        long pause = 1_000_000;
        for (int i = 0; i < 10 * ROUNDS; i++) {
            mapAndUnmap(0, FIRST);
            mapAndUnmap(2, PLACE - ARENA);
            if (threads.locks() > made) {
                made = threads.locks();
                long passed = System.nanoTime() - began;
                assertTrue(pauses <= passed, "a further attempt after " + passed / 1000 + " us");
                pauses += pause;
                pause = Math.min(2 * pause, 64_000_000);
            }
        }
        assertEquals(2, Divisions.parts(layout));
        assertTrue(pauses > 0, "no attempt");
    }

    /** Divides the layout into 16 parts. The last but one contains the places of two threads. */
    private void divideIntoSixteen() {
        long[] borders = new long[15];
        for (int i = 0; i < borders.length; i++) {
            borders[i] = PLACE - (14 - i) * ARENA;
        }
        borders[14] = PLACE + 4 * ARENA;
        assertTrue(Divisions.divide(layout, borders));
        assertEquals(16, Divisions.parts(layout));
    }

    @Test
    @DisplayName("no further with 16 parts, as long as none of them is known to be unused: nothing is tried")
    void noRoom() {
        divideIntoSixteen();
        int made = threads.locks();
        assertTrue(dividesAtMeetings());
        assertEquals(made, threads.locks());
    }

    @Test
    @DisplayName("further with 16 parts, in place of those without an operation, beside a part that had many")
    void inPlaceOfUnused() {
        divideIntoSixteen();
        long used = PLACE - 10 * ARENA;
        Divisions.use(layout, used, 1);
        Divisions.use(layout, FIRST, Divisions.LOOK);
        meetUntilOtherThan(16);
        assertEquals(4, Divisions.parts(layout));
        assertEquals(used, Divisions.start(layout, 1));
        assertEquals(PLACE - ARENA, Divisions.start(layout, 2));
        assertEquals(PLACE + ARENA - PAGE, Divisions.start(layout, 3));
    }

    @Test
    @DisplayName("further with fewer parts, and those without an operation stay")
    void unusedStay() {
        assertTrue(Divisions.divide(layout, PLACE - ARENA, PLACE + 4 * ARENA));
        Divisions.use(layout, FIRST, Divisions.LOOK);
        meetUntilOtherThan(3);
        assertEquals(4, Divisions.parts(layout));
        assertEquals(PLACE - ARENA, Divisions.start(layout, 1));
        assertEquals(PLACE + ARENA - PAGE, Divisions.start(layout, 2));
        assertEquals(PLACE + 4 * ARENA, Divisions.start(layout, 3));
    }
}
