// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.space.BorderSearch.RecentCrossings;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("No border is inside of a range that an operation has needed whole")
final class RecentCrossingsTest {
    /** The maximum number of ranges. */
    private static final int MOST = 64;

    private static RecentCrossings of(String ranges) {
        RecentCrossings crossings = RecentCrossings.NONE;
        if (!ranges.isBlank()) {
            for (String range : ranges.split(" ", -1)) {
                String[] bounds = range.split("-", 2);
                crossings =
                        crossings.with(Long.parseUnsignedLong(bounds[0], 16), Long.parseUnsignedLong(bounds[1], 16));
            }
        }
        return crossings;
    }

    @ParameterizedTest
    @CsvSource({
        // in no range, and at the ends of one
        "'', 5000, 1000, 9000, 5000",
        "'2000-4000', 5000, 1000, 9000, 5000",
        "'5000-7000', 5000, 1000, 9000, 5000",
        "'3000-5000', 5000, 1000, 9000, 5000",
        // inside a range: its end
        "'4000-6000', 5000, 1000, 9000, 6000",
        "'4000-9000', 5000, 1000, 9000, 9000",
        // its end is too high: its start
        "'4000-a000', 5000, 1000, 9000, 4000",
        "'1000-a000', 5000, 1000, 9000, 1000",
        // both are out of bounds
        "'800-a000', 5000, 1000, 9000, 0",
        // the end of a range is inside the next one, which is checked later
        "'4000-6000 5000-7000', 5000, 1000, 9000, 7000",
        // or inside one that was checked before
        "'5000-7000 4000-6000', 5000, 1000, 9000, 0",
        // unsigned
        "'7ffffffffffff000-8000000000002000', 8000000000000000, 1000, 9000000000000000, 8000000000002000",
        "'7ffffffffffff000-a000000000000000', 8000000000000000, 1000, 9000000000000000, 7ffffffffffff000"
    })
    @DisplayName("it moves to the end of the range, or else to its start, or there is none")
    void outside(String ranges, String border, String from, String to, String expected) {
        long moved = of(ranges)
                .outside(
                        Long.parseUnsignedLong(border, 16),
                        Long.parseUnsignedLong(from, 16),
                        Long.parseUnsignedLong(to, 16));
        assertEquals(expected, Long.toHexString(moved));
    }

    @Test
    @DisplayName("a range is noted once, and one that differs at one end is another one")
    void once() {
        assertTrue(RecentCrossings.NONE.isEmpty());
        RecentCrossings one = of("1000-2000");
        assertFalse(one.isEmpty());
        assertTrue(RecentCrossings.NONE.isEmpty(), "immutable");
        assertSame(one, one.with(0x1000, 0x2000));
        assertNotSame(one, one.with(0x1000, 0x3000));
        assertNotSame(one, one.with(0x800, 0x2000));
        RecentCrossings three = one.with(0x5000, 0x6000).with(0x7000, 0x8000);
        assertSame(three, three.with(0x5000, 0x6000));
        assertNotSame(three, three.with(0x2000, 0x5000), "the end of one and the start of the next");
    }

    /** Returns whether the range with a number, whose middle is a page above its start, is kept. */
    private static boolean has(RecentCrossings crossings, int number) {
        long start = start(number);
        return crossings.outside(start + 0x1000, start, start + 0x2000) != start + 0x1000;
    }

    private static long start(int number) {
        return (1L + number) << 16;
    }

    @Test
    @DisplayName("the latest 64 ranges are kept, and the oldest one goes for each later one")
    void latest() {
        RecentCrossings crossings = RecentCrossings.NONE;
        for (int i = 0; i < MOST; i++) {
            crossings = crossings.with(start(i), start(i) + 0x2000);
        }
        for (int i = 0; i < MOST; i++) {
            assertTrue(has(crossings, i), "range " + i);
        }
        RecentCrossings later = crossings.with(start(MOST), start(MOST) + 0x2000);
        assertFalse(has(later, 0));
        for (int i = 1; i <= MOST; i++) {
            assertTrue(has(later, i), "range " + i);
        }
        later = later.with(start(MOST + 1), start(MOST + 1) + 0x2000);
        assertFalse(has(later, 1));
        assertTrue(has(later, 2));
        assertTrue(has(later, MOST + 1));
        assertTrue(has(crossings, 0), "immutable");
    }
}
