// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/** Lookups of a value or a leaf in the tree below a root. Wait-free; they store nothing to shared memory. */
final class Lookup {

    /*
     * What a reader can see beside the writer
     *
     * A reader takes no lock and leaves no trace. Between any two of its steps the writer may make any number of
     * changes. Each change is one release store: of a new root (EditedRoot.publish), of one leaf into a reachable node
     * of level 1 (Node.replaceLeaf), or of one word of the pivots of a leaf (LeafBoundary.move). No other reference in
     * a reachable node changes, but for childPivots in level 1.
     *
     *    1. Read the root (acquire). The reader sees the root that was stored last, or an older one. The load pairs
     *       with the release store of that root, so all nodes below it are seen as they were when it was stored, or
     *       later. A root that is stored from now on is not seen: the lookup goes on in the tree of this one. Nodes
     *       that the new tree has taken over may still get other leaves. All others keep the state that they had when
     *       the new root was stored.
     *    2. Search the halves of an inner node for the slot of the key. The halves, and so the bounds of each slot, do
     *       not change while the node is reachable. The slot is right for good. Nor does the form of a leaf's pivots
     *       change, which the node notes.
     *    3. Read the pivots of the child from childPivots (plain), so that their search need not wait for the child,
     *       and then the child: a node from nodes (plain), or a leaf from leaves (acquire). Above level 1 neither
     *       changes, and they fit. In level 1 the writer stores the leaf first and its pivots second, and the reader
     *       may see one without the other:
     *
     *          pivots   leaf
     *          old      old     nothing was replaced when the leaf was read
     *          new      new     the leaf was replaced before the pivots were read
     *          old      new     the leaf was replaced between the two loads, or its pivots were not stored yet
     *          new      old     the pivots are stored and read plainly, so the memory model allows this too
     *
     *       The leaf is complete in each case, since its load pairs with the release store in replaceLeaf. It has the
     *       bounds of the slot, since a replacement has the bounds of the leaf before it. It is in the tree, or was
     *       when a new root was stored that left the node out.
     *    4. Compare the pivots with those of the leaf, its element 0. If they are one array, the search of it was the
     *       search of the leaf. If not, one of the last two cases was met, and the pivots of the leaf are searched.
     *       That happens once: a leaf keeps its pivots, so no later step can fail.
     *    5. Read the value from the slot of the leaf. The writer stored that value there before the leaf became
     *       reachable. A reservation counts as no value.
     *    6. Fence (acquire), which pairs with the release store of a word of the pivots. One pivot of a leaf may move,
     *       always the same one; the search reads it once or not at all, by a plain load after that of the leaf. All
     *       others stay. So the slot found is that of the key at the instant of this load, whatever the writer does
     *       before and after it, and if the load is missing, at all times. The contents of the slots stay too.
     *
     * The value is that of the instant of the last acquire load, or of the load of the pivot that moves. If the leaf's
     * parent had left the tree by then, it is that of the instant when the parent left, which was after step 1, or of
     * the load, if the tree still has the leaf by another parent. (A leaf that no node of the tree has moves no pivot.)
     * All are within the lookup. (A virtual machine of 64 bits loads a long at once; by the language, others need not.)
     *
     * A plain store publishes an array of pivots, so Java's memory model lets a reader find its reference before its
     * elements. No result depends on such elements. They are loaded after the leaf (acquire). If the array is that of
     * the leaf, the load of the leaf pairs with the release store of it. That store comes after the elements were
     * written, so they are right. If it is not, step 4 drops the result of the search. A search of any elements ends:
     * it reads an array of the form's length, and its result is used for nothing else.
     *
     * If a pivot of a node is even, or one that a leaf has as a half, halves alone do not decide. Such a tree is
     * searched without step 3's early load. Readers store nothing, so the writer waits for none of them. Reader and
     * Cursor keep a leaf between calls, and read the root and the leaf's slot again to find out whether it is still in
     * the tree.
     */

    private Lookup() {}

    /**
     * Returns the value at {@code index} in the lookup view of the tree below {@code root}. Wait-free, writes nothing.
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
            // Step 4: the pivots were of another leaf.
            k = LeafNode.find(leaf, Keys.flip(index));
        }
        Object value = n.value(leaf, k);
        LeafPivots.endRead();
        return value;
    }

    /**
     * Reads the values at each of these indexes. Four descents run side by side, so they wait for memory at the same
     * time.
     */
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
            // Step 4: the pivots of one were of another leaf.
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
