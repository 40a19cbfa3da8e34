// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("Stores in ascending or in descending order")
class OrderedStoresTest {
    private static final int STEP = 16;
    private static final int ENTRIES = 6_000;

    /** Stores the ranges of an order, and validates the tree after each of the first ones. */
    private static MapleTree<Integer> stored(boolean ascends, int width, int entries, boolean reserves) {
        MapleTree<Integer> tree = new MapleTree<>();
        for (int n = 0; n < entries; n++) {
            int i = ascends ? n : entries - 1 - n;
            long first = (long) (i + 1) * STEP;
            if (reserves) {
                tree.reserve(first, first + width - 1, "owner");
            } else {
                tree.store(first, first + width - 1, i);
            }
            if (n < 700) {
                tree.validate();
            }
        }
        tree.validate();
        return tree;
    }

    /** Adds the sizes of the nodes of a level, from the lowest node to the highest; 0 is the level of the leaves. */
    private static void addSizes(Node n, int level, List<Integer> sizes) {
        if (n.level == level) {
            sizes.add(n.size());
            return;
        }
        for (int i = 0; i < n.size(); i++) {
            if (n.level == 1) {
                sizes.add(LeafNode.size(n.leaf(i)));
            } else {
                addSizes(n.child(i), level, sizes);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"true, 16", "true, 8", "true, 5", "false, 16", "false, 8", "false, 5"})
    @DisplayName("leave all nodes full, except two at the end of each level")
    void full(boolean ascends, int width) {
        for (boolean reserves : new boolean[] {false, true}) {
            MapleTree<Integer> tree = stored(ascends, width, ENTRIES, reserves);
            Node root = tree.rootAcquire();
            assertTrue(root.level >= 3);
            for (int level = 0; level < root.level; level++) {
                List<Integer> sizes = new ArrayList<>();
                addSizes(root, level, sizes);
                List<Integer> early = ascends ? sizes.subList(0, sizes.size() - 2) : sizes.subList(2, sizes.size());
                assertEquals(
                        List.of(),
                        early.stream().filter(size -> size != Node.FANOUT).toList());
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"true, 16", "true, 8", "false, 16", "false, 8"})
    @DisplayName("make the tree that stores in another order make, for later edits too")
    void sameContents(boolean ascends, int width) {
        MapleTree<Integer> tree = stored(ascends, width, 1_000, false);
        MapleTree<Integer> other = new MapleTree<>();
        for (int n = 0; n < 1_000; n++) {
            int i = n * 7 % 1_000;
            other.store((long) (i + 1) * STEP, (long) (i + 1) * STEP + width - 1, i);
        }
        assertEquals(other.snapshot(), tree.snapshot());
        Random random = new Random(1);
        for (int i = 0; i < 4_000; i++) {
            long first = random.nextInt(1_010 * STEP);
            long last = first + random.nextInt(i % 50 == 0 ? 900 : 40);
            boolean erases = random.nextInt(3) > 0;
            for (MapleTree<Integer> each : List.of(tree, other)) {
                if (erases) {
                    each.erase(first, last);
                } else {
                    each.store(first, last, i);
                }
            }
            tree.validate();
        }
        assertEquals(other.snapshot(), tree.snapshot());
    }

    @Test
    @DisplayName("fill the nodes at both ends if they alternate between the ends")
    void bothEnds() {
        MapleTree<Integer> tree = new MapleTree<>();
        for (int i = 0; i < 2_000; i++) {
            long first = (1L << 40) + (i % 2 == 0 ? i : -i) * (long) STEP;
            tree.store(first, first + 7, i);
            tree.validate();
        }
        assertEquals(2_000, tree.count());
        List<Integer> sizes = new ArrayList<>();
        addSizes(tree.rootAcquire(), 0, sizes);
        assertEquals(
                List.of(),
                sizes.subList(2, sizes.size() - 2).stream()
                        .filter(size -> size != Node.FANOUT)
                        .toList());
    }
}
