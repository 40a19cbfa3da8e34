// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/**
 * The boundary between two slots of a leaf that moves in place: a range that grows or shrinks beside its neighbour
 * costs one store, and no memory.
 *
 * <pre>
 *   pivots before   [ 0x0fff | 0x2fff | 0x8fff | ... ]      slot 1 has a value, slot 2 is free
 *   pivots after    [ 0x0fff | 0x3fff | 0x8fff | ... ]      slot 1 has grown by a page
 * </pre>
 *
 * <p>A leaf has at most one boundary that moves, all its life: that of the edit which created the leaf, if the edit
 * moved one boundary and left all contents as they were. The pivots name it. The first move thus creates a leaf, and
 * later moves of the same boundary need none. All else in a leaf is immutable. So a reader that reads the moving pivot
 * once has the pivots of one instant, in whatever order it reads the others: the instant of that one load. A search
 * reads each pivot at most once.
 *
 * <p>Code that reads pivots after a search, beside the writer, copes with a move between the two: {@link Cursor}, and
 * {@link #seen} for the others. The boundary of a free range at an end of the leaf does not move, since {@link Nearest}
 * concludes from a leaf which is still in its place that there is still no entry.
 *
 * <p>The writer may move the boundary only while one node has the leaf, one of the open era ({@link Node#ownsLeaf}),
 * and one leaf has the pivots.
 */
final class LeafBoundary {

    /** In place of the slot before the boundary: there is none. Not a slot, nor the number before one. */
    static final int NONE = -2;

    /** The bits of the last word of pivots from here on name the boundary; those below belong to {@link LeafPivots}. */
    private static final int NAME = 32;

    private LeafBoundary() {}

    /** Returns the slot before the boundary that moves, or {@link #NONE}. */
    static int of(long[] pivots) {
        return (int) (pivots[pivots.length - 1] >>> NAME) + NONE;
    }

    /**
     * Returns the slot before the only boundary that changes, if the contents of a leaf stay as they are when {@code
     * [lo, hi]}, with its ends in slots i and j, gets a content; see {@link LeafEdit}. Else {@link #NONE}.
     */
    static int changed(@Nullable Object[] leaf, int i, int j, int at, int tail, @Nullable Object content) {
        if (j != i + 1) {
            return NONE;
        }
        boolean growsUp = at == i && tail == j && LeafNode.content(leaf, i) == content;
        boolean growsDown = at == j && tail == j + 1 && LeafNode.content(leaf, j) == content;
        return growsUp || growsDown ? i : NONE;
    }

    /**
     * Lets the boundary after slot {@code i} of a leaf move from now on, if it can, and if it is not {@link #NONE}. No
     * other code has the leaf yet, and no other leaf its pivots.
     */
    static void name(@Nullable Object[] leaf, int i) {
        if (i == NONE) {
            return;
        }
        long[] pivots = LeafNode.pivots(leaf);
        int last = LeafNode.size(leaf) - 1;
        boolean isAtFreeEnd = (i == 0 && LeafNode.content(leaf, 0) == null)
                || (i + 1 == last && LeafNode.content(leaf, last) == null);
        if (!isAtFreeEnd && !LeafPivots.hasEven(pivots)) {
            pivots[pivots.length - 1] |= (long) (i - NONE) << NAME;
        }
    }

    /**
     * Moves the boundary after slot {@code i}, which the pivots name, to an index that they can store; readers see it
     * from now on. The caller must hold the writer lock, and have a node of the open era that owns the leaf. Pairs with
     * {@link LeafPivots#endRead}: a reader that finds an index on its new side sees all that the writer did before, and
     * does not see older states afterwards.
     */
    static void move(long[] pivots, int i, long to) {
        // One word, so a reader has the old bound or the new one. Those that share a word of lanes stay as they are.
        Node.setWordRelease(pivots, LeafPivots.wordOf(i, pivots), LeafPivots.word(i, pivots, to));
    }

    /** Returns these pivots as they are now; a copy, if one of them moves. */
    static long[] seen(long[] pivots) {
        return of(pivots) == NONE ? pivots : pivots.clone();
    }

    /** Returns these pivots for another leaf: a copy without a boundary that moves, if there is one. */
    static long[] shared(long[] pivots) {
        if (of(pivots) == NONE) {
            return pivots;
        }
        long[] copy = pivots.clone();
        copy[copy.length - 1] = (int) copy[copy.length - 1];
        return copy;
    }
}
