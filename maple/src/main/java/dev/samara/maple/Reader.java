// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import dev.samara.maple.LeafNode.Reservation;
import org.jspecify.annotations.Nullable;

/**
 * A handle for lookups that caches the last leaf. It returns the same results as {@link MapleTree#get}, but near the
 * previous lookup it searches one node instead of one per level.
 *
 * <p>The cached leaf contains about ten neighbouring entries. By comparing two references that the writer stores
 * anyway, the reader checks whether that leaf is still in the tree. So its results are as exact as those of {@code get}
 * during concurrent edits: it returns the value that the index had at some instant of the call. An edit that replaces
 * one other leaf in place does not invalidate the cached leaf. After all other edits, including transactions, the next
 * lookup descends from the root.
 *
 * <p>A reader takes no lock, does not write to shared memory, and allocates only when it is created. Not thread-safe.
 * It references the version of the tree that its last lookup read, and so keeps that version's values reachable, until
 * it reads a newer one or is dropped.
 *
 * @param <V> the type of values
 */
public final class Reader<V> {

    private final MapleTree<V> tree;

    /** The root from which the leaf was found. */
    private Node root = Node.EMPTY;

    /* The leaf, its pivots, and its parent's array of leaves with the leaf's slot there. */
    private @Nullable Object[] leaf = root.leaf(0);
    private long[] pivots = LeafNode.pivots(leaf);
    private @Nullable Object[][] siblings = root.leaves;
    private int at;

    /** Whether the leaf stores halves and no pivot in the tree is even, so that comparing halves is sufficient. */
    private boolean halvesDecide;

    /** Whether the leaf or one of its siblings contains a reservation. */
    private boolean isReserved;

    /* The range of the leaf: from first to first + extent, inclusive. */
    private long first;
    private long extent = -1L;

    Reader(MapleTree<V> tree) {
        this.tree = tree;
    }

    /**
     * Returns the value at an index, as it was at some instant of the call.
     *
     * @param index any index
     * @return the value of the entry that covers the index, or null if none does
     */
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V get(long index) {
        Node now = tree.rootAcquire();
        // The bounds of a leaf do not change while it is in the tree, and in a published inner node only references to
        // leaves change. So reading the root and then the parent's slot is equivalent to a descent, although a boundary
        // in the leaf may have moved.
        if (now == root && Long.compareUnsigned(index - first, extent) <= 0 && Node.isLeaf(siblings, at, leaf)) {
            int i = halvesDecide ? Node.search(pivots, index >>> 1) : LeafNode.find(pivots, Node.flip(index));
            Object content = LeafNode.content(leaf, i);
            LeafNode.endRead();
            return isReserved && content instanceof Reservation ? null : (V) content;
        }
        return (V) descend(now, index);
    }

    /** Looks up an index from the root, and caches its leaf. */
    private @Nullable Object descend(Node now, long index) {
        if (now.anyEven) {
            return descendWithEven(now, Node.flip(index));
        }
        // As in Lookup.get: each search starts before the child is loaded. The value is not stored in a field in
        // between, so returning it need not wait for such stores.
        long half = index >>> 1;
        long below = -1;
        Node n = now;
        long[] halves = n.halves;
        int i = Node.search(halves, half);
        while (n.level != 1) {
            below = before(halves, i, below);
            halves = n.childPivots[i];
            n = n.child(i);
            i = Node.search(halves, half);
        }
        long[] early = n.childPivots[i];
        @Nullable Object[] found = n.leaf(i);
        boolean isOwn = found[0] == early;
        boolean isHalves = n.form(i) == LeafNode.HALVES;
        long from = (before(halves, i, below) + 1) << 1;
        remember(now, n, i, isOwn ? found : LeafNode.NO_LEAF, early, isHalves, from, halves[i] << 1 | 1);
        int k = n.findInLeaf(i, early, index);
        if (!isOwn) {
            // Step 4 of Lookup: the pivots belonged to another leaf. No leaf is cached, so the next lookup descends
            // again.
            k = LeafNode.find(found, Node.flip(index));
        }
        Object value = n.value(found, k);
        LeafNode.endRead();
        return value;
    }

    /** Returns the half before slot {@code i}, or {@code below} if it is the first slot. */
    private static long before(long[] halves, int i, long below) {
        // Computed without a branch, because the slot is unpredictable.
        int isFirst = (i - 1) >> 31;
        return (below & isFirst) | (halves[(i - 1) & (Node.FANOUT - 1)] & ~isFirst);
    }

    private @Nullable Object descendWithEven(Node now, long key) {
        long floor = Node.MIN;
        Node n = now;
        int i = n.find(key);
        while (n.level != 1) {
            floor = n.lowerBound(i, floor);
            n = n.child(i);
            i = n.find(key);
        }
        @Nullable Object[] found = n.leaf(i);
        long[] own = LeafNode.pivots(found);
        remember(now, n, i, found, own, false, Node.flip(n.lowerBound(i, floor)), Node.flip(n.pivot(i)));
        return n.value(found, LeafNode.find(own, key));
    }

    /**
     * Caches a leaf, which covers the indexes {@code from} to {@code to}, inclusive. Calls no method, so a stack
     * overflow cannot leave only a part of it cached.
     */
    private void remember(
            Node now,
            Node parent,
            int slot,
            @Nullable Object[] found,
            long[] own,
            boolean halvesSuffice,
            long from,
            long to) {
        if (now != root) {
            root = now;
        }
        // Numbers are stored first, because the next lookup needs them, and a store of a reference may wait for the
        // collector's barrier.
        at = slot;
        first = from;
        extent = to - from;
        halvesDecide = halvesSuffice;
        isReserved = parent.reservedIn != 0;
        siblings = parent.leaves;
        leaf = found;
        pivots = own;
    }
}
