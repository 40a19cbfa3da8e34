// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/**
 * The path from a root to a leaf along which an edit replaces a child, and the ownership of its nodes. It is a base
 * class of {@link Splice} rather than a separate object, to save an indirection.
 *
 * <p>A node is <em>owned</em>, i.e. may be written, from its creation until {@link #disown()}, as long as it is on the
 * path. Invariant: an owned node is reachable only from the caller's root and from cursors of its transaction. These
 * cursors compare the identity of the root, and never read nodes below a root that is not the latest. So {@code disown}
 * must be called before a root is published or passed to other code.
 */
abstract sealed class OwnedPath permits LevelRebuild {

    /*
     * When one node replaces one node, the bounds in the levels above do not change. Each node of the path above is
     * copied with one slot changed; the copy shares the array of halves.
     *
     * A second edit nearby in the same transaction need not copy the path again. At the first owned node of the path,
     * it writes the slot in place, and the gaps in the owned nodes above. Only the root is replaced by a new object
     * with the same arrays, so that cursors detect the change. But the copying continues to the next level if the notes
     * of the child (Node.notes) change, or if gaps change in an array that older nodes share.
     *
     * All allocation precedes the first write to an owned node. So an edit that throws OutOfMemoryError changes
     * nothing.
     *
     * The largest gap of a leaf is computed from its slots and its lower bound. The largest gap of an inner node is the
     * maximum of the gaps of its children.
     */

    static final @Nullable Object[] NO_LEAF = {};

    /** Returned by {@link #prepareGaps} instead of a level if gaps cannot be written in place. */
    private static final int SHARED = -1;

    Era era = Node.EMPTY.era;

    /** The level of the latest descent's root; 0 if {@link #left} is empty. */
    int top = Node.MAX_LEVELS - 1;

    /* The path: the node at each level above the leaves, and the slot taken in it or in the leaf. */
    final Node[] left = new Node[Node.MAX_LEVELS];
    final int[] leftAt = new int[Node.MAX_LEVELS];

    /** The leaf at the end of the path. */
    @Nullable
    Object[] leftLeaf = NO_LEAF;

    /** The lower bound of the leaf. */
    long floor;

    /** A bit for each level, set if the node in {@link #left} is owned. */
    private int owned;

    /** A bit for each level, set if no other node shares the array of gaps of the owned node. */
    private int ownedGaps;

    /** The gaps to be written to owned nodes, by level. */
    private final long[] newGaps = new long[Node.MAX_LEVELS];

    OwnedPath() {}

    /** Begins an edit or a transaction that creates nodes of the given era. */
    final void begin(Era era) {
        disown();
        this.era = era;
    }

    /** Returns the era of the nodes created since the latest call of begin or endEra. */
    final Era era() {
        return era;
    }

    /** Ends the era, so that the latest root may be retained, like that of a snapshot. */
    final void endEra() {
        disown();
        era = new Era(false);
    }

    /** Ends the ownership of all nodes, so that other code may retain any root returned so far. */
    final void disown() {
        owned = 0;
        for (; top > 0; top--) {
            left[top] = Node.EMPTY;
        }
        leftLeaf = NO_LEAF;
    }

    /** Ends the ownership of all nodes, but keeps the path. */
    final void disownOnPath() {
        owned = 0;
    }

    private boolean isOwned(int level) {
        return (owned >>> level & 1) != 0;
    }

    private boolean ownsGaps(int level) {
        return (owned & ownedGaps & 1 << level) != 0;
    }

    final void descend(Node root, long lo) {
        top = root.level;
        floor = Keys.MIN;
        Node n = root;
        for (int level = top; ; level--) {
            if (left[level] != n) {
                owned &= ~(1 << level);
                left[level] = n;
            }
            int i = n.find(lo);
            leftAt[level] = i;
            floor = n.lowerBound(i, floor);
            if (level == 1) {
                leftLeaf = n.leaf(i);
                leftAt[0] = LeafNode.find(leftLeaf, lo);
                return;
            }
            n = n.child(i);
        }
    }

    /** Returns the upper bound of the leaf. */
    final long leafEnd() {
        return left[1].pivot(leftAt[1]);
    }

    /** Returns whether the leaf contains a reservation. */
    final boolean hasReservation() {
        return (left[1].reservedIn >>> leftAt[1] & 1) != 0;
    }

    /**
     * Replaces the child that the path takes at a level. Copies the nodes from there up to the root, or up to the first
     * node that may be written in place.
     *
     * @param newChild a node or a leaf
     * @param newNotes the notes of the child
     * @param newGap the largest gap of the child
     * @return the new root
     */
    final Node replaceChild(int level, Object newChild, int newNotes, long newGap) {
        Object child = newChild;
        int notes = newNotes;
        long gap = newGap;
        for (int l = level; ; l++) {
            Node root = isOwned(l) ? writeChild(l, child, notes, gap) : null;
            if (root != null) {
                return root;
            }
            Node old = left[l];
            Node copy = copyWithChild(old, l, child, notes, gap);
            if (l == top) {
                return copy;
            }
            child = copy;
            notes = copy.notes();
            gap = largestGap(old, l, gap);
        }
    }

    /** Copies the node at a level with another child; the copy becomes owned. */
    private Node copyWithChild(Node old, int level, Object child, int notes, long gap) {
        Node copy = old.withChild(leftAt[level], child, notes, gap, era);
        int bit = 1 << level;
        boolean hasOwnGaps = copy.gaps != old.gaps || ownsGaps(level);
        left[level] = copy;
        owned |= bit;
        ownedGaps = hasOwnGaps ? ownedGaps | bit : ownedGaps & ~bit;
        return copy;
    }

    /** Returns the largest gap of a node below the root if the gap of its child on the path were {@code gap}. */
    private long largestGap(Node old, int level, long gap) {
        return old.largestGapWith(leftAt[level], gap, left[level + 1].gaps[leftAt[level + 1]]);
    }

    /**
     * Writes a child to the owned node at a level, and the changed gaps to that node and those above.
     *
     * @return the new root; or null, without having written anything, if more nodes must be copied
     */
    private @Nullable Node writeChild(int level, Object child, int notes, long gap) {
        Node n = left[level];
        if (notes != n.notes(leftAt[level])) {
            return null;
        }
        int end = prepareGaps(level, gap);
        if (end == SHARED) {
            return null;
        }
        // This last allocation precedes the first write, because an edit that throws must not have written anything.
        Node root = left[top].copy();
        n.setChild(leftAt[level], child);
        for (int l = level; l < end; l++) {
            left[l].gaps[leftAt[l]] = newGaps[l];
        }
        left[top] = root;
        return root;
    }

    /**
     * Computes the gaps that change from a level upwards, into {@link #newGaps}.
     *
     * @return the first level whose gap does not change; {@link #SHARED} if a gap changes in an array that older nodes
     *     share
     */
    private int prepareGaps(int level, long newGap) {
        long gap = newGap;
        int l = level;
        for (; l <= top && left[l].gaps[leftAt[l]] != gap; l++) {
            if (!ownsGaps(l)) {
                return SHARED;
            }
            newGaps[l] = gap;
            if (l < top) {
                gap = largestGap(left[l], l, gap);
            }
        }
        return l;
    }

    /** Drops the references to nodes that are not owned, and to values. */
    final void forgetPath() {
        for (int level = 1; level <= top; level++) {
            if (!isOwned(level)) {
                left[level] = Node.EMPTY;
            }
        }
        leftLeaf = NO_LEAF;
    }
}
