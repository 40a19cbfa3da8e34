// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import dev.samara.maple.MapleTree;
import java.util.concurrent.atomic.LongAdder;

/**
 * The tree that all actors share, and the area of each actor. Areas consist of cells of {@link #CELL} indexes. Cells
 * end at odd indexes, so that lookups need to compare only halves; {@link RandomEdits} disturbs this occasionally.
 */
final class TortureTree {
    static final long CELL = 16;

    final MapleTree<Mark> tree = new MapleTree<>();

    private final LongAdder edits = new LongAdder();
    private long end = CELL;

    /** Allocates an area, before the actors start; returns its first index. */
    long area(int cells) {
        long start = end;
        end += cells * CELL;
        return start;
    }

    /**
     * Allocates single cells that are far from each other, each in a different leaf: the ranges in between are full of
     * entries that never change.
     *
     * @return the first index of each cell
     */
    long[] scattered(int cells, Object actor) {
        int between = 32;
        long[] firsts = new long[cells];
        for (int n = 0; n < cells; n++) {
            firsts[n] = area(1);
            for (int k = 0; k < between; k++) {
                long first = area(1);
                if (k % 2 == 1) {
                    tree.store(first, last(first), new Mark(actor, -1, 0));
                }
            }
        }
        return firsts;
    }

    /** Returns the last index of the cell that starts at {@code first}. */
    static long last(long first) {
        return first + CELL - 1;
    }

    /** Records an edit of the tree. */
    void edited() {
        edits.increment();
    }

    /** Returns the approximate number of edits so far. */
    long edits() {
        return edits.sum();
    }
}
