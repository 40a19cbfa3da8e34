// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * A tree of two levels in an open era, so that an edit of one leaf is put in that leaf's place, with few entries and
 * both sides of the edge between two leaves at hand.
 *
 * <p>The index space is divided into <em>cells</em>, 16 indexes each; so all pivots are odd, and lookups go by halves
 * alone. The <em>window</em> is for tests. What is around it stays, and is enough to keep both leaves from being
 * joined, whatever the window holds:
 *
 * <pre>
 *   cell    0    1    2    3    4    5  |  6    7    8  ||  9   10   11  | 12   13   14  ...  20   21
 *         stone     stone     stone stone| entry     entry||   entry     |stone     stone    stone
 *                                          '--------- window ----------'
 *                                                 edge --^
 * </pre>
 *
 * @param <V> the type of values
 */
public final class TwoLeaves<V> {
    public static final int WINDOW = 6;

    /**
     * The first cell of the window that is in the upper leaf, as long as no edit of the window has crossed the edge.
     */
    public static final int UPPER = 9;

    public static final int WINDOW_END = 12;

    /** The lowest cell that is never stored in, nor is any above it. */
    public static final int END = 21;

    private static final int SIZE = 16;

    public final MapleTree<V> tree = new MapleTree<>();

    /**
     * A tree with its stones, and with entries in cells 6, 8 and 10.
     *
     * @param values the value of the entry in a cell
     */
    public TwoLeaves(IntFunction<? extends V> values) {
        this(values, null);
    }

    /**
     * A tree with entries in cells 6, 8 and 10, whose stones are reservations if an owner is given.
     *
     * @param values the value of the entry in a cell
     * @param owner of the stones; null for entries
     */
    public TwoLeaves(IntFunction<? extends V> values, @Nullable Object owner) {
        // In this order: the first leaf is cut in two as cell 16 is stored.
        for (int cell = 0; cell < END; cell += 2) {
            put(cell, values.apply(cell), owner);
        }
        // In one leaf: begins the era.
        put(5, values.apply(5), owner);
    }

    private void put(int cell, V value, @Nullable Object owner) {
        if (owner == null || isInWindow(cell)) {
            store(cell, value);
        } else {
            tree.reserve(first(cell), last(cell), owner);
        }
    }

    static boolean isInWindow(int cell) {
        return cell >= WINDOW && cell < WINDOW_END;
    }

    public static long first(int cell) {
        return (long) cell * SIZE;
    }

    public static long last(int cell) {
        return first(cell) + SIZE - 1;
    }

    public void store(int cell, V value) {
        store(cell, cell, value);
    }

    public void store(int from, int to, V value) {
        tree.store(first(from), last(to), value);
    }

    public void erase(int cell) {
        tree.erase(first(cell), last(cell));
    }

    public @Nullable V get(int cell) {
        return tree.get(first(cell));
    }
}
