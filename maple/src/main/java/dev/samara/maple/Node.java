// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * An inner node of the tree. Its children are inner nodes, or leaves ({@link LeafNode}) if it is of level 1. The root
 * is an inner node. A node is immutable, arrays included, once other code than its creator can reach it; but the writer
 * may replace a leaf by another one with its bounds and notes ({@link #replaceLeaf}), and move a boundary in it ({@link
 * LeafBoundary}). Nodes may share arrays that are no longer written. Until a node is reachable {@link OwnedPath}, which
 * created it, may write its arrays.
 *
 * <pre>
 *   halves       [ 0x07ff | 0x3fff |  max  | (max) ... ]   half of the inclusive upper bound of each slot
 *   nodes        [ node   | node   | node  ]               or leaves, in level 1
 *   childPivots  [ pivots | pivots | pivots ]              the halves of a node, the pivots of a leaf
 *   gaps         [ 0x800  |   0    |  2^60 ]               largest free range below each child
 * </pre>
 *
 * <p>The upper bound of a slot is its <em>pivot</em>. Lower bounds are implied: one more than the pivot before, or the
 * lower bound of the node, which only a descent knows. The pivot of the last slot is the upper bound of the node.
 * Halves beyond it are padded with the largest half, so a search never needs the number of slots.
 *
 * <p>A pivot is stored as its index without the lowest bit, and the lowest bits are stored apart. Differences of such
 * halves do not overflow, so a search can use their signs, without a branch. Pivots are mostly odd, because aligned
 * ranges end at an odd index; then the halves decide. Where a pivot is even, {@code even} is read too.
 *
 * <p>{@link Lookup} lists, step by step, the states of a node that a reader can see beside the writer.
 *
 * <p>Notation, here and in the whole package: {@code n} a node, {@code i} a slot number, {@code lo} and {@code hi}
 * inclusive bounds as keys, {@code first} and {@code last} inclusive bounds as indexes.
 */
final class Node {

    /** The slots of a full node or leaf. The two-stage search below is written for this number. */
    static final int FANOUT = 16;

    /** The fewest slots of a node other than the root, and of a leaf other than the only one. */
    static final int MIN_FILL = 6;

    /** A number of levels, of nodes and leaves, that no tree exceeds: 6^25 is above 2^64. */
    static final int MAX_LEVELS = 26;

    /* The notes of a child, in one word: two bits, and the form of a leaf's pivots above. */
    static final int RESERVED = 1;
    static final int EVEN = 2;
    static final int FORM = 2;

    /** The forms of children that all have halves, and those of the slots that a node does not have. */
    private static final long HALVES_ONLY = -1;

    private static final VarHandle LEAF = MethodHandles.arrayElementVarHandle(Object[][].class);

    /** Of {@link LeafBoundary}: the first edit of a program may be at the end of a stack, which ends an initializer. */
    private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);

    private static final Node[] NO_NODES = {};
    private static final @Nullable Object[][] NO_LEAVES = {};

    /** The root of a tree without values and reservations. */
    static final Node EMPTY = empty();

    /** 1 if the children are leaves, else one more than their level. */
    final int level;

    /** A bit for each slot, set if there is a reservation in its child or below. */
    final int reservedIn;

    /** A bit for each slot, set if a pivot in its child or below is even and stored as a half. */
    final int evenIn;

    /** A bit for each slot, set if its pivot is even. */
    final int even;

    /** Whether a pivot here, or below in halves, is even, so that halves do not always decide. */
    final boolean anyEven;

    /** The forms of the children's pivots, four bits for each slot; see {@link LeafPivots#form}. */
    final long forms;

    final long[] halves;

    /** The children of a node above level 1; empty in level 1. */
    final Node[] nodes;

    /** The children of a node of level 1; empty above. */
    final @Nullable Object[][] leaves;

    /**
     * The halves of each child, or its pivots if it is a leaf. A descent can search them while it still waits for the
     * child itself.
     */
    final long[][] childPivots;

    /**
     * The largest free range below each child, as unsigned lengths: 0 for none, 2^64 given as 2^64-1. Readers do not
     * need them.
     */
    final long[] gaps;

    /** The era in which the node was created. */
    final Era era;

    /**
     * A bit for each slot of a node of level 1, set if the leaf there was put in its place while this node was in the
     * tree. Then no other node had it so far as the tree still has this one. Guarded by the writer lock; not for
     * readers.
     */
    private short ownLeaves;

    /** Creates a node without checks; for {@link #inner} and tests of the validator. */
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

    private static Node empty() {
        long[] pivots = {Keys.MAX};
        long[] leafPivots = LeafPivots.of(pivots, 0, 1, Keys.MIN, 1);
        Object[] leaf = LeafNode.of(leafPivots, new @Nullable Object[] {null}, 0, 1);
        int[] notes = {LeafPivots.notes(leafPivots, false)};
        return inner(1, pivots, new Object[] {leaf}, new long[] {-1L}, notes, 0, 1, new Era(false));
    }

    /**
     * Returns a node with the pivots, children, gaps and notes in {@code [from, to)} of these arrays.
     *
     * @param children nodes of the level below, or leaves if {@code level} is 1
     * @param notes of the children, by {@link #notes()} or {@link LeafPivots#notes}
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
            halves[i] = Keys.half(pivots[from + i]);
            childPivots[i] = pivotsOf(Objects.requireNonNull(children[from + i]));
            int note = notes[from + i];
            reservedIn |= (note & RESERVED) << i;
            evenIn |= (note >>> 1 & 1) << i;
            forms = withForm(forms, i, note >>> FORM);
        }
        Arrays.fill(halves, size, FANOUT, Keys.half(Keys.MAX));
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
            even |= Keys.isEven(pivots[i]) << (i - from);
        }
        return even;
    }

    private static long[] pivotsOf(Object child) {
        return child instanceof Node n ? n.halves : LeafNode.pivots((Object[]) child);
    }

    /** Returns what the parent notes of this node; its pivots are halves. */
    int notes() {
        return (reservedIn != 0 ? RESERVED : 0) | (anyEven ? EVEN : 0) | LeafPivots.HALVES << FORM;
    }

    /** Returns what this node notes of the child in a slot. */
    int notes(int i) {
        return (reservedIn >>> i & 1) | (evenIn >>> i & 1) << 1 | form(i) << FORM;
    }

    int size() {
        return childPivots.length;
    }

    /** Pairs with {@link #replaceLeaf}: a reader that gets this leaf sees it, and the values in it, as stored. */
    @Nullable
    Object[] leaf(int i) {
        return leafAcquire(leaves, i);
    }

    /** Returns a child of a node above level 1. */
    Node child(int i) {
        return nodes[i];
    }

    /** Returns whether a slot still has this leaf. */
    static boolean isLeaf(@Nullable Object[][] leaves, int i, @Nullable Object[] leaf) {
        return leafAcquire(leaves, i) == leaf;
    }

    /**
     * Replaces a leaf of this node of level 1 by one with its bounds, form and notes; readers see the new leaf from now
     * on. The caller must hold the writer lock, and this node must be of the open era. Pairs with {@link #leaf}.
     */
    void replaceLeaf(int i, @Nullable Object[] leaf) {
        long[] pivots = LeafNode.pivots(leaf);
        setLeafRelease(leaves, i, leaf);
        // A reader may see one store without the other, and compares: step 4 of Lookup. This is the second one, since
        // the first is a call, which fails at the end of a stack; nothing can fail between them.
        childPivots[i] = pivots;
        ownLeaves |= (short) (1 << i);
    }

    /**
     * Returns whether no other node of the tree, and none of a snapshot, has the leaf in a slot. The caller must hold
     * the writer lock, and this node must be in the tree, and of the open era.
     */
    boolean ownsLeaf(int i) {
        return (ownLeaves >>> i & 1) != 0;
    }

    /** Writes a word of the pivots of a leaf, for {@link LeafBoundary#move}. */
    static void setWordRelease(long[] pivots, int w, long word) {
        WORD.setRelease(pivots, w, word);
    }

    private static @Nullable Object[] leafAcquire(@Nullable Object[][] leaves, int i) {
        return (Object[]) LEAF.getAcquire(leaves, i);
    }

    private static void setLeafRelease(@Nullable Object[][] leaves, int i, @Nullable Object[] leaf) {
        LEAF.setRelease(leaves, i, leaf);
    }

    /** Puts another child, with the notes of the one before, in a slot before other code can reach this node. */
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

    /** Returns the form of the pivots of the leaf in a slot of this node of level 1. */
    int form(int i) {
        return (int) (forms >>> (i << 2)) & 15;
    }

    /** Returns the inclusive upper bound of a slot, as a key. */
    long pivot(int i) {
        return Keys.join(halves[i], even >>> i & 1);
    }

    /** Returns the slot of {@code key}, which must not be above the upper bound of this node. */
    int find(long key) {
        long half = Keys.half(key);
        int i = search(halves, half);
        return even == 0 ? i : i + beyondEven(i, key, half);
    }

    /**
     * Returns the slot of {@code key} in the node in slot {@code i}, without waiting for it. Not for readers.
     */
    int findBelow(int i, Node child, long key) {
        long half = Keys.half(key);
        int k = search(childPivots[i], half);
        return child.even == 0 ? k : k + child.beyondEven(k, key, half);
    }

    /**
     * Returns 1 if the pivot of slot {@code i} is the lower, and {@code key} the higher, of two indexes of one half.
     */
    private int beyondEven(int i, long key, long half) {
        return halves[i] == half && (even >>> i & 1) > Keys.isEven(key) ? 1 : 0;
    }

    /**
     * Returns the number of these halves that are below {@code half}.
     *
     * <p>Two stages of three compares that do not wait for each other. The compares are signs of subtractions: the
     * place of a key cannot be predicted, and the JIT compiler makes branches of compares, depending on its profile.
     *
     * <p>The signs are added as longs and joined by {@code |}. The JIT compiler moves a conversion of a sum to int in
     * front of its terms, and one to long likewise where the result is an offset. It then computes each sum twice; a
     * lookup took a tenth longer. It does not do so with a shift, a difference or {@code |}.
     */
    static int search(long[] halves, long half) {
        int i = (int) ((((halves[3] - half) >>> 63) + ((halves[7] - half) >>> 63) + ((halves[11] - half) >>> 63)) << 2);
        return i
                | (int) (((halves[i] - half) >>> 63) - ((halves[i + 1] - half) >> 63) - ((halves[i + 2] - half) >> 63));
    }

    /**
     * Returns the slot of an index in the leaf in slot {@code i} of this node of level 1, by pivots that are or were
     * those of the leaf, if no pivot of this node and of the leaf is even.
     */
    int findInLeaf(int i, long[] pivots, long index) {
        return forms == HALVES_ONLY ? search(pivots, index >>> 1) : LeafPivots.find(pivots, form(i), halves[i], index);
    }

    long upperBound() {
        return pivot(size() - 1);
    }

    /** Returns the lower bound of slot {@code i} in a node whose own lower bound is {@code floor}. */
    long lowerBound(int i, long floor) {
        return i == 0 ? floor : pivot(i - 1) + 1;
    }

    /** Returns the content of a slot of a leaf of this node of level 1 in the lookup view. */
    @Nullable
    Object value(@Nullable Object[] leaf, int i) {
        Object content = LeafNode.content(leaf, i);
        return reservedIn != 0 && content instanceof Reservation ? null : content;
    }

    /**
     * Returns the value at {@code key}, or else that of the next entry above it below this node; null if there is none.
     * Writes nothing.
     */
    @Nullable
    Object atOrAfter(long key) {
        long from = key;
        for (int i = find(key); i < size(); i++) {
            Object value = level == 1 ? LeafNode.atOrAfter(leaf(i), from) : child(i).atOrAfter(from);
            if (value != null) {
                return value;
            }
            from = pivot(i) + 1;
        }
        return null;
    }

    /**
     * Returns the value at {@code key}, or else that of the next entry before it below this node; null if there is
     * none. Writes nothing.
     */
    @Nullable
    Object atOrBefore(long key) {
        for (int i = find(Math.min(key, upperBound())); i >= 0; i--) {
            long to = Math.min(key, pivot(i));
            Object value = level == 1 ? LeafNode.atOrBefore(leaf(i), to) : child(i).atOrBefore(to);
            if (value != null) {
                return value;
            }
        }
        return null;
    }

    /** Returns whether there is a value below this node. */
    boolean hasValue() {
        for (int i = 0; i < size(); i++) {
            if (level == 1 ? LeafNode.hasValue(leaf(i)) : child(i).hasValue()) {
                return true;
            }
        }
        return false;
    }

    /** Returns whether the tree of this root has one leaf. */
    boolean hasOneLeaf() {
        return level == 1 && leaves.length == 1;
    }

    /**
     * Returns a copy of this node in an era, with another child in slot {@code i}, whose bounds are equal. The notes
     * are those of the child.
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

    /** Returns a new node that shares this node's arrays. */
    Node copy() {
        return new Node(level, reservedIn, evenIn, even, forms, halves, nodes, leaves, childPivots, gaps, era);
    }

    /** Returns the largest free range below this node. */
    long largestGap() {
        return largestGapWith(0, gaps[0]);
    }

    /**
     * Returns the largest free range below this node if that of slot {@code i} were {@code gap}.
     *
     * @param before the largest free range with the gap that is in the slot
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

    /** Returns the number of indexes in a range, 2^64 given as 2^64-1. */
    static long length(long lo, long hi) {
        long distance = hi - lo;
        return distance == -1L ? distance : distance + 1;
    }
}
