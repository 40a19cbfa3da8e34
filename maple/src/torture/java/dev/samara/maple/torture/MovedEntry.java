// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import dev.samara.maple.MapleTree;
import dev.samara.maple.TwoLeaves;
import dev.samara.maple.Writer;
import java.util.Random;

/**
 * The only entry, and in another tree the only reservation, is moved between two leaves. During each move it is briefly
 * in both leaves, so a reader that visits both leaves finds it.
 */
final class MovedEntry implements Actor {
    private static final int TURNS = 50;
    private static final int LOW = TwoLeaves.WINDOW + 1;
    private static final int HIGH = TwoLeaves.UPPER + 1;

    /** An occupied cell, which prevents a merge of the free ranges of the two leaves. */
    private static final int BETWEEN = TwoLeaves.UPPER;

    private final Object owner = new Object();

    /** The tree whose only entry moves; it is surrounded by reservations. */
    private final TwoLeaves<Integer> entries = new TwoLeaves<>(cell -> cell, owner);

    /** The tree whose only reservation moves; it is surrounded by entries. */
    private final TwoLeaves<Integer> reservations = new TwoLeaves<>(cell -> cell);

    MovedEntry() {
        MapleTree<Integer> tree = entries.tree;
        tree.reserve(TwoLeaves.first(BETWEEN), TwoLeaves.last(BETWEEN), owner);
        tree.erase(TwoLeaves.first(TwoLeaves.WINDOW), TwoLeaves.last(TwoLeaves.UPPER - 1));
        reservations.store(BETWEEN, 0);
        reservations.erase(HIGH);
        reserve(HIGH);
    }

    private void reserve(int cell) {
        reservations.tree.reserve(TwoLeaves.first(cell), TwoLeaves.last(cell), owner);
    }

    private void unreserve(int cell) {
        reservations.tree.erase(TwoLeaves.first(cell), TwoLeaves.last(cell), owner);
    }

    @Override
    public void step(Random random) {
        try (Writer<Integer> writer = entries.tree.writer()) {
            for (int n = 0; n < TURNS; n++) {
                writer.store(TwoLeaves.first(LOW), TwoLeaves.last(LOW), n);
                writer.erase(TwoLeaves.first(HIGH), TwoLeaves.last(HIGH));
                writer.store(TwoLeaves.first(HIGH), TwoLeaves.last(HIGH), n);
                writer.erase(TwoLeaves.first(LOW), TwoLeaves.last(LOW));
            }
        }
        for (int n = 0; n < TURNS; n++) {
            reserve(LOW);
            unreserve(HIGH);
            reserve(HIGH);
            unreserve(LOW);
        }
    }

    /** Looks for the entry and the reservation. */
    Actor seeker(Checker checker) {
        MapleTree<Integer> tree = entries.tree;
        long first = TwoLeaves.first(LOW);
        long last = TwoLeaves.last(HIGH);
        return random -> {
            for (int n = 0; n < 5 * TURNS; n++) {
                checker.check(!tree.isEmpty(), "empty");
                checker.check(tree.atOrAfter(first) != null, "nothing at or after");
                checker.check(tree.atOrBefore(last) != null, "nothing at or before");
                checker.check(reservations.tree.reservationIn(first, last) != null, "no reservation");
            }
        };
    }
}
