// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/**
 * The one boundary between two slots of a leaf that can be moved in place. A range that grows into its neighbour, or
 * shrinks, then costs one store and no allocation.
 *
 * <pre>
 *   pivots before   [ 0x0fff | 0x2fff | 0x8fff | ... ]      slot 1 contains a value, slot 2 is free
 *   pivots after    [ 0x0fff | 0x3fff | 0x8fff | ... ]      slot 1 grew by a page
 * </pre>
 *
 * <p>A leaf has at most one movable boundary, which is fixed when the leaf is created: if the edit that creates the
 * leaf moves one boundary and leaves all contents unchanged, that boundary is movable from then on. The array of pivots
 * records it. The first move of a boundary thus creates a leaf, and later moves of the same boundary do not. All else
 * in a leaf is immutable. So a reader that reads the movable pivot once sees all pivots as they were at that load, in
 * whichever order it reads the other pivots. A search reads each pivot at most once.
 *
 * <p>Code that reads pivots again after a search, concurrently with the writer, must expect a move in between. {@link
 * Cursor} handles it; other code searches a copy ({@link #seen}). The boundary of a free range at either end of the
 * leaf is never movable, because {@link Nearest} infers from a leaf that is still in its slot that this range is still
 * free.
 *
 * <p>The writer may move the boundary only while a single node, of the open era, refers to the leaf ({@link
 * Node#ownsLeaf}), and a single leaf refers to the pivots.
 */
final class LeafBoundary {

    /** Means that no boundary is movable. Neither a slot number nor a slot number minus 1. */
    static final int NONE = -2;

    /** The bits of the last word of pivots from here on record the boundary; {@link LeafPivots} uses those below. */
    private static final int MOVABLE = 32;

    private LeafBoundary() {}

    /** Returns the slot before the movable boundary, or {@link #NONE}. */
    static int of(long[] pivots) {
        return (int) (pivots[pivots.length - 1] >>> MOVABLE) + NONE;
    }

    /**
     * Returns the slot before the only boundary that an edit changes, if the edit leaves all contents of the leaf
     * unchanged; else {@link #NONE}. The edit stores {@code content} in {@code [lo, hi]}, whose ends are in slots i and
     * j; see {@link LeafEdit}.
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
     * Makes the boundary after slot {@code i} of a leaf movable, if it may be and {@code i} is not {@link #NONE}. The
     * leaf must not be reachable by other code yet, and no other leaf may share its pivots.
     */
    static void makeMovable(@Nullable Object[] leaf, int i) {
        if (i == NONE) {
            return;
        }
        long[] pivots = LeafNode.pivots(leaf);
        int last = LeafNode.size(leaf) - 1;
        boolean isAtFreeEnd = (i == 0 && LeafNode.content(leaf, 0) == null)
                || (i + 1 == last && LeafNode.content(leaf, last) == null);
        if (!isAtFreeEnd && !LeafPivots.hasEven(pivots)) {
            pivots[pivots.length - 1] |= (long) (i - NONE) << MOVABLE;
        }
    }

    /**
     * Moves the movable boundary, after slot {@code i}, to a key that {@linkplain LeafPivots#canBeStored can be
     * stored}, and so publishes it to readers. The caller must hold the writer lock, and a node of the open era must
     * own the leaf. Pairs with {@link LeafPivots#endRead}: a reader that finds an index on the new side of the boundary
     * sees everything that the writer did before, and sees no older state afterwards.
     */
    static void move(long[] pivots, int i, long to) {
        // A store of one word, so a reader sees either the old bound or the new one. Other lanes of the word keep their
        // bits.
        Node.setWordRelease(pivots, LeafPivots.wordOf(i, pivots), LeafPivots.word(i, pivots, to));
    }

    /** Returns the pivots of one instant: a copy if one of them is movable. */
    static long[] seen(long[] pivots) {
        return of(pivots) == NONE ? pivots : pivots.clone();
    }

    /** Returns these pivots for use in another leaf: if a boundary is movable, a copy in which it is not. */
    static long[] shared(long[] pivots) {
        if (of(pivots) == NONE) {
            return pivots;
        }
        long[] copy = pivots.clone();
        copy[copy.length - 1] = (int) copy[copy.length - 1];
        return copy;
    }
}
