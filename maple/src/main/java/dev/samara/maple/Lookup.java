// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import dev.samara.maple.LeafNode.Reservation;
import org.jspecify.annotations.Nullable;

/**
 * Reads the tree below a root: values, entries with their bounds, and, in the allocation view, reservations and free
 * ranges. All methods are wait-free and do not write to shared memory.
 *
 * <p>Walks over several leaves require that no leaf below the root is replaced and no boundary is moved concurrently.
 * The other methods, which read a single leaf, may run concurrently with the writer.
 */
final class Lookup {

    /*
     * What a reader can see concurrently with the writer
     *
     * A reader takes no lock and leaves no trace, so the writer may publish any number of changes between any two steps
     * of a reader. Each change is published by one release store: of a new root (MapleTree.publish), of one leaf into
     * a reachable node of level 1 (Node.replaceLeaf), or of one word of a leaf's pivots (LeafNode.move). The only
     * other references that change in a reachable node are childPivots in level 1.
     *
     *    1. Read the root (acquire). The reader sees the latest root or an older one. The load pairs with the release
     *       store of that root, so the reader sees all nodes below it as they were when it was stored, or later. The
     *       lookup continues in the tree of this root even if a new root is stored concurrently. Nodes that the new
     *       tree shares with this one may still receive new leaves. All other nodes keep the state that they had when
     *       the new root was stored.
     *    2. Search the halves of an inner node for the slot of the key. The halves, and so the bounds of each slot, do
     *       not change while the node is reachable. So the slot stays valid. The form of each leaf's pivots, which the
     *       node records, does not change either.
     *    3. Read the pivots of the child from childPivots (plain), so that searching them need not wait for the child
     *       to be loaded. Then read the child: a node from nodes (plain), or a leaf from leaves (acquire). Above level
     *       1 neither reference changes, so they match. In level 1 the writer stores the leaf first and its pivots
     *       second, and the reader may see one store without the other:
     *
     *          pivots   leaf
     *          old      old     nothing was replaced when the leaf was read
     *          new      new     the leaf was replaced before the pivots were read
     *          old      new     the leaf was replaced between the two loads, or its pivots were not stored yet
     *          new      old     the pivots are stored and read plainly, so the memory model also allows this
     *
     *       In each case the leaf is fully initialized, because its load pairs with the release store in replaceLeaf.
     *       Its bounds are those of the slot, because a replacement has the bounds of the leaf that it replaces. It is
     *       in the tree, or was when a new root removed its node from the tree.
     *    4. Compare the pivots with those of the leaf, its element 0. If they are the same array, the search in it was
     *       a search in this leaf. If not, the race of one of the last two cases occurred, and the reader searches the
     *       leaf's own pivots. It does so only once: a leaf never changes its array of pivots, so this search is valid.
     *    5. Read the value from the leaf's slot. The writer stored it there before it published the leaf. A reservation
     *       counts as no value.
     *    6. Acquire fence, which pairs with the release store of a pivot word. At most one pivot of a leaf may move,
     *       and always the same one. The search reads it at most once, by a plain load after the load of the leaf. All
     *       other pivots and the contents of the slots are immutable. So the search finds the slot that covers the key
     *       at the instant of this load, whatever the writer does before and after it. If the search does not read the
     *       moving pivot, its result is valid at any instant.
     *
     * The linearization point is the last acquire load, or the load of the moving pivot. If the leaf's parent was
     * removed from the tree before that, the linearization point is the removal, which came after step 1; or still the
     * load, if the leaf is in the tree below another parent. (The pivots of a leaf that is in no node of the tree do
     * not move.) All these instants are within the lookup. (64-bit virtual machines load a long atomically; the
     * language does not require it.)
     *
     * A plain store publishes an array of pivots in childPivots, so the Java memory model allows a reader to see the
     * reference before the elements. No result depends on such elements. They are loaded after the leaf (acquire). If
     * the array belongs to the leaf, the load of the leaf pairs with the leaf's release store, which came after the
     * elements were written, so they are valid. If it does not, step 4 discards the result of the search. The search
     * terminates whatever the elements are: it reads an array of the form's length, and its result is not used
     * otherwise.
     *
     * If a node contains an even pivot, or a leaf stores an even pivot as a half, comparing halves is not sufficient.
     * Such a tree is searched without the early load of step 3.
     *
     * Because readers do not write, the writer never waits for them. Reader and Cursor cache a leaf between calls. They
     * reread the root and the leaf's slot to check whether the leaf is still in the tree.
     */

    private Lookup() {}

    /**
     * Returns the value at {@code index} in the lookup view of the tree below {@code root}. Wait-free; does not write.
     */
    static @Nullable Object get(Node root, long index) {
        if (root.anyEven) {
            return getWithEven(root, Node.flip(index));
        }
        long half = index >>> 1;
        Node n = root;
        int i = Node.search(n.halves, half);
        while (n.level != 1) {
            long[] halves = n.childPivots[i];
            n = n.child(i);
            i = Node.search(halves, half);
        }
        long[] pivots = n.childPivots[i];
        @Nullable Object[] leaf = n.leaf(i);
        int k = n.findInLeaf(i, pivots, index);
        if (leaf[0] != pivots) {
            // Step 4: the pivots belonged to another leaf.
            k = LeafNode.find(leaf, Node.flip(index));
        }
        Object value = n.value(leaf, k);
        LeafNode.endRead();
        return value;
    }

    /** Reads the values at the given indexes. Four descents are interleaved, so that their cache misses overlap. */
    static void getAll(Node root, long[] indexes, @Nullable Object[] values) {
        int k = 0;
        if (!root.anyEven) {
            for (; k + 3 < indexes.length; k += 4) {
                getFour(root, indexes, values, k);
            }
        }
        for (; k < indexes.length; k++) {
            values[k] = get(root, indexes[k]);
        }
    }

    private static void getFour(Node root, long[] indexes, @Nullable Object[] values, int k) {
        long halfA = indexes[k] >>> 1;
        long halfB = indexes[k + 1] >>> 1;
        long halfC = indexes[k + 2] >>> 1;
        long halfD = indexes[k + 3] >>> 1;
        Node a = root;
        Node b = root;
        Node c = root;
        Node d = root;
        int i = Node.search(root.halves, halfA);
        int j = Node.search(root.halves, halfB);
        int l = Node.search(root.halves, halfC);
        int m = Node.search(root.halves, halfD);
        for (int level = root.level; level != 1; level--) {
            long[] halvesA = a.childPivots[i];
            long[] halvesB = b.childPivots[j];
            long[] halvesC = c.childPivots[l];
            long[] halvesD = d.childPivots[m];
            a = a.child(i);
            b = b.child(j);
            c = c.child(l);
            d = d.child(m);
            i = Node.search(halvesA, halfA);
            j = Node.search(halvesB, halfB);
            l = Node.search(halvesC, halfC);
            m = Node.search(halvesD, halfD);
        }
        long[] pivotsA = a.childPivots[i];
        long[] pivotsB = b.childPivots[j];
        long[] pivotsC = c.childPivots[l];
        long[] pivotsD = d.childPivots[m];
        @Nullable Object[] leafA = a.leaf(i);
        @Nullable Object[] leafB = b.leaf(j);
        @Nullable Object[] leafC = c.leaf(l);
        @Nullable Object[] leafD = d.leaf(m);
        i = a.findInLeaf(i, pivotsA, indexes[k]);
        j = b.findInLeaf(j, pivotsB, indexes[k + 1]);
        l = c.findInLeaf(l, pivotsC, indexes[k + 2]);
        m = d.findInLeaf(m, pivotsD, indexes[k + 3]);
        if (leafA[0] != pivotsA || leafB[0] != pivotsB || leafC[0] != pivotsC || leafD[0] != pivotsD) {
            // Step 4: in at least one descent, the pivots belonged to another leaf.
            i = LeafNode.find(leafA, Node.flip(indexes[k]));
            j = LeafNode.find(leafB, Node.flip(indexes[k + 1]));
            l = LeafNode.find(leafC, Node.flip(indexes[k + 2]));
            m = LeafNode.find(leafD, Node.flip(indexes[k + 3]));
        }
        values[k] = a.value(leafA, i);
        values[k + 1] = b.value(leafB, j);
        values[k + 2] = c.value(leafC, l);
        values[k + 3] = d.value(leafD, m);
        LeafNode.endRead();
    }

    private static @Nullable Object getWithEven(Node root, long key) {
        Node parent = parent(root, key);
        @Nullable Object[] leaf = parent.leaf(parent.find(key));
        return parent.value(leaf, LeafNode.find(leaf, key));
    }

    /** Returns the node of level 1 whose child is the leaf of {@code key}. */
    private static Node parent(Node root, long key) {
        Node n = root;
        while (n.level != 1) {
            n = n.child(n.find(key));
        }
        return n;
    }

    /** Returns the leaf of {@code key}. */
    static @Nullable Object[] leaf(Node root, long key) {
        Node parent = parent(root, key);
        return parent.leaf(parent.find(key));
    }

    /** Returns the lower bound of the leaf of {@code key}. */
    static long leafStart(Node root, long key) {
        long floor = Node.MIN;
        for (Node n = root; ; ) {
            int i = n.find(key);
            floor = n.lowerBound(i, floor);
            if (n.level == 1) {
                return floor;
            }
            n = n.child(i);
        }
    }

    /** Returns the content of the slot of {@code key}: null, a value or a reservation. */
    static @Nullable Object contentAt(Node root, long key) {
        @Nullable Object[] leaf = leaf(root, key);
        return LeafNode.content(leaf, LeafNode.find(leaf, key));
    }

    /** Returns the upper bound of the leaf slot of {@code key}. */
    static long slotEnd(Node root, long key) {
        @Nullable Object[] leaf = leaf(root, key);
        return LeafNode.pivot(leaf, LeafNode.find(leaf, key));
    }

    /** Returns the lower bound of the leaf slot of {@code key}. */
    static long slotStart(Node root, long key) {
        @Nullable Object[] leaf = leaf(root, key);
        return LeafNode.lowerBound(leaf, LeafNode.find(leaf, key), leafStart(root, key));
    }

    /**
     * Returns the value at {@code key}, or else the value of the next entry above it below this node, or null if there
     * is none.
     */
    static @Nullable Object atOrAfter(Node n, long key) {
        long from = key;
        for (int i = n.find(key); i < n.size(); i++) {
            Object value = n.level == 1 ? atOrAfter(n.leaf(i), from) : atOrAfter(n.child(i), from);
            if (value != null) {
                return value;
            }
            from = n.pivot(i) + 1;
        }
        return null;
    }

    /** As {@link #atOrAfter(Node, long)}, in a leaf. */
    static @Nullable Object atOrAfter(@Nullable Object[] leaf, long key) {
        return valueFrom(leaf, LeafNode.find(leaf, key));
    }

    private static @Nullable Object valueFrom(@Nullable Object[] leaf, int from) {
        for (int i = from; i < LeafNode.size(leaf); i++) {
            Object value = LeafNode.value(leaf, i);
            if (value != null) {
                return value;
            }
        }
        return null;
    }

    /**
     * Returns the value at {@code key}, or else the value of the next entry below it below this node, or null if there
     * is none.
     */
    static @Nullable Object atOrBefore(Node n, long key) {
        for (int i = n.find(Math.min(key, n.upperBound())); i >= 0; i--) {
            long to = Math.min(key, n.pivot(i));
            Object value = n.level == 1 ? atOrBefore(n.leaf(i), to) : atOrBefore(n.child(i), to);
            if (value != null) {
                return value;
            }
        }
        return null;
    }

    /** As {@link #atOrBefore(Node, long)}, in a leaf. */
    static @Nullable Object atOrBefore(@Nullable Object[] leaf, long key) {
        for (int i = LeafNode.find(leaf, key); i >= 0; i--) {
            Object value = LeafNode.value(leaf, i);
            if (value != null) {
                return value;
            }
        }
        return null;
    }

    /** Returns whether there is a value below this node. */
    static boolean hasValue(Node n) {
        for (int i = 0; i < n.size(); i++) {
            if (n.level == 1 ? valueFrom(n.leaf(i), 0) != null : hasValue(n.child(i))) {
                return true;
            }
        }
        return false;
    }

    /** Returns the entry that covers {@code key}, or null if none does. Wait-free, like {@link Lookup#get}. */
    static <V> @Nullable RangeEntry<V> entryAt(Node root, long key) {
        long floor = Node.MIN;
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
        long[] pivots = LeafNode.seen(LeafNode.pivots(leaf));
        return entry(leaf, pivots, LeafNode.find(pivots, key), n.lowerBound(i, floor));
    }

    /** Returns the lowest entry if it is in the lowest leaf, or null if that leaf contains no entry. */
    static <V> @Nullable RangeEntry<V> firstInLeaf(Node root) {
        @Nullable Object[] leaf = leaf(root, Node.MIN);
        for (int i = 0; i < LeafNode.size(leaf); i++) {
            if (LeafNode.value(leaf, i) != null) {
                return entry(leaf, LeafNode.pivots(leaf), i, Node.MIN);
            }
        }
        return null;
    }

    /** Returns the highest entry if it is in the highest leaf, or null if that leaf contains no entry. */
    static <V> @Nullable RangeEntry<V> lastInLeaf(Node root) {
        @Nullable Object[] leaf = leaf(root, Node.MAX);
        for (int i = LeafNode.size(leaf) - 1; i >= 0; i--) {
            if (LeafNode.value(leaf, i) != null) {
                return entry(leaf, LeafNode.pivots(leaf), i, leafStart(root, Node.MAX));
            }
        }
        return null;
    }

    /** Returns the entry in a slot of a leaf whose lower bound is {@code floor}, or null if the slot has no value. */
    @SuppressWarnings("unchecked") // only values of V get in
    private static <V> @Nullable RangeEntry<V> entry(@Nullable Object[] leaf, long[] pivots, int i, long floor) {
        Object value = LeafNode.value(leaf, i);
        if (value == null) {
            return null;
        }
        long first = Node.flip(LeafNode.lowerBound(pivots, i, floor));
        long last = Node.flip(LeafNode.pivot(pivots, i));
        LeafNode.endRead();
        return new RangeEntry<>(first, last, (V) value);
    }

    /* Walks over a range. The slots of a node or leaf that overlap it are those from firstSlot to lastSlot. */

    private static int firstSlot(Node n, long floor, long lo) {
        return lo <= floor ? 0 : n.find(lo);
    }

    private static int lastSlot(Node n, long hi) {
        return hi >= n.upperBound() ? n.size() - 1 : n.find(hi);
    }

    private static int firstSlot(@Nullable Object[] leaf, long floor, long lo) {
        return lo <= floor ? 0 : LeafNode.find(leaf, lo);
    }

    private static int lastSlot(@Nullable Object[] leaf, long end, long hi) {
        return hi >= end ? LeafNode.size(leaf) - 1 : LeafNode.find(leaf, hi);
    }

    /** Returns the lowest entry that overlaps a range, or null if there is none. */
    @SuppressWarnings("unchecked") // only values of V get in
    static <V> @Nullable RangeEntry<V> firstEntry(Node root, long lo, long hi) {
        return (RangeEntry<V>) first(root, Node.MIN, lo, hi, false, null);
    }

    /**
     * Returns the lowest entry that overlaps a range below a node with this lower bound; or, if {@code isReserved}, the
     * lowest reservation, except those of one owner.
     */
    private static @Nullable RangeEntry<?> first(
            Node n, long floor, long lo, long hi, boolean isReserved, @Nullable Object except) {
        int end = lastSlot(n, hi);
        for (int i = firstSlot(n, floor, lo); i <= end; i++) {
            long start = n.lowerBound(i, floor);
            if (isReserved && (n.reservedIn >>> i & 1) == 0) {
                continue;
            }
            RangeEntry<?> found = null;
            if (n.level != 1) {
                found = first(n.child(i), start, lo, hi, isReserved, except);
            } else {
                @Nullable Object[] leaf = n.leaf(i);
                int to = lastSlot(leaf, n.pivot(i), hi);
                for (int k = firstSlot(leaf, start, lo); k <= to && found == null; k++) {
                    found = isReserved
                            ? reservation(leaf, k, start, except)
                            : entry(leaf, LeafNode.pivots(leaf), k, start);
                }
            }
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
            if (n.level != 1) {
                count += count(n.child(i));
                continue;
            }
            @Nullable Object[] leaf = n.leaf(i);
            for (int k = 0; k < LeafNode.size(leaf); k++) {
                count += n.value(leaf, k) != null ? 1 : 0;
            }
        }
        return count;
    }

    @SuppressWarnings("unchecked") // only values of V get in
    private static <V> void forEachOfLeaf(
            Node parent, @Nullable Object[] leaf, long floor, int from, int to, RangeConsumer<? super V> action) {
        long[] pivots = LeafNode.pivots(leaf);
        long first = Node.flip(LeafNode.lowerBound(leaf, from, floor));
        for (int i = from; i <= to; i++) {
            long last = Node.flip(LeafNode.pivot(pivots, i));
            Object value = parent.value(leaf, i);
            if (value != null) {
                action.accept(first, last, (V) value);
            }
            first = last + 1;
        }
    }

    /**
     * Passes the entries that overlap a range below a node with this lower bound to an action, in ascending order.
     * Entries are not cut.
     */
    static <V> void forEach(Node n, long floor, long lo, long hi, RangeConsumer<? super V> action) {
        int end = lastSlot(n, hi);
        for (int i = firstSlot(n, floor, lo); i <= end; i++) {
            long start = n.lowerBound(i, floor);
            if (n.level != 1) {
                forEach(n.child(i), start, lo, hi, action);
            } else {
                @Nullable Object[] leaf = n.leaf(i);
                int from = firstSlot(leaf, start, lo);
                forEachOfLeaf(n, leaf, start, from, lastSlot(leaf, n.pivot(i), hi), action);
            }
        }
    }

    /** As {@link #forEach}, in descending order. */
    @SuppressWarnings("unchecked") // only values of V get in
    static <V> void forEachDescending(Node n, long floor, long lo, long hi, RangeConsumer<? super V> action) {
        int end = firstSlot(n, floor, lo);
        for (int i = lastSlot(n, hi); i >= end; i--) {
            long start = n.lowerBound(i, floor);
            if (n.level != 1) {
                forEachDescending(n.child(i), start, lo, hi, action);
                continue;
            }
            @Nullable Object[] leaf = n.leaf(i);
            int from = firstSlot(leaf, start, lo);
            for (int k = lastSlot(leaf, n.pivot(i), hi); k >= from; k--) {
                Object value = n.value(leaf, k);
                if (value != null) {
                    long first = LeafNode.lowerBound(leaf, k, start);
                    action.accept(Node.flip(first), Node.flip(LeafNode.pivot(leaf, k)), (V) value);
                }
            }
        }
    }

    /** Receives the parts of a range. */
    @FunctionalInterface
    interface PartConsumer<V> {
        /** Receives a part of an entry, or a range without a value, with null. */
        void accept(long first, long last, @Nullable V value);
    }

    /**
     * Passes the parts of a range to an action, in ascending order: the entries, cut to the range, and the ranges
     * without a value between them.
     */
    static <V> void forEachPart(Node root, long first, long last, PartConsumer<V> action) {
        long[] next = {first};
        boolean[] isOver = {false};
        RangeConsumer<V> each = (start, end, value) -> {
            long from = Long.compareUnsigned(start, first) > 0 ? start : first;
            long to = Long.compareUnsigned(end, last) < 0 ? end : last;
            if (next[0] != from) {
                action.accept(next[0], from - 1, null);
            }
            action.accept(from, to, value);
            isOver[0] = to == last;
            next[0] = to + 1;
        };
        forEach(root, Node.MIN, Node.flip(first), Node.flip(last), each);
        if (!isOver[0]) {
            action.accept(next[0], last, null);
        }
    }

    /* The allocation view, where a reservation occupies its range like an entry. */

    /** Returns the reservation at {@code key}, or null. */
    static @Nullable RangeEntry<Object> reservationAt(Node root, long key) {
        @Nullable Object[] leaf = leaf(root, key);
        int i = LeafNode.find(leaf, key);
        return LeafNode.content(leaf, i) instanceof Reservation
                ? reservation(leaf, i, leafStart(root, key), null)
                : null;
    }

    /** Returns the lowest reservation that overlaps the range, except those of one owner. */
    @SuppressWarnings("unchecked") // an owner is any object
    static @Nullable RangeEntry<Object> reservationIn(Node root, long lo, long hi, @Nullable Object except) {
        return root.reservedIn != 0 ? (RangeEntry<Object>) first(root, Node.MIN, lo, hi, true, except) : null;
    }

    /** Returns the reservation in a slot of a leaf, except those of one owner, or null. */
    private static @Nullable RangeEntry<Object> reservation(
            @Nullable Object[] leaf, int i, long floor, @Nullable Object except) {
        return LeafNode.content(leaf, i) instanceof Reservation r && r.owner() != except
                ? new RangeEntry<>(
                        Node.flip(LeafNode.lowerBound(leaf, i, floor)), Node.flip(LeafNode.pivot(leaf, i)), r.owner())
                : null;
    }

    /** Returns whether the range is free. It suffices to check one slot, because adjacent free ranges are merged. */
    static boolean isFree(Node root, long lo, long hi) {
        @Nullable Object[] leaf = leaf(root, lo);
        int i = LeafNode.find(leaf, lo);
        // At most one boundary of the slot moves. If the lower boundary moves, the slot covered lo when the search read
        // that boundary, and the upper boundary is fixed. If the upper boundary moves, the lower one is fixed.
        boolean isFree = LeafNode.content(leaf, i) == null && hi <= LeafNode.pivot(leaf, i);
        LeafNode.endRead();
        return isFree;
    }
}
