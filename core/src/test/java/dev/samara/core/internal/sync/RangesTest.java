// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A list of ranges answers as a search of each range does")
final class RangesTest {
    private static final long SEED = Long.getLong("samara.seed", System.nanoTime());

    static {
        System.out.println("RangesTest: -Dsamara.seed=" + SEED);
    }

    private record Range(long start, long end) {
        boolean overlaps(long from, long to) {
            return Addresses.overlap(start, end, from, to);
        }
    }

    private final Random random = new Random(SEED);
    private final Ranges ranges = new Ranges();
    private final List<Range> model = new ArrayList<>();

    private void add(long start, long end) {
        int before = ranges.size();
        ranges.add(start, end);
        if (ranges.size() == before) {
            // The range extended the last one.
            model.set(before - 1, new Range(model.get(before - 1).start, end));
        } else {
            model.add(new Range(start, end));
        }
    }

    /** Compares all results for ranges that start and end near those of the list. */
    private void compare(long limit) {
        for (int i = 0; i < 200; i++) {
            long from = random.nextLong(limit);
            long to = from + random.nextLong(12);
            String text = ranges + " and " + from + "-" + to;
            assertEquals(model.stream().anyMatch(range -> range.overlaps(from, to)), ranges.overlap(from, to), text);
            assertEquals(
                    model.stream().anyMatch(range -> Addresses.contains(range.start, range.end, from)),
                    ranges.contain(from),
                    text);
            long floor = random.nextLong(limit);
            assertEquals(
                    model.stream()
                            .mapToLong(Range::end)
                            .filter(end -> end <= from)
                            .reduce(floor, Math::max),
                    ranges.highestEnd(from, floor),
                    text);
            assertEquals(
                    model.stream()
                            .mapToLong(Range::start)
                            .filter(start -> start > from)
                            .reduce(floor, Math::min),
                    ranges.lowestStart(from, floor),
                    text);
            Ranges other = new Ranges();
            other.add(from, from + 1);
            other.add(to + 3, to + 4);
            assertEquals(ranges.overlap(from, from + 1) || ranges.overlap(to + 3, to + 4), ranges.overlap(other), text);
            assertEquals(ranges.overlap(other), other.overlap(ranges), text);
        }
    }

    @Test
    @DisplayName("if they ascend")
    void ascending() {
        long at = 1;
        for (int i = 0; i < 40; i++) {
            at += 1 + random.nextLong(5);
            long end = at + 1 + random.nextLong(5);
            add(at, end);
            at = end;
            compare(at + 10);
        }
    }

    @Test
    @DisplayName("if they are so many that their list has grown often, and after the last were removed again")
    void many() {
        for (int i = 0; i < 3_000; i++) {
            if (i == 1_500) {
                ranges.seal();
            }
            ranges.add(10L * i, 10L * i + 5);
            ranges.add(10L * i + 5, 10L * i + 7);
        }
        assertMany(3_000);
        ranges.unseal();
        assertMany(1_500);
        for (int i = 1_500; i < 2_000; i++) {
            ranges.add(10L * i, 10L * i + 7);
        }
        assertMany(2_000);
    }

    private void assertMany(int count) {
        assertEquals(count, ranges.size());
        for (int i = 0; i < count; i++) {
            assertEquals(10L * i, ranges.start(i));
            assertEquals(10L * i + 7, ranges.end(i));
            assertTrue(ranges.contain(10L * i + 6));
            assertFalse(ranges.contain(10L * i + 7));
        }
        assertFalse(ranges.contain(10L * count + 6));
    }

    @Test
    @DisplayName("if they do not, and also if they overlap")
    void inAnyOrder() {
        for (int i = 0; i < 40; i++) {
            long at = 1 + random.nextLong(200);
            add(at, at + 1 + random.nextLong(9));
            compare(220);
        }
    }

    @Test
    @DisplayName("if they are sequences in turn, a few or many, and after the last were removed again")
    void sequences() {
        for (int sequences = 2; sequences < 7; sequences++) {
            long[] next = new long[sequences];
            for (int i = 0; i < sequences; i++) {
                next[i] = 1 + 700L * i;
            }
            ranges.clear();
            model.clear();
            int sealed = 0;
            for (int i = 0; i < 60; i++) {
                if (random.nextInt(8) == 0) {
                    ranges.seal();
                    sealed = model.size();
                } else if (random.nextInt(8) == 0) {
                    ranges.unseal();
                    model.subList(sealed, model.size()).clear();
                }
                int sequence = random.nextInt(sequences);
                long start = next[sequence] + 1 + random.nextLong(5);
                next[sequence] = start + 1 + random.nextLong(5);
                add(start, next[sequence]);
                compare(700L * sequences + 10);
            }
        }
    }

    @Test
    @DisplayName("at the highest addresses")
    void atTheTop() {
        ranges.add(10, 20);
        ranges.add(-100, -1);
        assertTrue(ranges.contain(-2));
        assertFalse(ranges.contain(-1));
        assertTrue(ranges.overlap(-200, -99));
        assertFalse(ranges.overlap(20, -100));
        assertEquals(20, ranges.highestEnd(-50, 0));
        assertEquals(-100, ranges.lowestStart(15, -1));
    }

    @Test
    @DisplayName("a sealed list is not extended, and gets back its ranges")
    void sealed() {
        ranges.add(10, 20);
        ranges.seal();
        ranges.add(20, 30);
        assertEquals(2, ranges.size());
        ranges.add(1, 2);
        assertTrue(ranges.contain(1));
        ranges.unseal();
        assertEquals("a-14", ranges.toString());
        assertFalse(ranges.contain(25));
        assertTrue(ranges.contain(15));
        ranges.add(40, 50);
        assertTrue(ranges.contain(45));
        assertTrue(ranges.cover(41, 50));
        assertFalse(ranges.cover(15, 41));
        assertEquals(1, ranges.firstOver(15, 60) + 1);
        assertEquals(-1, ranges.firstOver(20, 40));
    }
}
