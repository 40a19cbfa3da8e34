// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/**
 * The one structural change of the tree: it replaces the contents of a range by a single slot, and returns the new
 * root.
 *
 * <p>Each call that changes the tree returns a new root object. Of the nodes reachable from the old root, only
 * {@linkplain OwnedPath owned} nodes are written. The scratch space makes an instance usable by one writer at a time.
 */
final class Splice extends LevelRebuild {

    /*
     * Algorithmic notes
     *
     * This is the slow path of changes to the tree, a B-tree, and the path of transactions. It copies the path from the
     * root to the change and shares the rest (InPlace is the fast path). Overwriting a slot, cutting one in two
     * or three, inserting, erasing, and storing over half the tree are one case: two descents, one to the slot of lo
     * and one to the slot of hi, and the removal of the nodes between them (LevelRebuild). In the common case one leaf
     * replaces one leaf. It is created without the detour over items, and the path above it is copied with one slot
     * changed in each node (OwnedPath).
     *
     * A reader sees the old root, or the new root, once it is published. There is no state in between. All new nodes
     * are of one era; if it is open, later edits may change them in place.
     *
     * Free ranges. A caller that frees a range has widened it to its free neighbours beforehand, so this class never
     * creates two adjacent free slots: the pieces that it cuts off keep their neighbours.
     *
     * Compare mas_wr_spanning_store, mas_wr_split and mas_wr_rebalance of Linux's lib/maple_tree.c. They treat these
     * cases separately, because they must spare memory and may write in place.
     */

    Splice() {}

    /**
     * Returns the root of a tree that has {@code content} in {@code [lo, hi]} and is otherwise equal to the tree of
     * {@code root}.
     *
     * @throws ReservedException if the range meets a reservation that is not this owner's
     */
    Node replace(Node root, long lo, long hi, Object content, @Nullable Object owner) {
        descend(root, lo);
        requireNoReservation(root, lo, hi, owner);
        return change(root, lo, hi, content);
    }

    /** As {@link #replace}, over reservations of any owner. */
    Node overwrite(Node root, long lo, long hi, Object content) {
        descend(root, lo);
        return change(root, lo, hi, content);
    }

    /** Returns the root of a tree that has {@code content} in {@code [lo, hi]}, or null if the range is not free. */
    @Nullable
    Node fill(Node root, long lo, long hi, Object content) {
        descend(root, lo);
        return isFree(hi) ? change(root, lo, hi, content) : null;
    }

    /**
     * Returns the root of a tree in which {@code [lo, hi]} is free and that is otherwise equal to the tree of {@code
     * root}. The range is merged with its free neighbours into one slot.
     *
     * @throws ReservedException if the range meets a reservation that is not this owner's
     */
    Node free(Node root, long lo, long hi, @Nullable Object owner) {
        descend(root, lo);
        requireNoReservation(root, lo, hi, owner);
        if (isFree(hi)) {
            return root;
        }
        long from = freeStart(root, lo);
        long to = freeEnd(root, hi);
        if (from < floor) {
            descend(root, from);
        } else {
            leftAt[0] = LeafNode.find(leftLeaf, from);
        }
        return change(root, from, to, null);
    }

    /** Returns whether the slot of {@code lo} is free, and contains {@code hi}. */
    private boolean isFree(long hi) {
        int i = leftAt[0];
        return LeafNode.content(leftLeaf, i) == null && hi <= LeafNode.pivot(leftLeaf, i);
    }

    /**
     * Checks for reservations of other owners. The caller has descended to {@code lo}. Most ranges lie in one leaf,
     * which tells by itself that it has none.
     */
    private void requireNoReservation(Node root, long lo, long hi, @Nullable Object owner) {
        boolean within = hi <= leafEnd();
        if (within
                ? hasReservation() && LeafNode.hasReservation(leftLeaf, leftAt[0], LeafNode.find(leftLeaf, hi))
                : root.reservedIn != 0) {
            RangeEntry<Object> reservation = AllocationView.reservationIn(root, lo, hi, owner);
            if (reservation != null) {
                // No root is published after this, and leaves on the path may be replaced in place before the next
                // edit.
                disown();
                throw new ReservedException(reservation.first(), reservation.last(), reservation.value());
            }
        }
    }

    private long freeStart(Node root, long lo) {
        int i = leftAt[0];
        long start = LeafNode.lowerBound(leftLeaf, i, floor);
        if (LeafNode.content(leftLeaf, i) == null) {
            return start;
        }
        if (start < lo || lo == Keys.MIN) {
            return lo;
        }
        if (i > 0) {
            return LeafNode.content(leftLeaf, i - 1) == null ? LeafNode.lowerBound(leftLeaf, i - 1, floor) : lo;
        }
        return Lookup.contentAt(root, lo - 1) == null ? Lookup.slotStart(root, lo - 1) : lo;
    }

    private long freeEnd(Node root, long hi) {
        if (hi == Keys.MAX) {
            return hi;
        }
        @Nullable Object[] leaf = hi < leafEnd() ? leftLeaf : Lookup.leaf(root, hi + 1);
        int j = LeafNode.find(leaf, hi + 1);
        return LeafNode.content(leaf, j) == null ? LeafNode.pivot(leaf, j) : hi;
    }

    /** The caller has descended to {@code lo}. */
    private Node change(Node root, long lo, long hi, @Nullable Object content) {
        return hi > leafEnd() ? changeSeveral(root, lo, hi, content) : changeLeaf(root, lo, hi, content);
    }

    /** Changes the left leaf, which has the whole range. */
    private Node changeLeaf(Node root, long lo, long hi, @Nullable Object content) {
        @Nullable Object[] old = leftLeaf;
        long[] pivots = LeafNode.pivots(old);
        int i = leftAt[0];
        int j = LeafPivots.find(pivots, hi);
        int at = LeafEdit.at(pivots, floor, lo, i);
        int tail = LeafEdit.tail(pivots, hi, j);
        boolean exact = i == j && at == i && tail > i;
        if (exact && LeafNode.content(old, i) == content) {
            return root;
        }
        int size = LeafEdit.size(old, at, tail);
        if (size > Node.FANOUT || (size < Node.MIN_FILL && !root.hasOneLeaf())) {
            return changeSeveral(root, lo, hi, content);
        }
        // Two leaves may share pivots, but not pivots of which one moves.
        pivots = exact ? LeafBoundary.shared(pivots) : changedPivots(pivots, LeafNode.size(old), lo, hi, i, at, tail);
        @Nullable Object[] leaf = LeafNode.of(pivots, old, at, tail, content);
        boolean reserved = content instanceof Reservation || keepsReservation(old, leaf, i, j);
        leftLeaf = leaf;
        return replaceChild(1, leaf, LeafPivots.notes(pivots, reserved), LeafNode.largestGap(leaf, floor));
    }

    /** Returns the pivots of the leaf with {@code [lo, hi]} as one slot, as halves if they cannot keep their form. */
    private static long[] changedPivots(long[] pivots, int size, long lo, long hi, int i, int at, int tail) {
        long[] changed = LeafPivots.change(pivots, lo, hi, i, at, tail);
        return changed != null
                ? changed
                : LeafPivots.changeHalves(LeafPivots.halves(pivots, size), lo, hi, i, at, tail);
    }

    /** Returns whether a reservation of the old leaf is in the new one: it was outside of the slots i to j, or cut. */
    private boolean keepsReservation(@Nullable Object[] old, @Nullable Object[] leaf, int i, int j) {
        return hasReservation() && (!LeafNode.hasReservation(old, i, j) || LeafNode.hasReservation(leaf));
    }
}
