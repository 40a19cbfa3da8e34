// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/**
 * Reads of entries with their bounds, in the tree below a root. A reservation is absent. Walks expect that no leaf
 * below the root is replaced; {@link #at}, {@link #firstInLeaf} and {@link #lastInLeaf} read one leaf, which may be
 * replaced concurrently.
 */
final class EntryWalk {

    private EntryWalk() {}

    /** Returns the entry that covers {@code key}, or null if none does. Wait-free, like {@link Lookup#get}. */
    static <V> @Nullable RangeEntry<V> at(Node root, long key) {
        long floor = Keys.MIN;
        Node n = root;
        int i = n.find(key);
        while (n.level != 0) {
            floor = n.lowerBound(i, floor);
            n = n.child(i);
            i = n.find(key);
        }
        return entry(n, i, floor);
    }

    /** Returns the lowest entry if it is in the lowest leaf; null if that leaf has no entry. */
    static <V> @Nullable RangeEntry<V> firstInLeaf(Node root) {
        Node leaf = Lookup.leaf(root, Keys.MIN);
        for (int i = 0; i < leaf.size(); i++) {
            if (leaf.value(i) != null) {
                return entry(leaf, i, Keys.MIN);
            }
        }
        return null;
    }

    /** Returns the highest entry if it is in the highest leaf; null if that leaf has no entry. */
    static <V> @Nullable RangeEntry<V> lastInLeaf(Node root) {
        long floor = Keys.MIN;
        Node leaf = root;
        while (leaf.level != 0) {
            int i = leaf.size() - 1;
            floor = leaf.lowerBound(i, floor);
            leaf = leaf.child(i);
        }
        for (int i = leaf.size() - 1; i >= 0; i--) {
            if (leaf.value(i) != null) {
                return entry(leaf, i, floor);
            }
        }
        return null;
    }

    /** Returns the entry of a slot of a leaf whose lower bound is {@code floor}; null if the slot has no value. */
    @SuppressWarnings("unchecked") // only values of V get in
    private static <V> @Nullable RangeEntry<V> entry(Node leaf, int i, long floor) {
        Object value = leaf.value(i);
        return value == null
                ? null
                : new RangeEntry<>(Keys.flip(leaf.lowerBound(i, floor)), Keys.flip(leaf.pivot(i)), (V) value);
    }

    /** Returns the lowest entry that overlaps a range, below a node with this lower bound; null if there is none. */
    static <V> @Nullable RangeEntry<V> first(Node n, long floor, long lo, long hi) {
        int end = n.find(Math.min(hi, n.upperBound()));
        for (int i = n.find(Math.max(lo, floor)); i <= end; i++) {
            RangeEntry<V> found = n.level == 0 ? entry(n, i, floor) : first(n.child(i), n.lowerBound(i, floor), lo, hi);
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
            if (n.level != 0) {
                count += count(n.child(i));
            } else if (n.value(i) != null) {
                count++;
            }
        }
        return count;
    }

    /** Passes all entries below a node, whose lower bound is {@code floor}, to an action, in ascending order. */
    static <V> void forEach(Node n, long floor, RangeConsumer<? super V> action) {
        if (n.level == 0) {
            forEachOfLeaf(n, floor, action);
            return;
        }
        for (int i = 0; i < n.size(); i++) {
            forEach(n.child(i), n.lowerBound(i, floor), action);
        }
    }

    @SuppressWarnings("unchecked") // only values of V get in
    private static <V> void forEachOfLeaf(Node leaf, long floor, RangeConsumer<? super V> action) {
        @Nullable Object[] slots = leaf.slots;
        long[] halves = leaf.halves;
        int even = leaf.even;
        long first = Keys.flip(floor);
        for (int i = 0; i < slots.length; i++) {
            long last = Keys.flip(Keys.join(halves[i], even >>> i & 1));
            Object content = slots[i];
            if (content != null && !(leaf.reserved && content instanceof Reservation)) {
                action.accept(first, last, (V) content);
            }
            first = last + 1;
        }
    }

    /** Passes the entries that overlap a range to an action, in ascending order and with their own bounds. */
    @SuppressWarnings("unchecked") // only values of V get in
    static <V> void forEach(Node n, long floor, long lo, long hi, RangeConsumer<? super V> action) {
        int end = n.find(Math.min(hi, n.upperBound()));
        for (int i = n.find(Math.max(lo, floor)); i <= end; i++) {
            long start = n.lowerBound(i, floor);
            if (n.level != 0) {
                forEach(n.child(i), start, lo, hi, action);
            } else {
                Object value = n.value(i);
                if (value != null) {
                    action.accept(Keys.flip(start), Keys.flip(n.pivot(i)), (V) value);
                }
            }
        }
    }

    /** Passes the entries that overlap a range to an action, in descending order and with their own bounds. */
    @SuppressWarnings("unchecked") // only values of V get in
    static <V> void forEachDescending(Node n, long floor, long lo, long hi, RangeConsumer<? super V> action) {
        int end = n.find(Math.max(lo, floor));
        for (int i = n.find(Math.min(hi, n.upperBound())); i >= end; i--) {
            long start = n.lowerBound(i, floor);
            if (n.level != 0) {
                forEachDescending(n.child(i), start, lo, hi, action);
            } else {
                Object value = n.value(i);
                if (value != null) {
                    action.accept(Keys.flip(start), Keys.flip(n.pivot(i)), (V) value);
                }
            }
        }
    }
}
