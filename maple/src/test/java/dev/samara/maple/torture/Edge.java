// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import dev.samara.maple.MapleTree;
import dev.samara.maple.TwoLeaves;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * A search that goes over the edge of a leaf, in a tree of two. The rest of the one leaf is empty, so that the answer lies
 * in the other. Over and over: something is stored in that rest, then the old answer is replaced, then the rest is emptied.
 * So the new answer is the nearest only after that.
 */
final class Edge implements Actor {
    private static final int CYCLES = 100;

    /** States of a cycle: the rest is empty; something is there; and the answer beyond it is new. */
    private static final int STATES = 3;

    private final TwoLeaves<Integer> cells = new TwoLeaves<>(cell -> 0);
    private final MapleTree<Integer> tree = cells.tree;
    private final boolean upwards;
    private final int near;
    private final int far;
    private final Numbers numbers = new Numbers(1);
    private int cycle;

    /**
     * Two leaves with nothing between the key and the edge.
     *
     * @param upwards whether the search goes from the lower leaf to the upper
     */
    Edge(boolean upwards) {
        this.upwards = upwards;
        near = upwards ? TwoLeaves.UPPER - 2 : TwoLeaves.UPPER;
        far = upwards ? TwoLeaves.UPPER : TwoLeaves.UPPER - 1;
        cells.store(far, farValue(0));
        if (upwards) {
            cells.erase(TwoLeaves.UPPER - 1);
        }
    }

    private static int farValue(int cycle) {
        return 2 * cycle;
    }

    private static int nearValue(int cycle) {
        return 2 * cycle + 1;
    }

    @Override
    public void step(Random random) {
        for (int n = 0; n < CYCLES; n++) {
            numbers.begin(0);
            cells.store(near, nearValue(cycle));
            numbers.end(0);
            numbers.begin(0);
            cells.store(far, farValue(cycle + 1));
            numbers.end(0);
            numbers.begin(0);
            cells.erase(near);
            numbers.end(0);
            cycle++;
        }
    }

    /** Searches. */
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
