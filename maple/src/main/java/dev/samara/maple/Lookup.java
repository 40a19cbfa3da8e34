// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/** Lookups of a value or a leaf in the tree below a root. Wait-free; they store nothing to shared memory. */
final class Lookup {

    /*
     * What a reader can see beside the writer
     *
     * A reader takes no lock and leaves no trace. Between any two of its steps the writer may make any number of
     * changes. Each change is one release store: of a new root (EditedRoot.publish), or of one leaf into a reachable
     * node of level 1 (Node.replaceLeaf). No other reference in a reachable node changes, but for childHalves in level
     * 1.
     *
     *    1. Read the root (acquire). The reader sees the root that was stored last, or an older one. The load pairs
     *       with the release store of that root, so all nodes below it are seen as they were when it was stored, or
     *       later. A root that is stored from now on is not seen: the lookup goes on in the tree of this one. Nodes
     *       that the new tree has taken over may still get other leaves. All others keep the state that they had when
     *       the new root was stored.
     *    2. Search the halves of an inner node for the slot of the key. The halves, and so the bounds of each slot, do
     *       not change while the node is reachable. The slot is right for good.
     *    3. Read the halves of the child from childHalves (plain), so that their search need not wait for the child,
     *       and then the child from slots (acquire). Above level 1 neither changes, and they fit. In level 1 the writer
     *       stores the halves first and the slot second, and the reader may see one without the other:
     *
     *          halves   leaf
     *          old      old     nothing was replaced when the slot was read
     *          new      new     the leaf was replaced before the halves were read
     *          new      old     the slot was read between the two stores
     *          old      new     the leaf was replaced between the two loads
     *
     *       The leaf is complete in each case, since its load pairs with the release store in replaceLeaf. It has the
     *       bounds of the slot, since a replacement has the bounds of the leaf before it. It is in the tree, or was
     *       when a new root was stored that left the node out.
     *    4. Compare the halves with those of the leaf. If they are one array, the search of it was the search of the
     *       leaf. If not, one of the last two cases was met, and the halves of the leaf are searched. That happens
     *       once: a leaf does not change, so no later step can fail.
     *    5. Read the value from the slot of the leaf. The writer stored that value there before the leaf became
     *       reachable. A reservation counts as no value.
     *
     * The value is that of the instant of the last acquire load. If the leaf's parent had left the tree by then, it is
     * that of the instant when the parent left, which was after step 1. Both are within the lookup.
     *
     * A plain store publishes an array of halves, so Java's memory model lets a reader find its reference before its
     * elements. No result depends on such elements. They are loaded after the slot (acquire). If the array is that of
     * the leaf, the load of the slot pairs with the release store of the leaf. That store comes after the halves, so
     * the elements are right. If it is not, step 4 drops the result of the search. A search of any elements ends with
     * an index within the array, whose length is constant.
     *
     * If a pivot in the tree is even, halves alone do not decide. Such a tree is searched without step 3's early load.
     * Readers store nothing, so the writer waits for none of them. Reader and Cursor keep a leaf between calls, and
     * read the root and the leaf's slot again to find out whether it is still in the tree.
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
        long[] halves = n.halves;
        int i = Node.search(halves, half);
        while (n.level != 0) {
            halves = n.childHalves[i];
            n = n.child(i);
            i = Node.search(halves, half);
        }
        if (n.halves != halves) {
            // Step 4: the halves were of another leaf.
            i = Node.search(n.halves, half);
        }
        return n.value(i);
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
        for (int level = root.level; level != 0; level--) {
            long[] halvesA = a.childHalves[i];
            long[] halvesB = b.childHalves[j];
            long[] halvesC = c.childHalves[l];
            long[] halvesD = d.childHalves[m];
            a = a.child(i);
            b = b.child(j);
            c = c.child(l);
            d = d.child(m);
            i = Node.search(halvesA, halfA);
            j = Node.search(halvesB, halfB);
            l = Node.search(halvesC, halfC);
            m = Node.search(halvesD, halfD);
            if (a.halves != halvesA || b.halves != halvesB || c.halves != halvesC || d.halves != halvesD) {
                // Step 4: the halves of one were of another leaf.
                i = Node.search(a.halves, halfA);
                j = Node.search(b.halves, halfB);
                l = Node.search(c.halves, halfC);
                m = Node.search(d.halves, halfD);
            }
        }
        values[k] = a.value(i);
        values[k + 1] = b.value(j);
        values[k + 2] = c.value(l);
        values[k + 3] = d.value(m);
    }

    private static @Nullable Object getWithEven(Node root, long key) {
        Node leaf = leaf(root, key);
        return leaf.value(leaf.find(key));
    }

    /** Returns the leaf of {@code key}. */
    static Node leaf(Node root, long key) {
        Node n = root;
        while (n.level != 0) {
            n = n.child(n.find(key));
        }
        return n;
    }

    /** Returns the lower bound of the leaf of {@code key}. */
    static long leafStart(Node root, long key) {
        long floor = Keys.MIN;
        for (Node n = root; n.level != 0; ) {
            int i = n.find(key);
            floor = n.lowerBound(i, floor);
            n = n.child(i);
        }
        return floor;
    }

    /** Returns the content of the slot of {@code key}: null, a value or a reservation. */
    static @Nullable Object contentAt(Node root, long key) {
        Node n = leaf(root, key);
        return n.slots[n.find(key)];
    }

    /** Returns the upper bound of the leaf slot of {@code key}. */
    static long slotEnd(Node root, long key) {
        Node n = leaf(root, key);
        return n.pivot(n.find(key));
    }

    /** Returns the lower bound of the leaf slot of {@code key}. */
    static long slotStart(Node root, long key) {
        long floor = Keys.MIN;
        for (Node n = root; ; ) {
            int i = n.find(key);
            floor = n.lowerBound(i, floor);
            if (n.level == 0) {
                return floor;
            }
            n = n.child(i);
        }
    }
}
