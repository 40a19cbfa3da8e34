// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A node of the tree, inner or leaf. A leaf is immutable, arrays included, once other code than its creator can reach
 * it. An inner node is immutable too, except that the writer may replace a leaf by another one with its bounds
 * ({@link #replaceLeaf}). Nodes may share arrays that are no longer written. Until a node is reachable {@link Splice},
 * which created it, may write its arrays.
 *
 * <pre>
 *   inner   halves       [ 0x07ff | 0x3fff |  max  | (max) ... ]   half of the inclusive upper bound of each slot
 *           slots        [ node   | node   |  node ]
 *           childHalves  [ halves | halves | halves ]              of the children
 *           gaps         [ 0x800  |   0    |  2^60 ]               largest free range below each child
 *
 *   leaf    halves       [ 0x007f | 0x047f | 0x07ff | (max) ... ]
 *           slots        [ value  |  null  | value  ]              null is a free range
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

    /** The slots of a full node. The two-stage search below is written for this number. */
    static final int FANOUT = 16;

    /** The fewest slots of a node other than the root. */
    static final int MIN_FILL = 6;

    /** A number of levels that no tree exceeds: 6^25 is above 2^64. */
    static final int MAX_LEVELS = 26;

    /** The gaps of a leaf, which has none. */
    static final long[] NO_GAPS = {};

    private static final long[][] NO_CHILD_HALVES = {};

    private static final VarHandle SLOT = MethodHandles.arrayElementVarHandle(Object[].class);

    /** The root of a tree without values and reservations. */
    static final Node EMPTY = leaf(padding(), new @Nullable Object[] {null}, new Era(false));

    /** 0 in a leaf, else one more than the level of the children. */
    final int level;

    /** Whether there is a reservation here or below. If not, a lookup need not read the class of its result. */
    final boolean reserved;

    /** Whether a pivot here or below is even, so that halves do not always decide. */
    final boolean anyEven;

    /** A bit for each slot, set if its pivot is even. */
    final int even;

    final long[] halves;
    final @Nullable Object[] slots;

    /**
     * The halves of each child; empty in a leaf. A descent can search them while it still waits for the child itself.
     */
    final long[][] childHalves;

    /**
     * The largest free range below each child, as unsigned lengths: 0 for none, 2^64 given as 2^64-1. Empty in a leaf.
     * Readers do not need them.
     */
    final long[] gaps;

    /** The era in which the node was created. */
    final Era era;

    /** Creates a node without checks; for {@link #leaf}, {@link #inner} and tests of the validator. */
    Node(
            int level,
            boolean reserved,
            boolean anyEven,
            int even,
            long[] halves,
            @Nullable Object[] slots,
            long[][] childHalves,
            long[] gaps,
            Era era) {
        this.level = level;
        this.reserved = reserved;
        this.anyEven = anyEven;
        this.even = even;
        this.halves = halves;
        this.slots = slots;
        this.childHalves = childHalves;
        this.gaps = gaps;
        this.era = era;
    }

    /** Returns a leaf with these pivots, padded with {@link Keys#MAX}. */
    static Node leaf(long[] pivots, @Nullable Object[] slots, Era era) {
        int even = evenBits(pivots, slots.length);
        return leaf(halves(pivots), even, slots, anyReserved(slots), era);
    }

    static Node leaf(long[] halves, int even, @Nullable Object[] slots, boolean reserved, Era era) {
        return new Node(0, reserved, even != 0, even, halves, slots, NO_CHILD_HALVES, NO_GAPS, era);
    }

    /** Returns an inner node with these pivots, padded with {@link Keys#MAX}, and these nodes of the level below. */
    static Node inner(int level, long[] pivots, @Nullable Object[] slots, long[] gaps, Era era) {
        int even = evenBits(pivots, slots.length);
        long[][] childHalves = new long[slots.length][];
        boolean reserved = false;
        boolean anyEven = even != 0;
        for (int i = 0; i < slots.length; i++) {
            Node child = (Node) slots[i];
            childHalves[i] = child.halves;
            reserved |= child.reserved;
            anyEven |= child.anyEven;
        }
        return new Node(level, reserved, anyEven, even, halves(pivots), slots, childHalves, gaps, era);
    }

    private static long[] padding() {
        long[] pivots = new long[FANOUT];
        Arrays.fill(pivots, Keys.MAX);
        return pivots;
    }

    private static long[] halves(long[] pivots) {
        long[] halves = new long[FANOUT];
        for (int i = 0; i < FANOUT; i++) {
            halves[i] = Keys.half(pivots[i]);
        }
        return halves;
    }

    private static int evenBits(long[] pivots, int size) {
        int even = 0;
        for (int i = 0; i < size; i++) {
            even |= Keys.isEven(pivots[i]) << i;
        }
        return even;
    }

    int size() {
        return slots.length;
    }

    /** Pairs with {@link #replaceLeaf}: a reader that gets this child sees it, and the values in it, as stored. */
    Node child(int i) {
        return childAcquire(slots, i);
    }

    static Node childAcquire(@Nullable Object[] slots, int i) {
        return (Node) slotAcquire(slots, i);
    }

    /** Returns whether a slot still has this child. */
    static boolean isChild(@Nullable Object[] slots, int i, Node child) {
        return slotAcquire(slots, i) == child;
    }

    /**
     * Replaces a leaf of this node of level 1 by one with its bounds and notes; readers see the new leaf from now on.
     * The caller must hold the writer lock, and this node must be of the open era. Pairs with {@link #child}.
     */
    void replaceLeaf(int i, Node leaf) {
        // A reader may see one store without the other, and compares: step 4 of Lookup.
        childHalves[i] = leaf.halves;
        setSlotRelease(slots, i, leaf);
    }

    /** For the slots of an inner node, which are never null. */
    private static Object slotAcquire(@Nullable Object[] slots, int i) {
        return SLOT.getAcquire(slots, i);
    }

    private static void setSlotRelease(@Nullable Object[] slots, int i, Node leaf) {
        SLOT.setRelease(slots, i, leaf);
    }

    /** Puts another child in a slot of this node, of any level, before other code can reach this node. */
    void setChild(int i, Node child) {
        childHalves[i] = child.halves;
        slots[i] = child;
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
     * Returns the slot of {@code key} in the child of slot {@code i}, without waiting for the child. Not for readers.
     */
    int findBelow(int i, Node child, long key) {
        long half = Keys.half(key);
        int k = search(childHalves[i], half);
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
     */
    static int search(long[] halves, long half) {
        int quarter = (int) (((halves[3] - half) >>> 63) + ((halves[7] - half) >>> 63) + ((halves[11] - half) >>> 63));
        int i = quarter << 2;
        return i
                + (int) (((halves[i] - half) >>> 63)
                        + ((halves[i + 1] - half) >>> 63)
                        + ((halves[i + 2] - half) >>> 63));
    }

    long upperBound() {
        return pivot(slots.length - 1);
    }

    /** Returns the lower bound of slot {@code i} in a node whose own lower bound is {@code floor}. */
    long lowerBound(int i, long floor) {
        return i == 0 ? floor : pivot(i - 1) + 1;
    }

    /** Returns the value at the indexes of {@code half}, which must be within this leaf, if no pivot of it is even. */
    @Nullable
    Object lookupHalf(long half) {
        return value(findHalf(half));
    }

    /** Returns the slot of the indexes of {@code half}, if no pivot here is even. */
    int findHalf(long half) {
        return search(halves, half);
    }

    /** Returns the value of a slot of this leaf in the lookup view. */
    @Nullable
    Object value(int i) {
        Object content = slots[i];
        return reserved && content instanceof Reservation ? null : content;
    }

    /**
     * Returns the value at {@code key}, or else that of the next entry above it below this node; null if there is none.
     * Writes nothing.
     */
    @Nullable
    Object atOrAfter(long key) {
        // From the second child on, the key lies below the whole child, so its first slot is found.
        for (int i = find(key); i < slots.length; i++) {
            Object content = slots[i];
            if (content instanceof Node child) {
                content = child.atOrAfter(key);
            }
            if (content != null && !(content instanceof Reservation)) {
                return content;
            }
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
            Object content = slots[i];
            if (content instanceof Node child) {
                content = child.atOrBefore(key);
            }
            if (content != null && !(content instanceof Reservation)) {
                return content;
            }
        }
        return null;
    }

    /** Returns whether one of the slots {@code from} to {@code to}, inclusive, of this leaf is a reservation. */
    boolean hasReservation(int from, int to) {
        for (int i = from; i <= to; i++) {
            if (slots[i] instanceof Reservation) {
                return true;
            }
        }
        return false;
    }

    /** Returns whether there is a value in this node or below. */
    boolean hasValue() {
        for (int i = 0; i < slots.length; i++) {
            if (level != 0 ? child(i).hasValue() : slots[i] != null && !(slots[i] instanceof Reservation)) {
                return true;
            }
        }
        return false;
    }

    /** Returns a copy of this node in an era, with another child, whose bounds are equal, in slot {@code i}. */
    Node withChild(int i, Node child, long gap, Era now) {
        @Nullable Object[] s = slots.clone();
        s[i] = child;
        long[][] h = childHalves.clone();
        h[i] = child.halves;
        long[] g = gaps;
        if (g[i] != gap || era != now) {
            g = g.clone();
            g[i] = gap;
        }
        // A reservation or even pivot that is here, but was not below the old child, is below another child.
        Node old = child(i);
        boolean r = child.reserved || (reserved && (!old.reserved || anyReserved(s)));
        boolean u = child.anyEven || (anyEven && (!old.anyEven || even != 0 || anyHasEven(s)));
        return new Node(level, r, u, even, halves, s, h, g, now);
    }

    /** Returns a new node that shares this node's arrays. */
    Node copy() {
        return new Node(level, reserved, anyEven, even, halves, slots, childHalves, gaps, era);
    }

    /** Returns the largest free range in this node or below, given the lower bound of this node. */
    long largestGap(long floor) {
        long largest = 0;
        for (int i = 0; i < slots.length; i++) {
            long gap = level != 0 ? gaps[i] : slots[i] != null ? 0 : length(lowerBound(i, floor), pivot(i));
            if (Long.compareUnsigned(gap, largest) > 0) {
                largest = gap;
            }
        }
        return largest;
    }

    /** Returns the largest free range below this inner node if that of slot {@code i} were {@code gap}. */
    long largestGapWith(int i, long gap) {
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

    /** Returns whether one of these slots, of a leaf or an inner node, is or contains a reservation. */
    static boolean anyReserved(@Nullable Object[] slots) {
        for (Object content : slots) {
            if (content instanceof Node n ? n.reserved : content instanceof Reservation) {
                return true;
            }
        }
        return false;
    }

    private static boolean anyHasEven(@Nullable Object[] children) {
        for (Object content : children) {
            if (content instanceof Node n && n.anyEven) {
                return true;
            }
        }
        return false;
    }
}
