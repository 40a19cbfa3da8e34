// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A leaf of the tree: an array whose element 0 is the leaf's pivots, followed by the contents of its slots. So a lookup
 * that has searched the pivots finds both the reference to compare and the content in one object.
 *
 * <pre>
 *   [ pivots | value | null | value ]      null is a free range
 * </pre>
 *
 * <p>A published leaf is immutable, and so are its pivots, except for at most one, which the writer may move. Leaves
 * may share an array of pivots if none of them is movable.
 *
 * <h2>The pivots</h2>
 *
 * <p>An array of words in one of two forms:
 *
 * <pre>
 *   lanes    [ 4 lanes | 4 lanes | 4 lanes | 4 lanes | last pivot | shift ]
 *   halves   [ half 0 | half 1 | ... | half 15 | even bits ]
 * </pre>
 *
 * <p><b>Lanes</b> fit into a cache line. A lane is 16 bits wide and stores the distance from a pivot up to the last
 * pivot of the leaf, in granules. A granule is the smallest power of 16 for which every distance within the leaf fits
 * into 15 bits; {@code shift} is its binary logarithm. Lanes beyond the last slot store distance 0. A search computes
 * the key's own distance in granules, rounded down: a pivot is below the key if and only if the pivot's distance is
 * greater. The search subtracts all sixteen lanes from that distance in parallel, four per word. A mark bit above the
 * key's distance in each lane stops the borrow; it is cleared exactly where the pivot's distance is greater.
 *
 * <p><b>Halves</b> are stored as in {@link Node}. They can represent any pivots, even pivots that are not at granules.
 *
 * <p>The parent records the {@link #form} of each leaf, so that a search can start before the array is loaded. Leaves
 * that are built for a low tree use halves, because a small tree fits into the caches and a search of halves needs
 * fewer instructions; see {@link #LANES_FROM_LEVEL}. If an edit replaces one leaf by one leaf, the form is kept. If
 * leaves are split or merged, or built from items, the form of each new leaf is chosen anew.
 *
 * <h2>The boundary that moves</h2>
 *
 * <p>One boundary between two slots of a leaf can be moved in place. A range that grows into its neighbour, or shrinks,
 * then costs one store and no allocation.
 *
 * <pre>
 *   pivots before   [ 0x0fff | 0x2fff | 0x8fff | ... ]      slot 1 contains a value, slot 2 is free
 *   pivots after    [ 0x0fff | 0x3fff | 0x8fff | ... ]      slot 1 grew by a page
 * </pre>
 *
 * <p>A leaf has at most one movable boundary, which is fixed when the leaf is created: if the edit that creates the
 * leaf moves one boundary and leaves all contents unchanged, that boundary is movable from then on. The array of pivots
 * records it. The first move of a boundary thus creates a leaf, and later moves of the same boundary do not. All else
 * in a leaf is immutable. So a reader that reads the movable pivot once sees all pivots as they were at that load, in
 * whichever order it reads the other pivots. A search reads each pivot at most once.
 *
 * <p>Code that reads pivots again after a search, concurrently with the writer, must expect a move in between. {@link
 * Cursor} handles it; other code searches a copy ({@link #seen}). The boundary of a free range at either end of the
 * leaf is never movable, because {@link MapleTree#atOrAfter} infers from a leaf that is still in its slot that this
 * range is still free.
 *
 * <p>The writer may move the boundary only while a single node, of the open era, refers to the leaf ({@link
 * Node#ownsLeaf}), and a single leaf refers to the pivots.
 */
final class LeafNode {

    /**
     * The content of a reserved slot. It never escapes the package: lookups treat the slot as free, and the allocation
     * view returns only the owner.
     *
     * @param owner compared by identity
     */
    record Reservation(Object owner) {}

    /**
     * The number that encodes the form of an array of halves. Lanes are encoded by their shift divided by 4, because
     * granules are powers of 16.
     */
    static final int HALVES = 15;

    /** The minimum level of a root below which new leaves use lanes. */
    static final int LANES_FROM_LEVEL = 3;

    private static final int LANE_WORDS = 4;
    private static final int LAST = LANE_WORDS;
    private static final int SHIFT = LAST + 1;
    private static final int EVEN = Node.FANOUT;

    /** Distances below this number of granules fit in a lane. */
    private static final long SPAN = 1 << 15;

    private static final long ONES = 0x0001_0001_0001_0001L;

    /** The bits above the distances of four lanes. */
    private static final long MARKS = 0x8000_8000_8000_8000L;

    /** Means that no boundary is movable. Neither a slot number nor a slot number minus 1. */
    static final int NONE = -2;

    /** The bits of the last word of pivots from here on record the movable boundary; those below are used above. */
    private static final int MOVABLE = 32;

    /**
     * A word of pivots.
     *
     * <p>Written: holder of the writer lock, in {@code move} (release), if the pivots record the boundary as movable
     *     ({@code movable}), a node of the open era that is in the tree refers to the leaf, and no other node refers to
     *     it ({@code Node.ownsLeaf}); before other code can reach the leaf (plain).
     * Read: any thread (plain; then the fence of {@code endRead}).
     * Pairs: the store in {@code move} with the fence in {@code endRead}. All earlier actions of the writer come before
     *     everything that a reader does once it has found an index on the new side of the boundary.
     * Invariant: the pivots ascend. At most one of them moves, and always the same one as long as the leaf is in use.
     *     An array of pivots in which one pivot moves belongs to one leaf only. So a reader that loads the moving pivot
     *     once sees all pivots as they were at that load, in whichever order it loads the other pivots. A reader that
     *     loads it again compares the two values ({@code Cursor}), uses a copy ({@code Lookup.entryAt}), or needs only
     *     one of the loads ({@code Lookup.isFree}). The boundary of a free range at an end of a leaf does not move.
     */
    private static final VarHandle WORD = MethodHandles.arrayElementVarHandle(long[].class);

    /** Takes the place of a leaf where there is none. */
    static final @Nullable Object[] NO_LEAF = {};

    private LeafNode() {}

    /** Returns a leaf with the contents in {@code [from, to)} of an array. */
    static @Nullable Object[] of(long[] pivots, @Nullable Object[] contents, int from, int to) {
        @Nullable Object[] leaf = new @Nullable Object[to - from + 1];
        leaf[0] = pivots;
        System.arraycopy(contents, from, leaf, 1, to - from);
        return leaf;
    }

    /** Returns a copy of a leaf in which one slot with this content replaces slots {@code [at, tail)}. */
    static @Nullable Object[] of(long[] pivots, @Nullable Object[] old, int at, int tail, @Nullable Object content) {
        int length = at + 1 + old.length - tail;
        @Nullable Object[] leaf = new @Nullable Object[length];
        System.arraycopy(old, 1, leaf, 1, at);
        System.arraycopy(old, tail + 1, leaf, at + 2, length - at - 2);
        leaf[at + 1] = content;
        leaf[0] = pivots;
        return leaf;
    }

    static long[] pivots(@Nullable Object[] leaf) {
        return (long[]) Objects.requireNonNull(leaf[0]);
    }

    static int size(@Nullable Object[] leaf) {
        return leaf.length - 1;
    }

    /** Returns the content of a slot: null, a value or a reservation. */
    static @Nullable Object content(@Nullable Object[] leaf, int i) {
        return leaf[i + 1];
    }

    /** Returns the value of a slot in the lookup view. */
    static @Nullable Object value(@Nullable Object[] leaf, int i) {
        Object content = leaf[i + 1];
        return content instanceof Reservation ? null : content;
    }

    /** Returns the inclusive upper bound of a slot, as a key. */
    static long pivot(@Nullable Object[] leaf, int i) {
        return pivot(pivots(leaf), i);
    }

    /** Returns the lower bound of slot {@code i} in a leaf whose own lower bound is {@code floor}. */
    static long lowerBound(@Nullable Object[] leaf, int i, long floor) {
        return lowerBound(pivots(leaf), i, floor);
    }

    /** Returns the slot of {@code key}, which must be within this leaf. */
    static int find(@Nullable Object[] leaf, long key) {
        return find(pivots(leaf), key);
    }

    /** Returns whether one of the slots {@code from} to {@code to}, inclusive, is a reservation. */
    static boolean hasReservation(@Nullable Object[] leaf, int from, int to) {
        for (int i = from; i <= to; i++) {
            if (content(leaf, i) instanceof Reservation) {
                return true;
            }
        }
        return false;
    }

    static boolean hasReservation(@Nullable Object[] leaf) {
        return hasReservation(leaf, 0, size(leaf) - 1);
    }

    /** Returns the length of the largest free range; see {@link Node#length}. */
    static long largestGap(@Nullable Object[] leaf, long floor) {
        return largestGap(leaf, floor, -1, 0);
    }

    /** Returns the length of the largest free range if the free range in slot {@code k} had this length. */
    static long largestGap(@Nullable Object[] leaf, long floor, int k, long length) {
        long largest = length;
        for (int i = 0; i < size(leaf); i++) {
            if (i != k && content(leaf, i) == null) {
                long gap = gap(leaf, i, floor);
                if (Long.compareUnsigned(gap, largest) > 0) {
                    largest = gap;
                }
            }
        }
        return largest;
    }

    /** Returns the length of the free range in slot {@code i}. */
    static long gap(@Nullable Object[] leaf, int i, long floor) {
        long[] pivots = pivots(leaf);
        return Node.length(lowerBound(pivots, i, floor), pivot(pivots, i));
    }

    /**
     * Returns the pivots of a leaf.
     *
     * @param pivots an array that contains the pivots, as keys
     * @param from the position of the first pivot
     * @param to the position after the last pivot
     * @param floor the lower bound of the leaf
     * @param level the level of the root below which the leaf will be
     */
    static long[] pivotsOf(long[] pivots, int from, int to, long floor, int level) {
        long last = pivots[to - 1];
        if (level >= LANES_FROM_LEVEL) {
            int shift = shift(last - floor);
            long[] lanes = {0, 0, 0, 0, last, shift};
            int k = from;
            while (k < to && isAtGranule(lanes, pivots[k])) {
                setLane(lanes, k - from, pivots[k]);
                k++;
            }
            if (k == to) {
                return lanes;
            }
        }
        long[] halves = new long[EVEN + 1];
        for (int i = 0; i < EVEN; i++) {
            halves[i] = Node.half(from + i < to ? pivots[from + i] : Node.MAX);
        }
        halves[EVEN] = Node.evenBits(pivots, from, to);
        return halves;
    }

    /** Returns the binary logarithm of the granule for this distance from a leaf's lower bound to its last pivot. */
    private static int shift(long distance) {
        int shift = 0;
        while ((distance >>> shift & -SPAN) != 0) {
            shift += 4;
        }
        return shift;
    }

    private static boolean isAtGranule(long[] lanes, long pivot) {
        return ((lanes[LAST] - pivot) & ((1L << lanes[SHIFT]) - 1)) == 0;
    }

    private static void setLane(long[] lanes, int i, long pivot) {
        lanes[i >>> 2] = withLane(lanes, i, pivot);
    }

    private static long withLane(long[] lanes, int i, long pivot) {
        int at = (i & 3) << 4;
        long lane = (lanes[LAST] - pivot) >>> lanes[SHIFT];
        return (lanes[i >>> 2] & ~(0xffffL << at)) | lane << at;
    }

    /** Returns whether a pivot within the leaf can be stored in this form by a store of one word. */
    static boolean canBeStored(long[] pivots, long pivot) {
        return isLanes(pivots) ? isAtGranule(pivots, pivot) : !hasEven(pivots) && Node.isEven(pivot) == 0;
    }

    /** Returns the form: {@link #HALVES}, or for lanes a smaller number that encodes the granule. */
    static int form(long[] pivots) {
        return isLanes(pivots) ? (int) pivots[SHIFT] >>> 2 : HALVES;
    }

    private static boolean isLanes(long[] pivots) {
        return pivots.length == SHIFT + 1;
    }

    /** Returns the notes that a leaf's parent records about it; see {@link Node#notes(int)}. */
    static int notes(long[] pivots, boolean reserved) {
        return (reserved ? Node.RESERVED : 0) | (hasEven(pivots) ? Node.EVEN : 0) | form(pivots) << Node.FORM;
    }

    /** Returns whether comparing halves is not sufficient, because an even pivot is stored as a half. */
    static boolean hasEven(long[] pivots) {
        return !isLanes(pivots) && (int) pivots[EVEN] != 0;
    }

    /** Returns the pivot of slot {@code i}, as a key. */
    static long pivot(long[] pivots, int i) {
        if (isLanes(pivots)) {
            long distance = pivots[i >>> 2] >>> ((i & 3) << 4) & (SPAN - 1);
            return pivots[LAST] - (distance << pivots[SHIFT]);
        }
        return Node.join(pivots[i], (int) pivots[EVEN] >>> i & 1);
    }

    /** Returns the lower bound of slot {@code i} in a leaf whose own lower bound is {@code floor}. */
    static long lowerBound(long[] pivots, int i, long floor) {
        return i == 0 ? floor : pivot(pivots, i - 1) + 1;
    }

    /** Returns the slot of {@code key}, which must be within the leaf. Reads the movable pivot at most once. */
    static int find(long[] pivots, long key) {
        int i = search(pivots, key);
        endRead();
        return i;
    }

    /** Must follow the last read of pivots that ran concurrently with the writer. */
    static void endRead() {
        // Pairs with the release store in move.
        VarHandle.acquireFence();
    }

    private static int search(long[] pivots, long key) {
        if (isLanes(pivots)) {
            return searchLanes(pivots, (pivots[LAST] - key) >>> pivots[SHIFT]);
        }
        long half = Node.half(key);
        int i = Node.search(pivots, half);
        int even = (int) pivots[EVEN];
        return even != 0 && pivots[i] == half && (even >>> i & 1) > Node.isEven(key) ? i + 1 : i;
    }

    /**
     * Returns the slot of an index in a leaf of this form whose last pivot is odd. A caller that runs concurrently with
     * the writer must call {@link #endRead} afterwards.
     *
     * @param form the form that the parent records. If the array has another form, the result is meaningless
     * @param lastHalf the half of the last pivot
     * @param index must be within the leaf. A leaf that stores halves must not contain an even pivot
     */
    static int find(long[] pivots, int form, long lastHalf, long index) {
        return form == HALVES
                ? Node.search(pivots, index >>> 1)
                : searchLanes(pivots, ((lastHalf << 1 | 1) - index) >>> (form << 2));
    }

    /** Returns the number of lanes that are greater than a distance in granules, which is below {@link #SPAN}. */
    private static int searchLanes(long[] lanes, long distance) {
        // The terms are combined by |, because the JIT compiler would move an addition after each of the subtractions.
        long marked = distance * ONES | MARKS;
        return Node.FANOUT
                - (Long.bitCount((marked - lanes[0]) & MARKS)
                        + Long.bitCount((marked - lanes[1]) & MARKS)
                        + Long.bitCount((marked - lanes[2]) & MARKS)
                        + Long.bitCount((marked - lanes[3]) & MARKS));
    }

    /*
     * An edit that stores new content in [lo, hi], which is within the leaf, makes these slots:
     *
     *    slots before i | slot i below lo, if any | [lo, hi] | slot j above hi, if any | the other slots
     *                                               slot at    from here on: slot tail of the old leaf
     */

    /**
     * Returns the new slot of {@code [lo, hi]}. The old leaf's lower bound is {@code floor}, and {@code lo} is in its
     * slot i.
     */
    static int at(long[] old, long floor, long lo, int i) {
        return lowerBound(old, i, floor) < lo ? i + 1 : i;
    }

    /** Returns the first slot of the old leaf that contains keys above {@code hi}; {@code hi} is in slot j. */
    static int tail(long[] old, long hi, int j) {
        return hi < pivot(old, j) ? j : j + 1;
    }

    /** Returns the number of slots after the edit. */
    static int sizeAfter(@Nullable Object[] old, int at, int tail) {
        return at + 1 + size(old) - tail;
    }

    /**
     * Returns the pivots of a leaf after {@code [lo, hi]} becomes a single slot, or null if they cannot be stored in
     * the old form.
     */
    static long @Nullable [] change(long[] old, long lo, long hi, int i, int at, int tail) {
        if (!isLanes(old)) {
            return changeHalves(old, lo, hi, i, at, tail);
        }
        if (!isAtGranule(old, hi) || (at > i && !isAtGranule(old, lo - 1))) {
            return null;
        }
        long[] p = new long[SHIFT + 1];
        int moved = tail - (at + 1);
        for (int w = 0; w < LANE_WORDS; w++) {
            long kept = below(at - 4 * w);
            p[w] = (old[w] & kept) | (fourLanes(old, 4 * w + moved) & ~kept);
        }
        p[LAST] = old[LAST];
        p[SHIFT] = (int) old[SHIFT];
        if (at > i) {
            setLane(p, i, lo - 1);
        }
        setLane(p, at, hi);
        return p;
    }

    /** Returns a mask of the lanes of a word that are below lane {@code n}, which may be any number. */
    private static long below(int n) {
        return n <= 0 ? 0 : n >= 4 ? -1 : (1L << (n << 4)) - 1;
    }

    /** Returns lanes i to i + 3 as one word. Lanes outside the array read as 0. */
    private static long fourLanes(long[] lanes, int i) {
        int w = i >> 2;
        int low = (i & 3) << 4;
        long lower = word(lanes, w) >>> low;
        return low == 0 ? lower : lower | word(lanes, w + 1) << (64 - low);
    }

    private static long word(long[] lanes, int w) {
        return w < 0 || w >= LANE_WORDS ? 0 : lanes[w];
    }

    /** As {@link #change}, for halves, which can store any pivots. */
    static long[] changeHalves(long[] old, long lo, long hi, int i, int at, int tail) {
        long[] p = old.clone();
        int rest = at + 1;
        if (rest != tail) {
            int kept = EVEN - Math.max(tail, rest);
            System.arraycopy(old, tail, p, rest, kept);
            for (int k = rest + kept; k < EVEN; k++) {
                p[k] = Node.half(Node.MAX);
            }
        }
        int even = (int) old[EVEN];
        int newEven = (even & ((1 << i) - 1)) | Node.isEven(hi) << at | even >>> tail << rest;
        if (at > i) {
            p[i] = Node.half(lo - 1);
            newEven |= Node.isEven(lo - 1) << i;
        }
        p[at] = Node.half(hi);
        p[EVEN] = newEven;
        return p;
    }

    /** Converts these pivots to halves. */
    static long[] halves(long[] pivots, int size) {
        if (!isLanes(pivots)) {
            return pivots;
        }
        long[] keys = new long[size];
        for (int i = 0; i < size; i++) {
            keys[i] = pivot(pivots, i);
        }
        return pivotsOf(keys, 0, size, Node.MIN, 0);
    }

    /** Returns the slot before the movable boundary, or {@link #NONE}. */
    static int movable(long[] pivots) {
        return (int) (pivots[pivots.length - 1] >>> MOVABLE) + NONE;
    }

    /**
     * Returns the slot before the only boundary that an edit changes, if the edit leaves all contents of the leaf
     * unchanged; else {@link #NONE}. The edit stores {@code content} in {@code [lo, hi]}, whose ends are in slots i and
     * j.
     */
    static int changedBoundary(@Nullable Object[] leaf, int i, int j, int at, int tail, @Nullable Object content) {
        if (j != i + 1) {
            return NONE;
        }
        boolean growsUp = at == i && tail == j && content(leaf, i) == content;
        boolean growsDown = at == j && tail == j + 1 && content(leaf, j) == content;
        return growsUp || growsDown ? i : NONE;
    }

    /**
     * Makes the boundary after slot {@code i} of a leaf movable, if it may be and {@code i} is not {@link #NONE}. The
     * leaf must not be reachable by other code yet, and no other leaf may share its pivots.
     */
    static void makeMovable(@Nullable Object[] leaf, int i) {
        if (i == NONE) {
            return;
        }
        long[] pivots = pivots(leaf);
        int last = size(leaf) - 1;
        boolean isAtFreeEnd = (i == 0 && content(leaf, 0) == null) || (i + 1 == last && content(leaf, last) == null);
        if (!isAtFreeEnd && !hasEven(pivots)) {
            pivots[pivots.length - 1] |= (long) (i - NONE) << MOVABLE;
        }
    }

    /**
     * Moves the movable boundary, after slot {@code i}, to a key that {@linkplain #canBeStored can be
     * stored}, and so publishes it to readers. The caller must hold the writer lock, and a node of the open era must
     * own the leaf. Pairs with {@link #endRead}: a reader that finds an index on the new side of the boundary
     * sees everything that the writer did before, and sees no older state afterwards.
     */
    static void move(long[] pivots, int i, long to) {
        // A store of one word, so a reader sees either the old bound or the new one. Other lanes of the word keep their
        // bits.
        if (isLanes(pivots)) {
            WORD.setRelease(pivots, i >>> 2, withLane(pivots, i, to));
        } else {
            WORD.setRelease(pivots, i, Node.half(to));
        }
    }

    /** Returns the pivots of one instant: a copy if one of them is movable. */
    static long[] seen(long[] pivots) {
        return movable(pivots) == NONE ? pivots : pivots.clone();
    }

    /** Returns these pivots for use in another leaf: if a boundary is movable, a copy in which it is not. */
    static long[] shared(long[] pivots) {
        if (movable(pivots) == NONE) {
            return pivots;
        }
        long[] copy = pivots.clone();
        copy[copy.length - 1] = (int) copy[copy.length - 1];
        return copy;
    }
}
