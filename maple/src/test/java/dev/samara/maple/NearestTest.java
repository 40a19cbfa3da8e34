// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("atOrAfter and atOrBefore agree with a cursor's searches")
class NearestTest {
    private final MapleTree<String> tree = new MapleTree<>();

    private void compareAt(RangeView<String> view, long index) {
        assertEquals(view.cursor().find(index), view.atOrAfter(index));
        assertEquals(view.cursor().findBackward(index), view.atOrBefore(index));
    }

    @Test
    @DisplayName("in an empty tree, and in one of one entry at either end")
    void ends() {
        assertNull(tree.atOrAfter(0));
        assertNull(tree.atOrBefore(-1L));
        tree.store(0, 0, "low");
        tree.store(-1L, -1L, "high");
        assertEquals("low", tree.atOrBefore(-2L));
        assertEquals("high", tree.atOrAfter(1));
        assertEquals("high", tree.atOrAfter(-1L));
        assertEquals("low", tree.atOrBefore(0));
    }

    @Test
    @DisplayName("a search that finds nothing in two leaves goes on in a tree that is not changed in place any more")
    void nothingInTwoLeaves() {
        ThreeLeaves<Integer> cells = new ThreeLeaves<>(cell -> cell);
        assertTrue(cells.tree.era.open);
        assertEquals(ThreeLeaves.UPPER_START + 1, cells.tree.atOrAfter(TwoLeaves.first(ThreeLeaves.LOWER_END)));
        assertFalse(cells.tree.era.open);
        cells.store(1, 100);
        assertTrue(cells.tree.era.open);
        assertEquals(ThreeLeaves.LOWER_END - 1, cells.tree.atOrBefore(TwoLeaves.last(ThreeLeaves.UPPER_START)));
        assertFalse(cells.tree.era.open);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    @DisplayName("beside reservations, after any stores, in the tree, a snapshot and a transaction")
    void random(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        for (int step = 0; step < 3_000; step++) {
            long first = random.nextInt(2_000);
            long last = first + random.nextInt(40);
            switch (random.nextInt(4)) {
                case 0 -> tree.erase(first, last, this);
                case 1 -> tree.reserve(first, last, this);
                default -> tree.store(first, last, "v" + step, this);
            }
            compareAt(tree, random.nextInt(2_100));
            compareAt(tree.snapshot(), random.nextInt(2_100));
            if (step % 10 == 0) {
                tree.update(transaction -> {
                    transaction.store(first, last, "t", this);
                    compareAt(transaction, random.nextInt(2_100));
                });
            }
        }
    }
}
