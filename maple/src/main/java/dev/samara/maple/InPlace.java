// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/**
 * The fast path of an edit that changes one leaf and is published alone. It creates a new leaf and stores it into its
 * parent in the published tree. An edit that only moves the leaf's movable boundary ({@link LeafBoundary}) allocates
 * nothing. {@link Splice} is the slow path, for any edit.
 *
 * <p>The fast path requires that the leaf's parent is of the open era, so that no snapshot contains it. The new leaf
 * must also have the bounds and the {@linkplain Node#notes(int) notes} of the old one. That is: the leaf contains no
 * reservation, it neither overflows nor underflows, its new pivots can be stored in the old form, and no free range
 * continues in a leaf of another parent. Otherwise the methods return false without changing anything. If they throw,
 * they change nothing, either.
 *
 * <p>The caller must hold the writer lock. The methods store only changed gaps and either a reference to the new leaf
 * and one to its pivots, or one word of the existing pivots. They use no scratch objects, because each store of a
 * reference into an old object costs a write barrier of the garbage collector; a store of a number does not.
 */
final class InPlace {

    /** A placeholder for the root's largest gap, which no node records. */
    private static final long UNKNOWN = -1L;

    /**
     * The leaf's slot in the node that {@link #parent} returned. Guarded by the writer lock.
     *
     * <p>Written: holder of the writer lock (plain).
     * Read: holder of the writer lock (plain).
     * Invariant: within an edit: the slot of the leaf in the node that {@code parent} returned.
     */
    private int parentSlot;

    InPlace() {}

    /** Stores {@code content} in {@code [lo, hi]}, replacing its contents. */
    boolean replace(Node root, Era era, long lo, long hi, Object content) {
        Node parent = parent(root, era, lo, hi);
        if (parent == null) {
            return false;
        }
        int slot = parentSlot;
        long[] pivots = parent.childPivots[slot];
        if (moves(root, parent, slot, lo, hi, content)) {
            return true;
        }
        int i = LeafPivots.find(pivots, lo);
        return put(root, parent, slot, lo, hi, i, slotOf(pivots, hi, i), content);
    }

    /** Stores {@code content} in {@code [lo, hi]} if that range is free. */
    boolean fill(Node root, Era era, long lo, long hi, Object content) {
        Node parent = parent(root, era, lo, hi);
        if (parent == null) {
            return false;
        }
        int slot = parentSlot;
        long[] pivots = parent.childPivots[slot];
        int i = LeafPivots.find(pivots, lo);
        boolean isFree = LeafNode.content(parent.leaf(slot), i) == null && hi <= LeafPivots.pivot(pivots, i);
        return isFree && put(root, parent, slot, lo, hi, i, i, content);
    }

    /** Frees {@code [lo, hi]}. */
    boolean free(Node root, Era era, long lo, long hi) {
        Node parent = parent(root, era, lo, hi);
        if (parent == null) {
            return false;
        }
        int slot = parentSlot;
        if (moves(root, parent, slot, lo, hi, null)) {
            return true;
        }
        @Nullable Object[] leaf = parent.leaf(slot);
        long[] pivots = parent.childPivots[slot];
        int i = LeafPivots.find(pivots, lo);
        int j = slotOf(pivots, hi, i);
        if (i == j && LeafNode.content(leaf, i) == null) {
            return true;
        }
        // The range is merged with the adjacent free ranges, i.e. those of the slots of lo - 1 and hi + 1.
        long floor = floor(root, parent, slot, lo);
        int before = LeafPivots.lowerBound(pivots, i, floor) < lo ? i : i - 1;
        int after = LeafEdit.tail(pivots, hi, j);
        if ((before < 0 && !isTakenBefore(parent, slot, lo))
                || (after == LeafNode.size(leaf) && !isTakenAfter(parent, slot, hi))) {
            return false;
        }
        long from = lo;
        if (before >= 0 && LeafNode.content(leaf, before) == null) {
            i = before;
            from = LeafPivots.lowerBound(pivots, i, floor);
        }
        long to = hi;
        if (after < LeafNode.size(leaf) && LeafNode.content(leaf, after) == null) {
            j = after;
            to = LeafPivots.pivot(pivots, j);
        }
        return put(root, parent, slot, from, to, i, j, null);
    }

    /** Returns the slot of {@code hi}, which is slot {@code i} or a later one. */
    private static int slotOf(long[] pivots, long hi, int i) {
        return hi <= LeafPivots.pivot(pivots, i) ? i : LeafPivots.find(pivots, hi);
    }

    /**
     * Returns the parent of the leaf that contains the whole range, or null if that leaf must not be replaced in place.
     */
    private @Nullable Node parent(Node root, Era era, long lo, long hi) {
        if (!era.open) {
            return null;
        }
        Node parent = root;
        int slot = root.find(lo);
        while (parent.level != 1) {
            Node child = parent.child(slot);
            slot = parent.findBelow(slot, child, lo);
            parent = child;
        }
        parentSlot = slot;
        boolean isReserved = (parent.reservedIn >>> slot & 1) != 0;
        return parent.era == era && !isReserved && hi <= parent.pivot(slot) ? parent : null;
    }

    /** Returns the lower bound of the leaf in a slot; the leaf contains {@code key}. */
    private static long floor(Node root, Node parent, int slot, long key) {
        return slot > 0 ? parent.pivot(slot - 1) + 1 : Lookup.leafStart(root, key);
    }

    /** Replaces the leaf by one in which {@code [lo, hi]}, whose ends are in slots i and j, is a single slot. */
    private static boolean put(
            Node root, Node parent, int slot, long lo, long hi, int i, int j, @Nullable Object content) {
        @Nullable Object[] leaf = parent.leaf(slot);
        long[] pivots = parent.childPivots[slot];
        long floor = floor(root, parent, slot, lo);
        int at = LeafEdit.at(pivots, floor, lo, i);
        int tail = LeafEdit.tail(pivots, hi, j);
        int size = LeafEdit.size(leaf, at, tail);
        if (size > Node.FANOUT || (size < Node.MIN_FILL && !root.hasOneLeaf())) {
            return false;
        }
        long[] changed;
        if (i != j || at != i || tail != j + 1) {
            changed = LeafPivots.change(pivots, lo, hi, i, at, tail);
            if (changed == null || LeafPivots.hasEven(changed) != LeafPivots.hasEven(pivots)) {
                return false;
            }
        } else if (LeafNode.content(leaf, i) == content) {
            return true;
        } else {
            changed = LeafBoundary.shared(pivots);
        }
        @Nullable Object[] made = LeafNode.of(changed, leaf, at, tail, content);
        LeafBoundary.makeMovable(made, LeafBoundary.changed(leaf, i, j, at, tail, content));
        long before = parent.gaps[slot];
        long gap = content == null
                ? larger(before, Node.length(lo, hi))
                : takesGap(leaf, floor, i, j, before) ? LeafNode.largestGap(made, floor) : before;
        boolean changesAbove = changesAbove(parent, slot, gap);
        if (changesAbove) {
            tryGap(root, lo, gap);
        }
        // The first store. If the stack overflows, this call fails before it stores anything.
        parent.replaceLeaf(slot, made);
        if (changesAbove) {
            setGap(root, lo, gap, UNKNOWN, true);
        } else {
            parent.gaps[slot] = gap;
        }
        return true;
    }

    /**
     * Moves the leaf's movable boundary if that is all that the edit changes. The edit stores {@code content} in {@code
     * [lo, hi]}, or frees it and merges it with the adjacent free range.
     */
    private static boolean moves(Node root, Node parent, int slot, long lo, long hi, @Nullable Object content) {
        long[] pivots = parent.childPivots[slot];
        int i = LeafBoundary.of(pivots);
        if (i == LeafBoundary.NONE || !parent.ownsLeaf(slot)) {
            return false;
        }
        @Nullable Object[] leaf = parent.leaf(slot);
        long end = LeafPivots.pivot(pivots, i);
        long start = i == 0 ? floor(root, parent, slot, lo) : LeafPivots.pivot(pivots, i - 1) + 1;
        long next = LeafPivots.pivot(pivots, i + 1);
        boolean isFree = content == null;
        long to;
        if (LeafNode.content(leaf, i) == content
                && hi > end
                && hi < next
                && (lo == start || (isFree && lo > start && lo <= end + 1))) {
            to = hi;
        } else if (LeafNode.content(leaf, i + 1) == content
                && lo <= end
                && lo > start
                && (hi == next || (isFree && hi < next && hi >= end))) {
            to = lo - 1;
        } else {
            return false;
        }
        if (!LeafPivots.canBeStored(pivots, to)) {
            return false;
        }
        long gap = parent.gaps[slot];
        if (LeafNode.content(leaf, i) == null) {
            gap = resized(root, parent, slot, i, Node.length(start, end), Node.length(start, to), lo);
        } else if (LeafNode.content(leaf, i + 1) == null) {
            gap = resized(root, parent, slot, i + 1, Node.length(end + 1, next), Node.length(to + 1, next), lo);
        }
        boolean changesAbove = changesAbove(parent, slot, gap);
        if (changesAbove) {
            tryGap(root, lo, gap);
        }
        // This is the first store, as in put.
        LeafBoundary.move(pivots, i, to);
        if (changesAbove) {
            setGap(root, lo, gap, UNKNOWN, true);
        } else {
            parent.gaps[slot] = gap;
        }
        return true;
    }

    /** Returns the largest gap of the leaf of {@code key} after the free range in slot {@code k} is resized. */
    private static long resized(Node root, Node parent, int slot, int k, long before, long length, long key) {
        long largest = parent.gaps[slot];
        if (Long.compareUnsigned(length, largest) >= 0) {
            return length;
        }
        return before == largest
                ? LeafNode.largestGap(parent.leaf(slot), floor(root, parent, slot, key), k, length)
                : largest;
    }

    /** Returns whether the largest gap of a node may change if the gap of a slot becomes {@code gap}. */
    private static boolean changesAbove(Node parent, int slot, long gap) {
        long[] gaps = parent.gaps;
        long larger = larger(gaps[slot], gap);
        if (gap == gaps[slot]) {
            return false;
        }
        for (int i = 0; i < gaps.length; i++) {
            if (i != slot && Long.compareUnsigned(gaps[i], larger) >= 0) {
                return false;
            }
        }
        return true;
    }

    /**
     * Runs {@link #setGap} without its stores, one stack frame deeper than the later call of {@code setGap} with its
     * stores. So that later call cannot overflow the stack.
     */
    private static void tryGap(Node root, long key, long gap) {
        setGap(root, key, gap, UNKNOWN, false);
    }

    private static long larger(long a, long b) {
        return Long.compareUnsigned(a, b) < 0 ? b : a;
    }

    /** Returns whether one of the slots i to j, inclusive, is a free range of this length. */
    private static boolean takesGap(@Nullable Object[] leaf, long floor, int i, int j, long length) {
        for (int k = i; k <= j; k++) {
            if (LeafNode.content(leaf, k) == null && LeafNode.gap(leaf, k, floor) == length) {
                return true;
            }
        }
        return false;
    }

    /**
     * Returns whether the index before the leaf in a slot, whose lower bound is {@code lo}, is known not to be free.
     */
    private static boolean isTakenBefore(Node parent, int slot, long lo) {
        if (slot == 0) {
            return lo == Keys.MIN;
        }
        @Nullable Object[] before = parent.leaf(slot - 1);
        return LeafNode.content(before, LeafNode.size(before) - 1) != null;
    }

    /** Returns whether the index after the leaf in a slot, whose upper bound is {@code hi}, is known not to be free. */
    private static boolean isTakenAfter(Node parent, int slot, long hi) {
        if (slot == parent.size() - 1) {
            return hi == Keys.MAX;
        }
        return LeafNode.content(parent.leaf(slot + 1), 0) != null;
    }

    /**
     * Stores the largest gap of the leaf of {@code key} in the nodes above it, and returns the new largest gap of this
     * node.
     *
     * @param before the old largest gap of this node
     * @param stores false to compute only
     */
    private static long setGap(Node n, long key, long gap, long before, boolean stores) {
        int i = n.find(key);
        long old = n.gaps[i];
        long below = n.level == 1 ? gap : setGap(n.child(i), key, gap, old, stores);
        if (below == old) {
            return before;
        }
        long largest = n.largestGapWith(i, below, before);
        if (stores) {
            // All these nodes are of the open era, because an edit that creates a node also creates all nodes above it.
            n.gaps[i] = below;
        }
        return largest;
    }
}
