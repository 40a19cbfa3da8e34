// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/**
 * The path from a root to a leaf, along which a child is replaced, and the ownership of its nodes. A base class of
 * {@link Splice}, so that an edit follows no further reference.
 *
 * <p>A node is <em>owned</em> from the call that created it until {@link #disown()}, while it is on the path.
 * Invariant: an owned node is reachable only from the caller's root and from cursors of its transaction. These cursors
 * compare the identity of the root, and read no node below a root that is not the newest. So {@code disown} comes
 * before a root is published or passed to other code.
 */
abstract sealed class OwnedPath permits LevelRebuild {

    /*
     * When one node replaces one node, the bounds in the levels above do not change. Each node of the path above is
     * copied with one slot changed, sharing the arrays of halves.
     *
     * A second edit nearby in the same transaction need not copy the path again. Where the path meets an owned node,
     * the slot is written there, and gaps are written in the owned nodes above. Only the root gets another object
     * around its arrays, by which cursors notice the change. Where a note of the child changes, or gaps that are shared
     * with older nodes, the copying continues.
     *
     * All allocation comes before the first write to an owned node. So an edit for which there is no memory has changed
     * nothing.
     *
     * The largest gap of a leaf is computed from its slots, which needs the leaf's lower bound. For inner nodes it is
     * the maximum over the gaps of the children.
     */

    static final @Nullable Object[] NO_LEAF = {};

    /** Instead of a level, in {@link #prepareGaps}: no gap can be written. */
    private static final int SHARED = -1;

    Era era = Node.EMPTY.era;

    /** The level of the root of the last descent; 0 if {@link #left} is empty. */
    int top = Node.MAX_LEVELS - 1;

    /* The path: the node of each level above the leaves, and the slot taken in it or in the leaf. */
    final Node[] left = new Node[Node.MAX_LEVELS];
    final int[] leftAt = new int[Node.MAX_LEVELS];

    /** The leaf at the end of the path. */
    @Nullable
    Object[] leftLeaf = NO_LEAF;

    /** The lower bound of the leaf. */
    long floor;

    /** A bit for each level: whether the node of {@link #left} there is owned. */
    private int owned;

    /** A bit for each level of {@link #owned}: whether the node's gaps are in no other node. */
    private int ownedGaps;

    /** The gaps to be written to owned nodes. */
    private final long[] newGaps = new long[Node.MAX_LEVELS];

    OwnedPath() {}

    /** Begins an edit, or a transaction, whose nodes will be of this era. */
    final void begin(Era era) {
        disown();
        this.era = era;
    }

    /** Returns the era of the nodes created since the call of begin or endEra. */
    final Era era() {
        return era;
    }

    /** Ends the era: from now on the root returned last may be kept, like that of a snapshot. */
    final void endEra() {
        disown();
        era = new Era(false);
    }

    /** Ends the ownership of nodes: from now on any root returned so far may be kept by other code. */
    final void disown() {
        owned = 0;
        for (; top > 0; top--) {
            left[top] = Node.EMPTY;
        }
        leftLeaf = NO_LEAF;
    }

    /** Ends the ownership, and keeps the path. */
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

    /** Returns whether the leaf has a reservation. */
    final boolean hasReservation() {
        return (left[1].reservedIn >>> leftAt[1] & 1) != 0;
    }

    /**
     * Replaces the child that the path takes at a level, and copies the nodes from there up to the root, or up to the
     * first one that can be written.
     *
     * @param newChild a node or a leaf
     * @param newNotes its notes
     * @param newGap its largest gap
     * @return the root that has the new child
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

    /** Copies the node of a level with another child, and owns the copy. */
    private Node copyWithChild(Node old, int level, Object child, int notes, long gap) {
        Node copy = old.withChild(leftAt[level], child, notes, gap, era);
        int bit = 1 << level;
        boolean hasOwnGaps = copy.gaps != old.gaps || ownsGaps(level);
        left[level] = copy;
        owned |= bit;
        ownedGaps = hasOwnGaps ? ownedGaps | bit : ownedGaps & ~bit;
        return copy;
    }

    /** Returns the largest gap of a node below the root, if that of its child on the path were this one. */
    private long largestGap(Node old, int level, long gap) {
        return old.largestGapWith(leftAt[level], gap, left[level + 1].gaps[leftAt[level + 1]]);
    }

    /**
     * Writes a child to the owned node of a level, and its gap to that node and those above.
     *
     * @return the root; null, having written nothing, if further nodes must be copied
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
        // The last allocation: an edit that throws must have written nothing.
        Node root = left[top].copy();
        n.setChild(leftAt[level], child);
        for (int l = level; l < end; l++) {
            left[l].gaps[leftAt[l]] = newGaps[l];
        }
        left[top] = root;
        return root;
    }

    /**
     * Computes the gaps that change from a level upwards, as {@link #newGaps}.
     *
     * @return the first level above that keeps its gap; {@link #SHARED} if older nodes share a gap that changes
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

    /** Drops references to nodes that are not owned, and to values. */
    final void forgetPath() {
        for (int level = 1; level <= top; level++) {
            if (!isOwned(level)) {
                left[level] = Node.EMPTY;
            }
        }
        leftLeaf = NO_LEAF;
    }
}
