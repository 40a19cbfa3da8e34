// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/** Lookups of a value or a leaf in the tree below a root. They are wait-free and do not write to shared memory. */
final class Lookup {

    /*
     * What a reader can see concurrently with the writer
     *
     * A reader takes no lock and leaves no trace, so the writer may publish any number of changes between any two steps
     * of a reader. Each change is published by one release store: of a new root (EditedRoot.publish), of one leaf into
     * a reachable node of level 1 (Node.replaceLeaf), or of one word of a leaf's pivots (LeafBoundary.move). The only
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
            return getWithEven(root, Keys.flip(index));
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
            k = LeafNode.find(leaf, Keys.flip(index));
        }
        Object value = n.value(leaf, k);
        LeafPivots.endRead();
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
            i = LeafNode.find(leafA, Keys.flip(indexes[k]));
            j = LeafNode.find(leafB, Keys.flip(indexes[k + 1]));
            l = LeafNode.find(leafC, Keys.flip(indexes[k + 2]));
            m = LeafNode.find(leafD, Keys.flip(indexes[k + 3]));
        }
        values[k] = a.value(leafA, i);
        values[k + 1] = b.value(leafB, j);
        values[k + 2] = c.value(leafC, l);
        values[k + 3] = d.value(leafD, m);
        LeafPivots.endRead();
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
        long floor = Keys.MIN;
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
        return LeafNode.contentAt(leaf(root, key), key);
    }

    /** Returns the upper bound of the leaf slot of {@code key}. */
    static long slotEnd(Node root, long key) {
        @Nullable Object[] leaf = leaf(root, key);
        return LeafNode.pivot(leaf, LeafNode.find(leaf, key));
    }

    /** Returns the lower bound of the leaf slot of {@code key}. */
    static long slotStart(Node root, long key) {
        long floor = Keys.MIN;
        for (Node n = root; ; ) {
            int i = n.find(key);
            floor = n.lowerBound(i, floor);
            if (n.level == 1) {
                @Nullable Object[] leaf = n.leaf(i);
                return LeafNode.lowerBound(leaf, LeafNode.find(leaf, key), floor);
            }
            n = n.child(i);
        }
    }
}
