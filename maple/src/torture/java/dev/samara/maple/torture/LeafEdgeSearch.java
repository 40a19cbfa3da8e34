// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import dev.samara.maple.MapleTree;
import dev.samara.maple.ThreeLeaves;
import dev.samara.maple.TwoLeaves;
import dev.samara.maple.Writer;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * A search that crosses the edge of a leaf, in a separate tree. The end of one leaf is empty, so the result is in
 * another leaf. The writer repeats three edits: it stores an entry in that empty end, then replaces the old result, and
 * then erases the entry. So the replacement is the nearest entry only after the third edit.
 */
final class LeafEdgeSearch implements Actor {
    private static final int CYCLES = 100;

    /**
     * The number of states in a cycle: the end of the leaf is empty; it contains an entry; and the old result beyond it
     * was replaced.
     */
    private static final int STATES = 3;

    private final MapleTree<Integer> tree;
    private final boolean upwards;
    private final int near;
    private final int far;
    private final Numbers numbers = new Numbers(1);
    private int cycle;

    private LeafEdgeSearch(MapleTree<Integer> tree, int near, int far) {
        this.tree = tree;
        upwards = near < far;
        this.near = near;
        this.far = far;
        tree.store(TwoLeaves.first(far), TwoLeaves.last(far), farValue(0));
    }

    /**
     * Creates a tree of two leaves, with nothing between the key and the edge.
     *
     * @param upwards whether the search crosses from the lower leaf to the upper one
     */
    static LeafEdgeSearch ofTwoLeaves(boolean upwards) {
        MapleTree<Integer> tree = new TwoLeaves<>(cell -> 0).tree;
        if (!upwards) {
            return new LeafEdgeSearch(tree, TwoLeaves.UPPER, TwoLeaves.UPPER - 1);
        }
        LeafEdgeSearch edge = new LeafEdgeSearch(tree, TwoLeaves.UPPER - 2, TwoLeaves.UPPER);
        tree.erase(TwoLeaves.first(TwoLeaves.UPPER - 1), TwoLeaves.last(TwoLeaves.UPPER - 1));
        return edge;
    }

    /** Creates a tree in which a leaf of reservations is between the two leaves. */
    static LeafEdgeSearch beyondReservations(boolean upwards) {
        MapleTree<Integer> tree = new ThreeLeaves<>(cell -> 0).tree;
        return upwards
                ? new LeafEdgeSearch(tree, ThreeLeaves.LOWER_END, ThreeLeaves.UPPER_START + 1)
                : new LeafEdgeSearch(tree, ThreeLeaves.UPPER_START, ThreeLeaves.LOWER_END - 1);
    }

    private static int farValue(int cycle) {
        return 2 * cycle;
    }

    private static int nearValue(int cycle) {
        return 2 * cycle + 1;
    }

    @Override
    public void step(Random random) {
        // Uses a writer and does nothing between the two stores: the test needs searches that visited one leaf before
        // both stores, and the other leaf after them.
        try (Writer<Integer> writer = tree.writer()) {
            for (int n = 0; n < CYCLES; n++) {
                Integer nearNow = nearValue(cycle);
                Integer farNext = farValue(cycle + 1);
                numbers.begin(0);
                numbers.begin(0);
                writer.store(TwoLeaves.first(near), TwoLeaves.last(near), nearNow);
                writer.store(TwoLeaves.first(far), TwoLeaves.last(far), farNext);
                numbers.end(0);
                numbers.begin(0);
                writer.erase(TwoLeaves.first(near), TwoLeaves.last(near));
                numbers.end(0);
                cycle++;
            }
        }
    }

    /** Searches across the edge. */
    Actor searcher(Checker checker) {
        return random -> {
            for (int n = 0; n < 10 * CYCLES; n++) {
                int from = numbers.done(0);
                Integer found =
                        upwards ? tree.atOrAfter(TwoLeaves.first(near)) : tree.atOrBefore(TwoLeaves.first(near));
                int to = numbers.begun(0);
                boolean holds = mayBe(found, from, to);
                checker.check(holds, holds ? "" : "in states " + from + " to " + to + ": " + found);
                if (from != to) {
                    checker.overlapped();
                }
            }
        };
    }

    private static boolean mayBe(@Nullable Integer found, int from, int to) {
        if (found == null) {
            return false;
        }
        int first = found / 2 * STATES;
        return found % 2 == 0 ? first >= from && first <= to : first + 1 <= to && first + 2 >= from;
    }
}
