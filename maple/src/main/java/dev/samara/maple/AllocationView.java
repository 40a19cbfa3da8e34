// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/** Reads of the tree below a root in which a reservation is occupied, exactly like an entry. */
final class AllocationView {

    private AllocationView() {}

    /** Returns the reservation at {@code key} in the tree below {@code root}, or null. */
    static @Nullable RangeEntry<Object> reservationAt(Node root, long key) {
        long floor = Keys.MIN;
        Node n = root;
        int i = n.find(key);
        while (n.level != 0) {
            floor = n.lowerBound(i, floor);
            n = n.child(i);
            i = n.find(key);
        }
        if (n.slots[i] instanceof Reservation r) {
            return new RangeEntry<>(Keys.flip(n.lowerBound(i, floor)), Keys.flip(n.pivot(i)), r.owner());
        }
        return null;
    }

    /** Returns the lowest reservation that overlaps the range, except those of one owner. */
    static @Nullable RangeEntry<Object> reservationIn(Node root, long lo, long hi, @Nullable Object except) {
        return root.reserved ? reservationBelow(root, Keys.MIN, lo, hi, except) : null;
    }

    private static @Nullable RangeEntry<Object> reservationBelow(
            Node n, long floor, long lo, long hi, @Nullable Object except) {
        int end = n.find(Math.min(hi, n.upperBound()));
        for (int i = n.find(Math.max(lo, floor)); i <= end; i++) {
            Object content = n.slots[i];
            if (content instanceof Node child) {
                RangeEntry<Object> found =
                        child.reserved ? reservationBelow(child, n.lowerBound(i, floor), lo, hi, except) : null;
                if (found != null) {
                    return found;
                }
            } else if (content instanceof Reservation r && r.owner() != except) {
                return new RangeEntry<>(Keys.flip(n.lowerBound(i, floor)), Keys.flip(n.pivot(i)), r.owner());
            }
        }
        return null;
    }

    /** Returns whether the range is free. One slot decides, because neighbouring free ranges are merged. */
    static boolean isFree(Node root, long lo, long hi) {
        Node leaf = Lookup.leaf(root, lo);
        int i = leaf.find(lo);
        return leaf.slots[i] == null && hi <= leaf.pivot(i);
    }
}
