// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("The pivots of a leaf, against a sorted list of them,")
class LeafPivotsTest {
    private static final int HIGH = LeafNode.LANES_FROM_LEVEL;
    private static final int ROUNDS = 3_000;

    private final Random random = new Random(1);

    /** The lower bound of the leaf, as a key. */
    private long floor;

    /** Returns the pivots of a leaf, as keys, at granules of 16^e, in a span that requires such granules. */
    private long[] pivots(int e) {
        int shift = 4 * e;
        // For smaller spans, the next smaller granules would suffice.
        long least = e == 0 ? 17 : (1 << 11) + 1;
        long most = e == 13 ? 1 << 12 : 1 << 15;
        long span = least + random.nextLong(most - least + 1);
        TreeSet<Long> distances = new TreeSet<>(List.of(0L));
        int size = 1 + random.nextInt(16);
        while (distances.size() < size) {
            distances.add(random.nextLong(span));
        }
        long length = (span << shift) - 1;
        long last = Node.flip(
                random.nextInt(4) == 0 || e >= 12 ? -1L : length + random.nextLong(Long.MAX_VALUE - length) | 1);
        floor = last - length;
        return distances.descendingSet().stream()
                .mapToLong(d -> last - (d << shift))
                .toArray();
    }

    private static void assertPivots(long[] expected, long[] words) {
        long[] told = new long[expected.length];
        Arrays.setAll(told, i -> LeafNode.pivot(words, i));
        assertArrayEquals(expected, told);
    }

    private void assertFound(long[] pivots, long[] words) {
        long last = pivots[pivots.length - 1];
        for (int i = 0; i < 40; i++) {
            long near = pivots[random.nextInt(pivots.length)] + random.nextInt(5) - 2;
            long key = i < 20 ? near : floor + Long.remainderUnsigned(random.nextLong(), last - floor);
            if (key < floor || key > last) {
                continue;
            }
            int slot = 0;
            while (pivots[slot] < key) {
                slot++;
            }
            assertEquals(slot, LeafNode.find(words, key));
            if (Node.isEven(last) == 0 && !LeafNode.hasEven(words)) {
                long lastHalf = Node.half(last);
                assertEquals(slot, LeafNode.find(words, LeafNode.form(words), lastHalf, Node.flip(key)));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13})
    @DisplayName("are stored as lanes in the least granule that their span allows, or as halves, and found")
    void storedAndFound(int e) {
        for (int round = 0; round < ROUNDS; round++) {
            long[] pivots = pivots(e);
            long[] lanes = LeafNode.pivotsOf(pivots, 0, pivots.length, floor, HIGH);
            assertEquals(e, LeafNode.form(lanes));
            assertPivots(pivots, lanes);
            assertFound(pivots, lanes);
            long[] halves = LeafNode.pivotsOf(pivots, 0, pivots.length, floor, HIGH - 1);
            assertEquals(LeafNode.HALVES, LeafNode.form(halves));
            assertPivots(pivots, halves);
            assertFound(pivots, halves);
            assertArrayEquals(halves, LeafNode.halves(lanes, pivots.length));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13})
    @DisplayName("are stored as halves if one is not at a granule")
    void notAtGranules(int e) {
        for (int round = 0; round < ROUNDS; round++) {
            long[] pivots = pivots(e);
            if (pivots.length > 1) {
                pivots[random.nextInt(pivots.length - 1)] += 1 + random.nextInt((1 << Math.min(4 * e, 30)) - 1);
                long[] words = LeafNode.pivotsOf(pivots, 0, pivots.length, floor, HIGH);
                assertEquals(LeafNode.HALVES, LeafNode.form(words));
                assertPivots(pivots, words);
                assertFound(pivots, words);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 3, 8, 13})
    @DisplayName("change as the list does when a range becomes one slot, in either form")
    void changed(int e) {
        for (int round = 0; round < ROUNDS; round++) {
            long[] pivots = pivots(e);
            long last = pivots[pivots.length - 1];
            long granules = ((last - floor) >>> (4 * e)) + 1;
            long from = random.nextLong(granules);
            long lo = round % 3 == 0 && pivots.length > 1
                    ? pivots[random.nextInt(pivots.length - 1)] + 1
                    : last - (from << (4 * e)) + 1;
            if (lo > last || lo < floor) {
                lo = floor;
            }
            long hi = last - (random.nextLong(((last - lo) >>> (4 * e)) + 1) << (4 * e));
            int i = slot(pivots, lo);
            int j = slot(pivots, hi);
            int at = LeafNode.at(pivotsOf(pivots), floor, lo, i);
            int tail = LeafNode.tail(pivotsOf(pivots), hi, j);
            TreeSet<Long> expected = new TreeSet<>();
            for (long pivot : pivots) {
                if (pivot < lo || pivot > hi) {
                    expected.add(pivot);
                }
            }
            if (lo > floor) {
                expected.add(lo - 1);
            }
            expected.add(hi);
            if (expected.size() <= Node.FANOUT) {
                long[] list = expected.stream().mapToLong(key -> key).toArray();
                long[] lanes = LeafNode.pivotsOf(pivots, 0, pivots.length, floor, HIGH);
                assertChanged(list, lanes, lo, hi, i, at, tail);
                assertChanged(list, LeafNode.halves(lanes, pivots.length), lo, hi, i, at, tail);
                if (e > 0) {
                    assertNull(LeafNode.change(lanes, lo, hi - 1, i, at, tail));
                    assertNull(LeafNode.change(lanes, lo + 1, hi, i, i + 1, tail));
                }
            }
        }
    }

    private static long[] pivotsOf(long[] keys) {
        return LeafNode.pivotsOf(keys, 0, keys.length, Node.MIN, 0);
    }

    private static int slot(long[] pivots, long key) {
        return (int) Arrays.stream(pivots).filter(pivot -> pivot < key).count();
    }

    private void assertChanged(long[] list, long[] words, long lo, long hi, int i, int at, int tail) {
        long[] before = words.clone();
        long[] changed = Objects.requireNonNull(LeafNode.change(words, lo, hi, i, at, tail));
        assertArrayEquals(before, words);
        assertEquals(LeafNode.form(words), LeafNode.form(changed));
        assertPivots(list, changed);
        assertFound(list, changed);
        long[] made = LeafNode.pivotsOf(list, 0, list.length, floor, levelOf(words));
        assertArrayEquals(made, changed);
    }

    /** Returns the level of a root whose leaves use this form. */
    private static int levelOf(long[] words) {
        return LeafNode.form(words) == LeafNode.HALVES ? 0 : HIGH;
    }
}
