// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/**
 * Looks up in a tree for one thread, and is fast near the previous lookup. Its results are those of {@link
 * MapleTree#get}, in the time of one node instead of one per level.
 *
 * <p>It remembers the last leaf, a node of the lowest level, which has some ten neighbouring entries. Two words that
 * the writer stores anyway tell whether that leaf is still in the tree. So a reader is as exact during edits as a
 * {@code get}: it returns the value that the index had at some instant of the call. An edit that changes one other leaf
 * does not disturb it. After other edits, and after transactions, it descends from the root again. In a tree in which
 * an entry or a free range ends at an even index, it descends at each lookup: keep both ends of ranges aligned to 2.
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

    /** The slots of the leaf's parent and the leaf's place there; {@link #rootSlot} if the leaf is the root. */
    private @Nullable Object[] siblings;

    private int at;

    private Node leaf = root;

    /* The leaf has the indexes with these halves: from floor, extent more. */
    private long floor;
    private long extent = Long.MAX_VALUE;

    private final @Nullable Object[] rootSlot = {leaf};

    Reader(PublishedRoot tree) {
        this.tree = tree;
        siblings = rootSlot;
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
        if (now.anyEven) {
            // Halves do not determine where a leaf begins.
            if (root != Node.EMPTY) {
                reset();
            }
            return (V) Lookup.get(now, index);
        }
        long half = index >>> 1;
        long above = half - floor;
        // The bounds of a leaf do not change while it is in the tree, and an inner node changes only in its leaves. So
        // root and parent, read in this order, are equivalent to the descent.
        if (now != root || (above | (extent - above)) < 0 || !Node.isChild(siblings, at, leaf)) {
            descend(now, half);
        }
        return (V) leaf.lookupHalf(half);
    }

    private void reset() {
        root = Node.EMPTY;
        leaf = root;
        siblings = rootSlot;
        at = 0;
        rootSlot[0] = root;
        floor = 0;
        extent = Long.MAX_VALUE;
    }

    private void descend(Node now, long half) {
        long lo = 0;
        long hi = Long.MAX_VALUE;
        @Nullable Object[] slots = rootSlot;
        int i = 0;
        Node n = now;
        while (n.level != 0) {
            i = n.findHalf(half);
            hi = n.halves[i];
            if (i > 0) {
                lo = n.halves[i - 1] + 1;
            }
            slots = n.slots;
            n = Node.childAcquire(slots, i);
        }
        Node rootLeaf = slots == rootSlot ? n : Node.EMPTY;
        if (rootSlot[0] != rootLeaf) {
            rootSlot[0] = rootLeaf;
        }
        if (now != root) {
            root = now;
        }
        siblings = slots;
        at = i;
        leaf = n;
        floor = lo;
        extent = hi - lo;
    }
}
