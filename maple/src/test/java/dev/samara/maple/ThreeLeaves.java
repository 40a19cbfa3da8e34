// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.function.IntFunction;

/**
 * A tree of three leaves in an open era. That in the middle has reservations only: a search that begins in the empty
 * end of an outer leaf finds nothing there, nothing in the middle, and the answer in the other outer leaf. Edits of the
 * outer leaves are put in place.
 *
 * <p>Cells are those of {@link TwoLeaves}; the content of the odd ones stays, or is replaced by another value:
 *
 * <pre>
 *   cell   0    1    2  ...   10    11    12  ||  13   14  ...   24   25 ||  26    27    28  ...   37
 *             entry              |entry|  free||  res.                res.|| free |entry|         entry
 * </pre>
 *
 * @param <V> the type of values
 */
public final class ThreeLeaves<V> {
    /** The last cell of the lower leaf: free until a test stores there. */
    public static final int LOWER_END = 12;

    /** The first cell of the upper leaf: free until a test stores there. */
    public static final int UPPER_START = 26;

    private static final int END = 38;

    public final MapleTree<V> tree;

    /**
     * A tree as described.
     *
     * @param values the value of the entry in a cell
     */
    public ThreeLeaves(IntFunction<? extends V> values) {
        TreeBuilder<V> builder = new TreeBuilder<>();
        for (int cell = 1; cell < END; cell += 2) {
            builder.add(TwoLeaves.first(cell), TwoLeaves.last(cell), values.apply(cell));
        }
        tree = builder.build();
        tree.update(t -> {
            for (int cell = LOWER_END + 1; cell < UPPER_START; cell += 2) {
                t.replaceByReservation(TwoLeaves.first(cell), TwoLeaves.last(cell), this);
            }
        });
        // Begins the era.
        store(LOWER_END, values.apply(LOWER_END));
        erase(LOWER_END);
    }

    public void store(int cell, V value) {
        tree.store(TwoLeaves.first(cell), TwoLeaves.last(cell), value);
    }

    public void erase(int cell) {
        tree.erase(TwoLeaves.first(cell), TwoLeaves.last(cell));
    }
}
