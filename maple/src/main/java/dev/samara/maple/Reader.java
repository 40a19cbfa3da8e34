// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/**
 * Looks up in a tree for one thread, fast where it has just looked up: what {@link MapleTree#get} finds, in the time of
 * one node instead of one per level.
 *
 * <p>It remembers the last leaf, the lowest of the nodes, which holds some ten neighbouring entries. Whether that is
 * still in the tree it sees from two words that the writer stores anyway, so it is as exact beside writers as a {@code
 * get}: it returns what the index had at some instant of the call. Edits elsewhere that change one leaf do not disturb
 * it; after others, and after transactions, it goes down from the root again.
 *
 * <p>Takes no lock, stores to no shared memory, does not allocate but when it is made. For use by one thread at a time.
 * It keeps the tree it last looked at, until it looks at a later one or is dropped.
 *
 * @param <V> the type of values
 */
public final class Reader<V> {

    private final MapleTree<V> tree;

    /** The tree that the leaf was found in. */
    private Node root = Node.EMPTY;

    /** The slots of the leaf's parent and the leaf's place there; {@link #alone} if the leaf is the root. */
    private @Nullable Object[] siblings;

    private int at;

    private Node leaf = root;

    /* The leaf has the indexes of these halves: from this one on, and so many more. */
    private long floor;
    private long extent = Long.MAX_VALUE;

    private final @Nullable Object[] alone = {leaf};

    Reader(MapleTree<V> tree) {
        this.tree = tree;
        siblings = alone;
    }

    /**
     * The value at an index.
     *
     * @param index any index
     * @return the value of the entry that covers the index, or null if none does
     */
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V get(long index) {
        Node now = tree.root();
        if (now.uneven) {
            // Halves do not tell where a leaf begins.
            if (root != Node.EMPTY) {
                forget();
            }
            return (V) Node.lookup(now, index);
        }
        long half = index >>> 1;
        long above = half - floor;
        // The bounds of a leaf stay what they are while it is in the tree, and inner nodes do not change but in their
        // leaves: root and parent, read in this order, are the descent.
        if (now != root || (above | (extent - above)) < 0 || !Node.isChild(siblings, at, leaf)) {
            descend(now, half);
        }
        return (V) leaf.lookupHalf(half);
    }

    private void forget() {
        root = Node.EMPTY;
        leaf = root;
        siblings = alone;
        at = 0;
        alone[0] = root;
        floor = 0;
        extent = Long.MAX_VALUE;
    }

    private void descend(Node now, long half) {
        long lo = 0;
        long hi = Long.MAX_VALUE;
        @Nullable Object[] slots = alone;
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
        Node single = slots == alone ? n : Node.EMPTY;
        if (alone[0] != single) {
            alone[0] = single;
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
