// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import dev.samara.maple.MapleTree;
import java.util.concurrent.atomic.LongAdder;

/**
 * The tree that all actors work on, and where each works: an area of its own, in cells of {@link #CELL} indexes.
 * Whatever is stored by cells ends at odd indexes, as lookups by halves alone want it; {@link RandomEdits} disturbs
 * that now and then.
 */
final class TortureTree {
    static final long CELL = 16;

    final MapleTree<Mark> tree = new MapleTree<>();

    private final LongAdder edits = new LongAdder();
    private long end = CELL;

    /** Takes an area, before the actors start; answers its first index. */
    long area(int cells) {
        long start = end;
        end += cells * CELL;
        return start;
    }

    /**
     * Takes an area of single cells that are far from each other, each in a leaf of its own: the ranges between are
     * full of entries that are never changed.
     *
     * @return the first index of each
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

    /** The last index of the cell that begins there. */
    static long last(long first) {
        return first + CELL - 1;
    }

    /** Says that the tree has been edited. */
    void edited() {
        edits.increment();
    }

    /** About how many edits there have been. */
    long edits() {
        return edits.sum();
    }
}
