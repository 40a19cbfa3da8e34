// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import dev.samara.maple.LeafNode.Reservation;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * An inner node of the tree. Its children are inner nodes, or leaves ({@link LeafNode}) if it is of level 1. The root
 * is always an inner node. A published node is immutable, including its arrays, with three exceptions: the writer may
 * replace a leaf by one with the same bounds and {@linkplain #notes(int) notes} ({@link #replaceLeaf}), move a boundary
 * in a leaf ({@link LeafNode}), and update gaps ({@link #gaps}). Before the publication of a node, {@link Draft}, which
 * created it, may write its arrays. Nodes may share arrays that are no longer written.
 *
 * <pre>
 *   halves       [ 0x07ff | 0x3fff |  max  | (max) ... ]   half of the inclusive upper bound of each slot
 *   nodes        [ node   | node   | node  ]               or leaves, at level 1
 *   childPivots  [ pivots | pivots | pivots ]              the halves of a node, the pivots of a leaf
 *   gaps         [ 0x800  |   0    |  2^60 ]               largest free range below each child
 * </pre>
 *
 * <p>The inclusive upper bound of a slot is its <em>pivot</em>. Lower bounds are implied: a slot starts after the
 * previous pivot, and the first slot at the lower bound of the node, which only a descent knows. The pivot of the last
 * slot is the upper bound of the node. Unused halves are padded with the maximum half, so a search does not need the
 * number of slots.
 *
 * <p>A pivot is stored as a half, its index without the lowest bit; the lowest bits are stored separately. Differences
 * of halves do not overflow, so a search can use their signs and needs no branches. Most pivots are odd, because
 * aligned ranges end at odd indexes; then comparing halves is sufficient. If a pivot is even, a search also reads
 * {@code even}.
 *
 * <p>{@link Lookup} lists, step by step, the states of a node that a reader can see concurrently with the writer.
 *
 * <p>An <em>index</em> is an unsigned 64-bit number, as callers know it. Its <em>key</em> is the same number with the
 * sign bit flipped, so that a signed compare of keys is an unsigned compare of indexes. Differences of keys equal
 * differences of indexes, so lengths need no conversion.
 *
 * <p>Notation, here and in the whole package: {@code n} is a node, {@code i} a slot number, {@code lo} and {@code hi}
 * are inclusive bounds as keys, {@code first} and {@code last} inclusive bounds as indexes.
 */
final class Node {

    /**
     * A period in the life of a tree. Each node records the era in which it was created. In an {@linkplain #open open}
     * era, the writer may change inner nodes of that era in place, because no snapshot contains them. A snapshot must
     * therefore end the open era first ({@link MapleTree#frozenRoot}).
     *
     * <p>A tree is always in exactly one era, and never returns to an earlier open era. The first edit that can profit
     * from an open era starts one. It ends with the next snapshot of the tree, or of a transaction's own view. Eras are
     * compared by identity.
     */
    static final class Era {

        final boolean open;

        Era(boolean open) {
            this.open = open;
        }
    }

    /** The key of index 0. */
    static final long MIN = Long.MIN_VALUE;

    /** The key of index 2^64-1. */
    static final long MAX = Long.MAX_VALUE;

    /** The maximum number of slots of a node or leaf. {@link #search} is written for this number. */
    static final int FANOUT = 16;

    /** The minimum number of slots, except in the root and in the only leaf of a tree. */
    static final int MIN_FILL = 6;

    /** An upper bound of the number of levels, leaves included: 6^25 is above 2^64. */
    static final int MAX_LEVELS = 26;

    /*
     * The bits of the word of notes that a node records about a child. The form of the child's pivots is above these
     * two bits.
     */
    static final int RESERVED = 1;
    static final int EVEN = 2;
    static final int FORM = 2;

    /** The value of {@link #forms} if all children use halves; unused slots count as halves. */
    private static final long HALVES_ONLY = -1;

    private static final VarHandle LEAF = MethodHandles.arrayElementVarHandle(Object[][].class);

    private static final Node[] NO_NODES = {};
    private static final @Nullable Object[][] NO_LEAVES = {};

    /** The root of an empty tree. */
    static final Node EMPTY = empty();

    /**
     * The height above the leaves: 1 if the children are leaves, else their level plus 1.
     *
     * <p>Words: everything else in a node and in a leaf.
     * Written: the thread that builds the node, or later edits a node that it built (elements only). This precedes the
     *     publication of the node through {@code root} or through a view outside of the thread's own transaction
     *     (plain).
     * Read: any thread (plain).
     * Invariant: immutable from then on. The {@code contents} of a snapshot are final, so a snapshot may even be
     *     published through a data race.
     */
    final int level;

    /** A bit for each slot, set if its subtree contains a reservation. */
    final int reservedIn;

    /** A bit for each slot, set if its subtree contains an even pivot that is stored as a half. */
    final int evenIn;

    /** A bit for each slot, set if its pivot is even. */
    final int even;

    /** Whether this node or its subtree stores an even pivot as a half, so that comparing halves is not sufficient. */
    final boolean anyEven;

    /** The forms of the children's pivots, four bits for each slot; see {@link LeafNode#form}. */
    final long forms;

    final long[] halves;

    /** The children of a node above level 1; empty in level 1. */
    final Node[] nodes;

    /**
     * The children of a node of level 1; empty above.
     *
     * <p>Words: {@code leaves} and {@code childPivots}, their elements in level 1.
     * Written: holder of the writer lock, in {@code replaceLeaf} ({@code leaves} release, {@code childPivots} plain),
     *     if the node belongs to the open era.
     * Read: any thread, in {@code leaf} and {@code isLeaf} (acquire), and in {@code Lookup}, {@code Reader} and {@code
     *     Cursor} ({@code childPivots} plain, used only if the leaf that was found has the same array; {@code Lookup}
     *     lists what a reader can see at each step); below a frozen root, or by holders of the writer lock (plain).
     * Pairs: the store in {@code replaceLeaf} with the load in {@code leaf}. The construction of the leaf, and all
     *     earlier actions of the writer, come before everything that the reader does with the leaf.
     * Invariant: {@code leaves[i]} is a complete leaf. A new leaf has the same bounds as the leaf that it replaces, the
     *     same form of pivots, and the same notes of reservations and even pivots. A replaced leaf never returns.
     */
    final @Nullable Object[][] leaves;

    /**
     * The halves of each child node, or the pivots of each leaf. A descent can search them while the child itself is
     * still being loaded.
     */
    final long[][] childPivots;

    /**
     * The length of the largest free range in each subtree, unsigned: 0 if there is none; 2^64 is represented as
     * 2^64-1. Lookups do not read it.
     *
     * <p>Written: holder of the writer lock, if the node belongs to the open era (plain).
     * Read: holder of the writer lock (plain); {@code validate} and {@code dump}, for nodes of an era that has ended
     *     (plain).
     * Invariant: outside of an edit: the largest free range below each child.
     */
    final long[] gaps;

    /** The era in which the node was created. */
    final Era era;

    /**
     * A bit for each slot of a node of level 1, set if {@link #replaceLeaf} stored the leaf in it. If a bit is set, no
     * other node refers to that leaf as long as this node is in the tree. Guarded by the writer lock; readers must not
     * use it.
     *
     * <p>Written: holder of the writer lock, in {@code replaceLeaf} (plain, lock).
     * Read: holder of the writer lock (plain).
     * Invariant: a bit is set only if this node was in the tree when the leaf was stored in it. In a copy of the node
     *     no bit is set.
     */
    private short ownLeaves;

    /** Creates a node without checks, for this class and for tests of the validator. */
    Node(
            int level,
            int reservedIn,
            int evenIn,
            int even,
            long forms,
            long[] halves,
            Node[] nodes,
            @Nullable Object[][] leaves,
            long[][] childPivots,
            long[] gaps,
            Era era) {
        this.level = level;
        this.reservedIn = reservedIn;
        this.evenIn = evenIn;
        this.even = even;
        this.anyEven = (even | evenIn) != 0;
        this.forms = forms;
        this.halves = halves;
        this.nodes = nodes;
        this.leaves = leaves;
        this.childPivots = childPivots;
        this.gaps = gaps;
        this.era = era;
    }

    /** Returns the key of an index, or the index of a key. The mapping is its own inverse. */
    static long flip(long indexOrKey) {
        return indexOrKey ^ Long.MIN_VALUE;
    }

    /**
     * Returns half of a key's index, i.e. the index without its lowest bit. It is never negative, and halves have the
     * same order as keys.
     */
    static long half(long key) {
        return flip(key) >>> 1;
    }

    /** Returns the key that consists of this half and, as its last bit, 0 if {@code even} is 1, else 1. */
    static long join(long half, int even) {
        return flip(half << 1 | (1 - even));
    }

    /** Returns 1 if the index, or key, is even, else 0. */
    static int isEven(long indexOrKey) {
        return 1 - (int) (indexOrKey & 1);
    }

    private static Node empty() {
        long[] pivots = {Node.MAX};
        long[] leafPivots = LeafNode.pivotsOf(pivots, 0, 1, MIN, 1);
        Object[] leaf = LeafNode.of(leafPivots, new @Nullable Object[] {null}, 0, 1);
        int[] notes = {LeafNode.notes(leafPivots, false)};
        return inner(1, pivots, new Object[] {leaf}, new long[] {-1L}, notes, 0, 1, new Era(false));
    }

    /**
     * Returns a node with the elements {@code [from, to)} of these arrays.
     *
     * @param children nodes of level {@code level} - 1, or leaves if {@code level} is 1
     * @param notes the notes about the children, from {@link #notes()} or {@link LeafNode#notes}
     */
    static Node inner(
            int level,
            long[] pivots,
            @Nullable Object[] children,
            long[] gaps,
            int[] notes,
            int from,
            int to,
            Era era) {
        int size = to - from;
        long[] halves = new long[FANOUT];
        long[][] childPivots = new long[size][];
        int reservedIn = 0;
        int evenIn = 0;
        long forms = HALVES_ONLY;
        for (int i = 0; i < size; i++) {
            halves[i] = half(pivots[from + i]);
            childPivots[i] = pivotsOf(Objects.requireNonNull(children[from + i]));
            int note = notes[from + i];
            reservedIn |= (note & RESERVED) << i;
            evenIn |= (note >>> 1 & 1) << i;
            forms = withForm(forms, i, note >>> FORM);
        }
        Arrays.fill(halves, size, FANOUT, half(MAX));
        Node[] nodes = level == 1 ? NO_NODES : Arrays.copyOfRange(children, from, to, Node[].class);
        @Nullable Object[][] leaves = level == 1 ? Arrays.copyOfRange(children, from, to, Object[][].class) : NO_LEAVES;
        long[] childGaps = Arrays.copyOfRange(gaps, from, to);
        int even = evenBits(pivots, from, to);
        return new Node(level, reservedIn, evenIn, even, forms, halves, nodes, leaves, childPivots, childGaps, era);
    }

    /** Returns a bit for each of these pivots, set if it is even. */
    static int evenBits(long[] pivots, int from, int to) {
        int even = 0;
        for (int i = from; i < to; i++) {
            even |= isEven(pivots[i]) << (i - from);
        }
        return even;
    }

    private static long[] pivotsOf(Object child) {
        return child instanceof Node n ? n.halves : LeafNode.pivots((Object[]) child);
    }

    /** Returns the notes that the parent records about this node. The pivots of a node are always halves. */
    int notes() {
        return (reservedIn != 0 ? RESERVED : 0) | (anyEven ? EVEN : 0) | LeafNode.HALVES << FORM;
    }

    /**
     * Returns the notes that this node records about the child in a slot: whether the child contains a reservation,
     * whether it contains an even pivot that is stored as a half, and, for a leaf, the form of its pivots.
     */
    int notes(int i) {
        return (reservedIn >>> i & 1) | (evenIn >>> i & 1) << 1 | form(i) << FORM;
    }

    int size() {
        return childPivots.length;
    }

    /** Pairs with {@link #replaceLeaf}: a reader that loads this leaf sees it and its values fully initialized. */
    @Nullable
    Object[] leaf(int i) {
        return leafAcquire(leaves, i);
    }

    /** Returns a child of this node, which must be above level 1. */
    Node child(int i) {
        return nodes[i];
    }

    /** Returns the number of slots of a child. */
    int childSize(int i) {
        return level == 1 ? LeafNode.size(leaf(i)) : child(i).size();
    }

    /** Returns whether a slot still refers to this leaf. */
    static boolean isLeaf(@Nullable Object[][] leaves, int i, @Nullable Object[] leaf) {
        return leafAcquire(leaves, i) == leaf;
    }

    /**
     * Replaces a leaf of this node, which must be of level 1, by one with the same bounds and notes, and so publishes
     * it to readers. The caller must hold the writer lock, and this node must be of the open era. Pairs with {@link
     * #leaf}.
     */
    void replaceLeaf(int i, @Nullable Object[] leaf) {
        long[] pivots = LeafNode.pivots(leaf);
        LEAF.setRelease(leaves, i, leaf);
        // A reader may see one of these two stores without the other, which step 4 of Lookup detects. The release store
        // comes first because it is a call, which fails if the stack overflows. Nothing can fail between the stores.
        childPivots[i] = pivots;
        ownLeaves |= (short) (1 << i);
    }

    /**
     * Returns whether no other node, in the tree or in a snapshot, refers to the leaf in a slot. The caller must hold
     * the writer lock, and this node must be in the tree and of the open era.
     */
    boolean ownsLeaf(int i) {
        return (ownLeaves >>> i & 1) != 0;
    }

    private static @Nullable Object[] leafAcquire(@Nullable Object[][] leaves, int i) {
        return (Object[]) LEAF.getAcquire(leaves, i);
    }

    /** Replaces a child by one with the same notes. Must not be called after this node was published. */
    void setChild(int i, Object child) {
        childPivots[i] = pivotsOf(child);
        if (level == 1) {
            leaves[i] = (Object[]) child;
        } else {
            nodes[i] = (Node) child;
        }
    }

    private static long withForm(long forms, int i, int form) {
        return (forms & ~(15L << (i << 2))) | (long) form << (i << 2);
    }

    /** Returns the form of the pivots of the leaf in a slot of this node, which must be of level 1. */
    int form(int i) {
        return (int) (forms >>> (i << 2)) & 15;
    }

    /** Returns the inclusive upper bound of a slot, as a key. */
    long pivot(int i) {
        return join(halves[i], even >>> i & 1);
    }

    /** Returns the slot of {@code key}, which must not be above the upper bound of this node. */
    int find(long key) {
        long half = half(key);
        int i = search(halves, half);
        return even == 0 ? i : i + beyondEven(i, key, half);
    }

    /**
     * Returns the slot of {@code key} in the child in slot {@code i}, by a search that need not wait for the child to
     * be loaded. Readers must not call this.
     */
    int findBelow(int i, Node child, long key) {
        long half = half(key);
        int k = search(childPivots[i], half);
        return child.even == 0 ? k : k + child.beyondEven(k, key, half);
    }

    /**
     * Returns 1 if {@code key} has the same half as the pivot of slot {@code i} but is above it, i.e. the pivot is even
     * and the key odd; else 0.
     */
    private int beyondEven(int i, long key, long half) {
        return halves[i] == half && (even >>> i & 1) > isEven(key) ? 1 : 0;
    }

    /**
     * Returns how many of these halves are below {@code half}.
     *
     * <p>The search makes two steps of three independent comparisons each. It compares by the signs of differences,
     * because the position of a key is unpredictable, and the JIT compiler may compile comparisons to branches,
     * depending on the profile.
     *
     * <p>The signs are added as longs, and the two results are combined by {@code |}. Otherwise the JIT compiler moves
     * the conversion of a sum to int into its terms, and also the conversion to long if the result is an array index.
     * It then computes each sum twice, which made a lookup 10 % slower. It does not move conversions into a shift, a
     * difference or {@code |}.
     */
    static int search(long[] halves, long half) {
        int i = (int) ((((halves[3] - half) >>> 63) + ((halves[7] - half) >>> 63) + ((halves[11] - half) >>> 63)) << 2);
        return i
                | (int) (((halves[i] - half) >>> 63) - ((halves[i + 1] - half) >> 63) - ((halves[i + 2] - half) >> 63));
    }

    /**
     * Returns the slot of an index in the leaf in slot {@code i} of this node, which must be of level 1. The pivots are
     * those of that leaf, or of an earlier or later leaf in the slot. No pivot of this node and of the leaf may be
     * even.
     */
    int findInLeaf(int i, long[] pivots, long index) {
        return forms == HALVES_ONLY ? search(pivots, index >>> 1) : LeafNode.find(pivots, form(i), halves[i], index);
    }

    long upperBound() {
        return pivot(size() - 1);
    }

    /** Returns the lower bound of slot {@code i} in a node whose own lower bound is {@code floor}. */
    long lowerBound(int i, long floor) {
        return i == 0 ? floor : pivot(i - 1) + 1;
    }

    /**
     * Moves a path from a root to a leaf to the next slot at {@code level}, or to the previous one, which may be in the
     * neighbouring node. Returns false, and changes nothing, if there is no such slot.
     *
     * @param path the node at each level
     * @param at the slot that the path takes in the node at each level
     * @param top the level of the root
     * @param direction 1 or -1
     */
    static boolean toNeighbour(Node[] path, int[] at, int level, int top, int direction) {
        for (int up = level; up <= top; up++) {
            Node n = path[up];
            int i = at[up] + direction;
            if (i >= 0 && i < n.size()) {
                at[up] = i;
                for (int down = up - 1; down >= level; down--) {
                    n = n.child(i);
                    path[down] = n;
                    i = direction < 0 ? n.size() - 1 : 0;
                    at[down] = i;
                }
                return true;
            }
        }
        return false;
    }

    /** Returns the lower bound of the leaf at the end of a path. */
    static long floor(Node[] path, int[] at, int top) {
        for (int level = 1; level <= top; level++) {
            if (at[level] > 0) {
                return path[level].pivot(at[level] - 1) + 1;
            }
        }
        return MIN;
    }

    /** Returns the value in a slot of a leaf of this node in the lookup view. */
    @Nullable
    Object value(@Nullable Object[] leaf, int i) {
        Object content = LeafNode.content(leaf, i);
        return reservedIn != 0 && content instanceof Reservation ? null : content;
    }

    /** Returns whether this is the root of a tree with a single leaf. */
    boolean hasOneLeaf() {
        return level == 1 && leaves.length == 1;
    }

    /**
     * Returns a copy of this node, of era {@code now}, in which slot {@code i} has another child with the same bounds.
     * The notes and the gap are those of the new child.
     */
    Node withChild(int i, Object child, int notes, long gap, Era now) {
        Node[] n = nodes;
        @Nullable Object[][] l = leaves;
        if (level == 1) {
            l = l.clone();
            l[i] = (Object[]) child;
        } else {
            n = n.clone();
            n[i] = (Node) child;
        }
        long[][] p = childPivots.clone();
        p[i] = pivotsOf(child);
        long[] g = gaps;
        if (g[i] != gap || era != now) {
            g = g.clone();
            g[i] = gap;
        }
        int r = (reservedIn & ~(1 << i)) | (notes & RESERVED) << i;
        int e = (evenIn & ~(1 << i)) | (notes >>> 1 & 1) << i;
        long f = withForm(forms, i, notes >>> FORM);
        return new Node(level, r, e, even, f, halves, n, l, p, g, now);
    }

    /** Returns a new node object that shares this node's arrays. */
    Node copy() {
        return new Node(level, reservedIn, evenIn, even, forms, halves, nodes, leaves, childPivots, gaps, era);
    }

    /** Returns the length of the largest free range in this subtree. */
    long largestGap() {
        return largestGapWith(0, gaps[0]);
    }

    /**
     * Returns the length of the largest free range in this subtree if the gap of slot {@code i} were {@code gap}.
     *
     * @param before the result for the current gap of the slot
     */
    long largestGapWith(int i, long gap, long before) {
        if (Long.compareUnsigned(gap, before) >= 0) {
            return gap;
        }
        return gaps[i] == before ? largestGapWith(i, gap) : before;
    }

    private long largestGapWith(int i, long gap) {
        long largest = gap;
        for (int k = 0; k < gaps.length; k++) {
            if (k != i && Long.compareUnsigned(gaps[k], largest) > 0) {
                largest = gaps[k];
            }
        }
        return largest;
    }

    /** Returns the number of indexes in a range; 2^64 is represented as 2^64-1. */
    static long length(long lo, long hi) {
        long distance = hi - lo;
        return distance == -1L ? distance : distance + 1;
    }

    /**
     * The items of one level, from which nodes or leaves are built, which are then the items of the level above. An
     * item is a slot with its pivot, and at inner levels also with the child's gap and {@linkplain Node#notes(int)
     * notes}.
     */
    static final class Items {

        /* The items; gaps and notes are used only at inner levels. */
        final long[] gaps;
        final int[] notes;
        private final long[] pivots;
        private final @Nullable Object[] slots;
        int count;

        Items(int capacity) {
            pivots = new long[capacity];
            slots = new @Nullable Object[capacity];
            gaps = new long[capacity];
            notes = new int[capacity];
        }

        /** Adds a slot of a leaf. */
        void add(long pivot, @Nullable Object content) {
            pivots[count] = pivot;
            slots[count] = content;
            count++;
        }

        /** Adds the slots {@code [from, to)} of a leaf. */
        void add(@Nullable Object[] leaf, int from, int to) {
            for (int i = from; i < to; i++) {
                add(LeafNode.pivot(leaf, i), LeafNode.content(leaf, i));
            }
        }

        /** Adds the slots {@code [from, to)} of a node. */
        void add(Node n, int from, int to) {
            int length = to - from;
            for (int i = 0; i < length; i++) {
                pivots[count + i] = n.pivot(from + i);
                notes[count + i] = n.notes(from + i);
            }
            System.arraycopy(n.level == 1 ? n.leaves : n.nodes, from, slots, count, length);
            System.arraycopy(n.gaps, from, gaps, count, length);
            count += length;
        }

        /** Adds the slots of a child of this node after all items. */
        void addChild(Node parent, int i) {
            int size = parent.childSize(i);
            if (parent.level == 1) {
                add(parent.leaf(i), 0, size);
            } else {
                add(parent.child(i), 0, size);
            }
        }

        /** Adds the slots of a child of this node before all items. */
        void addChildBefore(Node parent, int i) {
            int total = moveUp(parent.childSize(i));
            addChild(parent, i);
            count = total;
        }

        /** Adds the slots {@code [0, to)} of a node before all items. */
        void addBefore(Node n, int to) {
            int total = moveUp(to);
            add(n, 0, to);
            count = total;
        }

        /** Makes room for {@code size} items in front, which the caller must add next. Returns the total count. */
        private int moveUp(int size) {
            System.arraycopy(pivots, 0, pivots, size, count);
            System.arraycopy(slots, 0, slots, size, count);
            System.arraycopy(gaps, 0, gaps, size, count);
            System.arraycopy(notes, 0, notes, size, count);
            int total = count + size;
            count = 0;
            return total;
        }

        /**
         * Replaces the items by the minimum number of nodes or leaves that can contain them.
         *
         * @param level the level of the nodes; 0 for leaves
         * @param lowerBound the lower bound of the first leaf; not used for nodes
         * @param top the level of the root
         * @param growsAt 0 to divide the items evenly; 1 to fill the lower nodes, because the tree grows at its upper
         *     end; -1 to fill the upper nodes
         */
        void build(int level, long lowerBound, int top, Era era, int growsAt) {
            int n = (count + FANOUT - 1) / FANOUT;
            if (level == 0) {
                buildLeaves(pivots, slots, count, n, lowerBound, top, growsAt);
            } else {
                buildNodes(level, n, era, growsAt);
            }
        }

        /** Makes n leaves of the first {@code size} slots of these arrays, and makes them the items. */
        void buildLeaves(
                long[] ends, @Nullable Object[] contents, int size, int n, long lowerBound, int top, int growsAt) {
            long floor = lowerBound;
            int from = 0;
            for (int b = 0; b < n; b++) {
                int to = end(b + 1, n, size, growsAt);
                long[] p = LeafNode.pivotsOf(ends, from, to, floor, top);
                @Nullable Object[] leaf = LeafNode.of(p, contents, from, to);
                int note = LeafNode.notes(p, LeafNode.hasReservation(leaf));
                set(b, ends[to - 1], leaf, LeafNode.largestGap(leaf, floor), note);
                floor = pivots[b] + 1;
                from = to;
            }
            count = n;
        }

        /** Replaces the items by n nodes. */
        void buildNodes(int level, int n, Era era, int growsAt) {
            int from = 0;
            for (int b = 0; b < n; b++) {
                int to = end(b + 1, n, count, growsAt);
                Node node = inner(level, pivots, slots, gaps, notes, from, to, era);
                set(b, pivots[to - 1], node, node.largestGap(), node.notes());
                from = to;
            }
            count = n;
        }

        /** Returns how many of {@code size} items are in the first {@code b} of n nodes. */
        private static int end(int b, int n, int size, int growsAt) {
            if (growsAt == 0 || b == n) {
                return (int) ((long) size * b / n);
            }
            int full = growsAt > 0 ? b : n - b;
            int items = Math.min(full * FANOUT, size - (n - full) * MIN_FILL);
            return growsAt > 0 ? items : size - items;
        }

        /** Stores an item in the place of one that was already read, because a node has at least one item. */
        private void set(int b, long pivot, Object child, long gap, int childNotes) {
            pivots[b] = pivot;
            slots[b] = child;
            gaps[b] = gap;
            notes[b] = childNotes;
        }

        /** Returns the first node or leaf built. */
        Object first() {
            return Objects.requireNonNull(slots[0]);
        }

        /** Drops references to nodes and values, so that this object does not keep erased ones reachable. */
        void forget() {
            Arrays.fill(slots, null);
        }
    }
}
