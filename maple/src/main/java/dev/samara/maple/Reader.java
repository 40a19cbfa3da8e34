// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/**
 * Looks up in a tree for one thread, and is fast near the previous lookup. Its results are those of {@link
 * MapleTree#get}, in the time of one node instead of one per level.
 *
 * <p>It remembers the last leaf, which has some ten neighbouring entries. Two words that
 * the writer stores anyway tell whether that leaf is still in the tree. So a reader is as exact during edits as a
 * {@code get}: it returns the value that the index had at some instant of the call. An edit that changes one other leaf
 * does not disturb it. After other edits, and after transactions, it descends from the root again.
 *
 * <p>Takes no lock, stores to no shared memory, and allocates only at its creation. For use by one thread at a time. A
 * reader keeps the tree of its last lookup reachable, until it looks up in a later one or is dropped.
 *
 * @param <V> the type of values
 */
public final class Reader<V> {

    private final PublishedRoot tree;

    /** The root of the tree in which the leaf was found. */
    private Node root = Node.EMPTY;

    /* The leaf, its pivots, the slots of its parent and its place there. */
    private @Nullable Object[] leaf = root.leaf(0);
    private long[] pivots = LeafNode.pivots(leaf);
    private @Nullable Object[][] siblings = root.leaves;
    private int at;

    /** Whether the leaf has halves, and no pivot in the tree is even, so that halves alone decide. */
    private boolean halvesDecide;

    /** Whether the leaf, or another one of its parent, has a reservation. */
    private boolean isReserved;

    /* The indexes of the leaf: from the first, extent more. */
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
        // The bounds of a leaf do not change while it is in the tree, and an inner node changes only in its leaves. So
        // root and parent, read in this order, are equivalent to the descent. A boundary in the leaf may have moved.
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
        // As in Lookup.get: each search begins before the child has arrived.
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

    /** Remembers the leaf in a slot, which has the indexes {@code from} to {@code to}, inclusive. */
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
