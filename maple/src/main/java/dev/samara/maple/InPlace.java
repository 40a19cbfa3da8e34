// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/**
 * The fast path of an edit that changes one leaf and that readers may see at once. It creates the new leaf and puts it
 * into its parent, in the published tree. {@link Splice} is the slow path, for every edit.
 *
 * <p>The fast path requires that the leaf's parent is of the open era, so no snapshot has it. It also requires that the
 * new leaf can have the bounds and notes of the old one. So no reservation is near, the leaf neither overflows nor
 * underflows, and no free range continues in a leaf of another parent. Otherwise the methods return false and have
 * changed nothing. They have also changed nothing if they throw.
 *
 * <p>The caller must hold the writer lock. Only the new leaf, two references to it, and changed gaps are stored. There
 * is no scratch space, because the collector charges for references stored in old objects.
 */
final class InPlace {

    private InPlace() {}

    /** Stores {@code content} in {@code [lo, hi]} and replaces its contents. */
    static boolean replace(Node root, Era era, long lo, long hi, Object content) {
        return edit(root, era, lo, hi, content, false);
    }

    /** Stores {@code content} in {@code [lo, hi]}, if that is free. */
    static boolean fill(Node root, Era era, long lo, long hi, Object content) {
        return edit(root, era, lo, hi, content, true);
    }

    /** Frees {@code [lo, hi]}. */
    static boolean free(Node root, Era era, long lo, long hi) {
        return edit(root, era, lo, hi, null, false);
    }

    private static boolean edit(Node root, Era era, long lo, long hi, @Nullable Object content, boolean onlyIfFree) {
        if (!era.open || root.level == 0) {
            return false;
        }
        Node parent = root;
        long floor = Keys.MIN;
        int slot = root.find(lo);
        while (parent.level != 1) {
            floor = parent.lowerBound(slot, floor);
            Node child = parent.child(slot);
            slot = parent.findBelow(slot, child, lo);
            parent = child;
        }
        Node leaf = parent.child(slot);
        int i = parent.findBelow(slot, leaf, lo);
        if (parent.era != era || leaf.reserved || hi > parent.pivot(slot)) {
            return false;
        }
        floor = parent.lowerBound(slot, floor);
        int j = hi <= leaf.pivot(i) ? i : leaf.find(hi);
        long from = lo;
        long to = hi;
        if (onlyIfFree) {
            if (i != j || leaf.slots[i] != null) {
                return false;
            }
        } else if (content == null) {
            if (i == j && leaf.slots[i] == null) {
                return true;
            }
            // The freed range and the free ranges next to it become one.
            if (leaf.slots[i] == null) {
                from = leaf.lowerBound(i, floor);
            } else if (leaf.lowerBound(i, floor) == lo) {
                if (i == 0) {
                    if (!isTakenBefore(parent, slot)) {
                        return false;
                    }
                } else if (leaf.slots[i - 1] == null) {
                    i--;
                    from = leaf.lowerBound(i, floor);
                }
            }
            if (leaf.slots[j] == null) {
                to = leaf.pivot(j);
            } else if (leaf.pivot(j) == hi) {
                if (j == leaf.size() - 1) {
                    if (!isTakenAfter(parent, slot)) {
                        return false;
                    }
                } else if (leaf.slots[j + 1] == null) {
                    j++;
                    to = leaf.pivot(j);
                }
            }
        }
        int at = LeafEdit.at(leaf, floor, from, i);
        int tail = LeafEdit.tail(leaf, to, j);
        int size = LeafEdit.size(leaf, at, tail);
        if (size > Node.FANOUT || size < Node.MIN_FILL) {
            return false;
        }
        long[] halves = leaf.halves;
        int even = leaf.even;
        if (i != j || at != i || tail != j + 1) {
            halves = LeafEdit.halves(leaf, from, to, i, at, tail);
            even = LeafEdit.even(leaf, from, to, i, at, tail);
            if ((even != 0) != leaf.anyEven) {
                return false;
            }
        } else if (leaf.slots[i] == content) {
            return true;
        }
        Node made = Node.leaf(halves, even, LeafEdit.slots(leaf, at, tail, content), false, era);
        long before = parent.gaps[slot];
        long gap = content == null
                ? larger(before, Node.length(from, to))
                : takesGap(leaf, floor, i, j, before) ? made.largestGap(floor) : before;
        if (gap != before) {
            setGap(root, lo, gap);
        }
        parent.replaceLeaf(slot, made);
        return true;
    }

    private static long larger(long a, long b) {
        return Long.compareUnsigned(a, b) < 0 ? b : a;
    }

    /** Returns whether one of the slots i to j is a free range of this length. */
    private static boolean takesGap(Node leaf, long floor, int i, int j, long length) {
        for (int k = i; k <= j; k++) {
            if (leaf.slots[k] == null && Node.length(leaf.lowerBound(k, floor), leaf.pivot(k)) == length) {
                return true;
            }
        }
        return false;
    }

    /** Returns whether the index before this child is known not to be free. */
    private static boolean isTakenBefore(Node parent, int slot) {
        if (slot == 0) {
            return false;
        }
        Node before = parent.child(slot - 1);
        return before.slots[before.size() - 1] != null;
    }

    /** Returns whether the index after this child is known not to be free. */
    private static boolean isTakenAfter(Node parent, int slot) {
        return slot < parent.size() - 1 && parent.child(slot + 1).slots[0] != null;
    }

    /**
     * Stores the largest gap of the leaf of {@code key} in the nodes above it; returns the largest gap of this node.
     */
    private static long setGap(Node n, long key, long gap) {
        int i = n.find(key);
        long below = n.level == 1 ? gap : setGap(n.child(i), key, gap);
        // All these nodes are of the open era: an edit that creates a node creates those above it.
        n.gaps[i] = below;
        return n.largestGap(Keys.MIN);
    }
}
