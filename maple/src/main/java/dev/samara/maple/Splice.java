// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/**
 * The only structural change of the tree: replaces the contents of a range by a single slot, and returns the new root.
 *
 * <p>Each call that changes the tree returns a new root object. Of the nodes that are reachable from the old root, it
 * writes only {@linkplain OwnedPath owned} ones. Not thread-safe, because an instance contains scratch space.
 */
final class Splice extends LevelRebuild {

    /*
     * Algorithmic notes
     *
     * The tree is a B-tree. This is its slow path for single edits (InPlace is the fast path), and the only path for
     * transactions. It is copy-on-write: it copies the path from the root to the changed slots and shares the rest.
     * Overwriting a slot, splitting one into two or three, inserting, erasing, and storing over half the tree are all
     * the same case: two descents, to the slot of lo and to the slot of hi, and a removal of the nodes in between
     * (LevelRebuild). In the common case one leaf replaces one leaf. That leaf is created directly, without a list of
     * items, and the path above it is copied with one slot changed in each node (OwnedPath).
     *
     * A reader sees either the old root or the new root, and no state in between. All new nodes belong to one era; if
     * it is open, later edits may change them in place.
     *
     * Free ranges are never adjacent. A freed range is first extended over the free ranges next to it, and a piece of a
     * free slot that an edit leaves keeps its neighbour on the other side, which is not free.
     *
     * Compare mas_wr_spanning_store, mas_wr_split and mas_wr_rebalance in Linux's lib/maple_tree.c, which handle these
     * cases separately, because Linux must save memory and may write in place.
     */

    Splice() {}

    /**
     * Returns the root of a tree with {@code content} in {@code [lo, hi]} that otherwise equals the tree of {@code
     * root}.
     *
     * @throws ReservedException if the range overlaps a reservation of another owner
     */
    Node replace(Node root, long lo, long hi, Object content, @Nullable Object owner) {
        descend(root, lo);
        requireNoReservation(root, lo, hi, owner);
        return change(root, lo, hi, content);
    }

    /** As {@link #replace}, but regardless of reservations. */
    Node overwrite(Node root, long lo, long hi, Object content) {
        descend(root, lo);
        return change(root, lo, hi, content);
    }

    /** Returns the root of a tree with {@code content} in {@code [lo, hi]}, or null if the range is not free. */
    @Nullable
    Node fill(Node root, long lo, long hi, Object content) {
        descend(root, lo);
        return isFree(hi) ? change(root, lo, hi, content) : null;
    }

    /**
     * Returns the root of a tree in which {@code [lo, hi]} is free and that otherwise equals the tree of {@code root}.
     * The range is merged with the adjacent free ranges into a single slot.
     *
     * @throws ReservedException if the range overlaps a reservation of another owner
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
     * Checks for reservations of other owners. The caller must have descended to {@code lo}. Most ranges are within one
     * leaf whose parent records that it contains no reservation.
     */
    private void requireNoReservation(Node root, long lo, long hi, @Nullable Object owner) {
        boolean within = hi <= leafEnd();
        if (within
                ? hasReservation() && LeafNode.hasReservation(leftLeaf, leftAt[0], LeafNode.find(leftLeaf, hi))
                : root.reservedIn != 0) {
            RangeEntry<Object> reservation = AllocationView.reservationIn(root, lo, hi, owner);
            if (reservation != null) {
                // Publication normally drops the path. This edit publishes nothing, and leaves on the path may be
                // replaced in place before the next edit.
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

    /** The caller must have descended to {@code lo}. */
    private Node change(Node root, long lo, long hi, @Nullable Object content) {
        return hi > leafEnd() ? changeSeveral(root, lo, hi, content) : changeLeaf(root, lo, hi, content);
    }

    /** Changes the left leaf, which contains the whole range. */
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
        // Two leaves may share an array of pivots, but not if one of the pivots is movable.
        pivots = exact ? LeafBoundary.shared(pivots) : changedPivots(pivots, LeafNode.size(old), lo, hi, i, at, tail);
        @Nullable Object[] leaf = LeafNode.of(pivots, old, at, tail, content);
        boolean reserved = content instanceof Reservation || keepsReservation(old, leaf, i, j);
        leftLeaf = leaf;
        return replaceChild(1, leaf, LeafPivots.notes(pivots, reserved), LeafNode.largestGap(leaf, floor));
    }

    /**
     * Returns the pivots of the leaf with {@code [lo, hi]} as a single slot, as halves if they cannot keep their form.
     */
    private static long[] changedPivots(long[] pivots, int size, long lo, long hi, int i, int at, int tail) {
        long[] changed = LeafPivots.change(pivots, lo, hi, i, at, tail);
        return changed != null
                ? changed
                : LeafPivots.changeHalves(LeafPivots.halves(pivots, size), lo, hi, i, at, tail);
    }

    /**
     * Returns whether a reservation of the old leaf remains in the new one, either outside the slots i to j, or as a
     * cut part.
     */
    private boolean keepsReservation(@Nullable Object[] old, @Nullable Object[] leaf, int i, int j) {
        return hasReservation() && (!LeafNode.hasReservation(old, i, j) || LeafNode.hasReservation(leaf));
    }
}
