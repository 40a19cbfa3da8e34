// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/**
 * Reads entries with their bounds in the tree below a root. Reservations are invisible. The walks require that no leaf
 * below the root is replaced and no boundary is moved concurrently. Only {@link #at}, {@link #firstInLeaf} and {@link
 * #lastInLeaf}, which read a single leaf, may run concurrently with the writer.
 */
final class EntryWalk {

    private EntryWalk() {}

    /** Returns the entry that covers {@code key}, or null if none does. Wait-free, like {@link Lookup#get}. */
    static <V> @Nullable RangeEntry<V> at(Node root, long key) {
        long floor = Keys.MIN;
        Node n = root;
        int i = n.find(key);
        while (n.level != 1) {
            floor = n.lowerBound(i, floor);
            n = n.child(i);
            i = n.find(key);
        }
        @Nullable Object[] leaf = n.leaf(i);
        // The search and the bounds must be of the same instant, because a moving boundary could pass the key in
        // between.
        long[] pivots = LeafBoundary.seen(LeafNode.pivots(leaf));
        return entry(leaf, pivots, LeafPivots.find(pivots, key), n.lowerBound(i, floor));
    }

    /** Returns the lowest entry if it is in the lowest leaf, or null if that leaf contains no entry. */
    static <V> @Nullable RangeEntry<V> firstInLeaf(Node root) {
        @Nullable Object[] leaf = Lookup.leaf(root, Keys.MIN);
        for (int i = 0; i < LeafNode.size(leaf); i++) {
            if (LeafNode.value(leaf, i) != null) {
                return entry(leaf, i, Keys.MIN);
            }
        }
        return null;
    }

    /** Returns the highest entry if it is in the highest leaf, or null if that leaf contains no entry. */
    static <V> @Nullable RangeEntry<V> lastInLeaf(Node root) {
        long floor = Keys.MIN;
        Node n = root;
        for (; n.level != 1; n = n.child(n.size() - 1)) {
            floor = n.lowerBound(n.size() - 1, floor);
        }
        floor = n.lowerBound(n.size() - 1, floor);
        @Nullable Object[] leaf = n.leaf(n.size() - 1);
        for (int i = LeafNode.size(leaf) - 1; i >= 0; i--) {
            if (LeafNode.value(leaf, i) != null) {
                return entry(leaf, i, floor);
            }
        }
        return null;
    }

    private static <V> @Nullable RangeEntry<V> entry(@Nullable Object[] leaf, int i, long floor) {
        return entry(leaf, LeafNode.pivots(leaf), i, floor);
    }

    /** Returns the entry in a slot of a leaf whose lower bound is {@code floor}, or null if the slot has no value. */
    @SuppressWarnings("unchecked") // only values of V get in
    private static <V> @Nullable RangeEntry<V> entry(@Nullable Object[] leaf, long[] pivots, int i, long floor) {
        Object value = LeafNode.value(leaf, i);
        if (value == null) {
            return null;
        }
        long first = Keys.flip(LeafPivots.lowerBound(pivots, i, floor));
        long last = Keys.flip(LeafPivots.pivot(pivots, i));
        LeafPivots.endRead();
        return new RangeEntry<>(first, last, (V) value);
    }

    /** Returns the lowest entry below a node with this lower bound that overlaps a range, or null if there is none. */
    static <V> @Nullable RangeEntry<V> first(Node n, long floor, long lo, long hi) {
        int end = n.find(Math.min(hi, n.upperBound()));
        for (int i = n.find(Math.max(lo, floor)); i <= end; i++) {
            long start = n.lowerBound(i, floor);
            RangeEntry<V> found = n.level == 1
                    ? firstOfLeaf(n.leaf(i), start, Math.max(lo, start), Math.min(hi, n.pivot(i)))
                    : first(n.child(i), start, lo, hi);
            if (found != null) {
                return found;
            }
        }
        return null;
    }

    /** As {@link #first}, in a leaf that contains the range. */
    private static <V> @Nullable RangeEntry<V> firstOfLeaf(@Nullable Object[] leaf, long floor, long lo, long hi) {
        int end = LeafNode.find(leaf, hi);
        for (int i = LeafNode.find(leaf, lo); i <= end; i++) {
            RangeEntry<V> found = entry(leaf, i, floor);
            if (found != null) {
                return found;
            }
        }
        return null;
    }

    /** Returns the number of entries. */
    static long count(Node n) {
        long count = 0;
        for (int i = 0; i < n.size(); i++) {
            count += n.level == 1 ? count(n, n.leaf(i)) : count(n.child(i));
        }
        return count;
    }

    private static long count(Node parent, @Nullable Object[] leaf) {
        long count = 0;
        for (int i = 0; i < LeafNode.size(leaf); i++) {
            if (parent.value(leaf, i) != null) {
                count++;
            }
        }
        return count;
    }

    /** Passes all entries below a node, whose lower bound is {@code floor}, to an action, in ascending order. */
    static <V> void forEach(Node n, long floor, RangeConsumer<? super V> action) {
        for (int i = 0; i < n.size(); i++) {
            long start = n.lowerBound(i, floor);
            if (n.level != 1) {
                forEach(n.child(i), start, action);
            } else {
                @Nullable Object[] leaf = n.leaf(i);
                forEachOfLeaf(n, leaf, start, 0, LeafNode.size(leaf) - 1, action);
            }
        }
    }

    @SuppressWarnings("unchecked") // only values of V get in
    private static <V> void forEachOfLeaf(
            Node parent, @Nullable Object[] leaf, long floor, int from, int to, RangeConsumer<? super V> action) {
        long[] pivots = LeafNode.pivots(leaf);
        long first = Keys.flip(LeafNode.lowerBound(leaf, from, floor));
        for (int i = from; i <= to; i++) {
            long last = Keys.flip(LeafPivots.pivot(pivots, i));
            Object value = parent.value(leaf, i);
            if (value != null) {
                action.accept(first, last, (V) value);
            }
            first = last + 1;
        }
    }

    /** Passes the entries that overlap a range to an action, in ascending order. Entries are not cut. */
    static <V> void forEach(Node n, long floor, long lo, long hi, RangeConsumer<? super V> action) {
        int end = n.find(Math.min(hi, n.upperBound()));
        for (int i = n.find(Math.max(lo, floor)); i <= end; i++) {
            long start = n.lowerBound(i, floor);
            if (n.level != 1) {
                forEach(n.child(i), start, lo, hi, action);
            } else {
                @Nullable Object[] leaf = n.leaf(i);
                int from = LeafNode.find(leaf, Math.max(lo, start));
                int to = LeafNode.find(leaf, Math.min(hi, n.pivot(i)));
                forEachOfLeaf(n, leaf, start, from, to, action);
            }
        }
    }

    /** Passes the entries that overlap a range to an action, in descending order. Entries are not cut. */
    static <V> void forEachDescending(Node n, long floor, long lo, long hi, RangeConsumer<? super V> action) {
        int end = n.find(Math.max(lo, floor));
        for (int i = n.find(Math.min(hi, n.upperBound())); i >= end; i--) {
            long start = n.lowerBound(i, floor);
            if (n.level != 1) {
                forEachDescending(n.child(i), start, lo, hi, action);
            } else {
                @Nullable Object[] leaf = n.leaf(i);
                int from = LeafNode.find(leaf, Math.max(lo, start));
                int to = LeafNode.find(leaf, Math.min(hi, n.pivot(i)));
                forEachOfLeafDescending(n, leaf, start, from, to, action);
            }
        }
    }

    @SuppressWarnings("unchecked") // only values of V get in
    private static <V> void forEachOfLeafDescending(
            Node parent, @Nullable Object[] leaf, long floor, int from, int to, RangeConsumer<? super V> action) {
        for (int i = to; i >= from; i--) {
            Object value = parent.value(leaf, i);
            if (value != null) {
                long first = LeafNode.lowerBound(leaf, i, floor);
                action.accept(Keys.flip(first), Keys.flip(LeafNode.pivot(leaf, i)), (V) value);
            }
        }
    }
}
