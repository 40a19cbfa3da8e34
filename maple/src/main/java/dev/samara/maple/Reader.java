// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

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

    private final PublishedRoot tree;

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

    Reader(PublishedRoot tree) {
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
        // leaves change. So reading the root and then the parent's slot is equivalent to a descent. A boundary in the
        // leaf may have moved.
        if (now != root || Long.compareUnsigned(index - first, extent) > 0 || !Node.isLeaf(siblings, at, leaf)) {
            descend(now, index);
        }
        int i = halvesDecide ? Node.search(pivots, index >>> 1) : LeafPivots.find(pivots, Keys.flip(index));
        Object content = LeafNode.content(leaf, i);
        LeafPivots.endRead();
        return isReserved && content instanceof Reservation ? null : (V) content;
    }

    private void descend(Node now, long index) {
        if (now.anyEven) {
            descendWithEven(now, Keys.flip(index));
            return;
        }
        // As in Lookup.get: each search starts before the child is loaded.
        long half = index >>> 1;
        long below = -1;
        Node n = now;
        int i = Node.search(n.halves, half);
        while (n.level != 1) {
            long[] halves = n.childPivots[i];
            below = i == 0 ? below : n.halves[i - 1];
            n = n.child(i);
            i = Node.search(halves, half);
        }
        below = i == 0 ? below : n.halves[i - 1];
        remember(now, n, i, (below + 1) << 1, n.halves[i] << 1 | 1);
        halvesDecide = n.form(i) == LeafPivots.HALVES;
    }

    private void descendWithEven(Node now, long key) {
        long floor = Keys.MIN;
        Node n = now;
        int i = n.find(key);
        while (n.level != 1) {
            floor = n.lowerBound(i, floor);
            n = n.child(i);
            i = n.find(key);
        }
        remember(now, n, i, Keys.flip(n.lowerBound(i, floor)), Keys.flip(n.pivot(i)));
        halvesDecide = false;
    }

    /** Caches the leaf in a slot, which covers the indexes {@code from} to {@code to}, inclusive. */
    private void remember(Node now, Node parent, int slot, long from, long to) {
        if (now != root) {
            root = now;
        }
        siblings = parent.leaves;
        isReserved = parent.reservedIn != 0;
        at = slot;
        leaf = parent.leaf(slot);
        pivots = LeafNode.pivots(leaf);
        first = from;
        extent = to - from;
    }
}
