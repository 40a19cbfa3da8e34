// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

import dev.samara.maple.MapleTree;
import dev.samara.maple.TwoLeaves;

/**
 * A cell that is always taken, alternately by a value and by a reservation. Another reservation always stays in its
 * leaf, so that the leaf can be replaced in place in either state.
 */
final class Taking {
    static final int FREE = 0;
    static final int VALUE = 1;
    static final int RESERVED = 2;
    static final int NEITHER = 3;

    private static final int CELL = 8;
    private static final int OTHER = 7;
    private static final Object OWNER = new Object();

    /** The type is Object: with a narrower type, a marker that leaks out would cause a ClassCastException. */
    final TwoLeaves<Object> cells = new TwoLeaves<>(cell -> cell);

    private final MapleTree<Object> tree = cells.tree;

    Taking() {
        tree.reserve(TwoLeaves.first(OTHER), TwoLeaves.last(OTHER), OWNER);
    }

    void reserve() {
        tree.update(
                transaction -> transaction.replaceByReservation(TwoLeaves.first(CELL), TwoLeaves.last(CELL), OWNER));
    }

    void reserveInTwoEdits() {
        tree.erase(TwoLeaves.first(CELL), TwoLeaves.last(CELL));
        tree.reserve(TwoLeaves.first(CELL), TwoLeaves.last(CELL), OWNER);
    }

    void store() {
        tree.store(TwoLeaves.first(CELL), TwoLeaves.last(CELL), CELL, OWNER);
    }

    /** Returns the content of the cell in the lookup view. */
    int found() {
        Object found = cells.get(CELL);
        return found == null ? FREE : found instanceof Integer ? VALUE : NEITHER;
    }

    /** Returns the content of the cell in the allocation view. */
    int taken() {
        if (tree.isFree(TwoLeaves.first(CELL), TwoLeaves.last(CELL))) {
            return FREE;
        }
        return tree.reservationAt(TwoLeaves.first(CELL)) == null ? VALUE : RESERVED;
    }
}
