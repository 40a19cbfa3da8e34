// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/** Reads the tree below a root in the allocation view, where a reservation occupies its range like an entry. */
final class AllocationView {

    private AllocationView() {}

    /** Returns the reservation at {@code key} in the tree below {@code root}, or null. */
    static @Nullable RangeEntry<Object> reservationAt(Node root, long key) {
        @Nullable Object[] leaf = Lookup.leaf(root, key);
        int i = LeafNode.find(leaf, key);
        return LeafNode.content(leaf, i) instanceof Reservation r
                ? new RangeEntry<>(
                        Keys.flip(Lookup.slotStart(root, key)), Keys.flip(LeafNode.pivot(leaf, i)), r.owner())
                : null;
    }

    /** Returns the lowest reservation that overlaps the range, except those of one owner. */
    static @Nullable RangeEntry<Object> reservationIn(Node root, long lo, long hi, @Nullable Object except) {
        return root.reservedIn != 0 ? reservationBelow(root, Keys.MIN, lo, hi, except) : null;
    }

    private static @Nullable RangeEntry<Object> reservationBelow(
            Node n, long floor, long lo, long hi, @Nullable Object except) {
        int end = n.find(Math.min(hi, n.upperBound()));
        for (int i = n.find(Math.max(lo, floor)); i <= end; i++) {
            if ((n.reservedIn >>> i & 1) != 0) {
                long start = n.lowerBound(i, floor);
                RangeEntry<Object> found = n.level == 1
                        ? reservationOf(n.leaf(i), start, Math.max(lo, start), Math.min(hi, n.pivot(i)), except)
                        : reservationBelow(n.child(i), start, lo, hi, except);
                if (found != null) {
                    return found;
                }
            }
        }
        return null;
    }

    /** As {@link #reservationIn}, in a leaf that contains the range. */
    private static @Nullable RangeEntry<Object> reservationOf(
            @Nullable Object[] leaf, long floor, long lo, long hi, @Nullable Object except) {
        int end = LeafNode.find(leaf, hi);
        for (int i = LeafNode.find(leaf, lo); i <= end; i++) {
            if (LeafNode.content(leaf, i) instanceof Reservation r && r.owner() != except) {
                return new RangeEntry<>(
                        Keys.flip(LeafNode.lowerBound(leaf, i, floor)), Keys.flip(LeafNode.pivot(leaf, i)), r.owner());
            }
        }
        return null;
    }

    /** Returns whether the range is free. It suffices to check one slot, because adjacent free ranges are merged. */
    static boolean isFree(Node root, long lo, long hi) {
        @Nullable Object[] leaf = Lookup.leaf(root, lo);
        int i = LeafNode.find(leaf, lo);
        // At most one boundary of the slot moves. If the lower boundary moves, the slot covered lo when the search read
        // that boundary, and the upper boundary is fixed. If the upper boundary moves, the lower one is fixed.
        boolean isFree = LeafNode.content(leaf, i) == null && hi <= LeafNode.pivot(leaf, i);
        LeafPivots.endRead();
        return isFree;
    }
}
