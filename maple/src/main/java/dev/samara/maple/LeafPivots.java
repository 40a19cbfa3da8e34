// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * The pivots of a leaf, as an array of words in one of two forms. Once published, the array is immutable except for the
 * pivot of the movable boundary, if any. ({@link LeafBoundary} records that boundary in the upper half of the last
 * word.)
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
 */
final class LeafPivots {

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

    private LeafPivots() {}

    /**
     * Returns the pivots of a leaf.
     *
     * @param pivots an array that contains the pivots, as keys
     * @param from the position of the first pivot
     * @param to the position after the last pivot
     * @param floor the lower bound of the leaf
     * @param level the level of the root below which the leaf will be
     */
    static long[] of(long[] pivots, int from, int to, long floor, int level) {
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
            halves[i] = Keys.half(from + i < to ? pivots[from + i] : Keys.MAX);
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
        return isLanes(pivots) ? isAtGranule(pivots, pivot) : !hasEven(pivots) && Keys.isEven(pivot) == 0;
    }

    /** Returns the position of the word that contains pivot {@code i}. */
    static int wordOf(int i, long[] pivots) {
        return isLanes(pivots) ? i >>> 2 : i;
    }

    /** Returns the word that contains pivot {@code i}, with that pivot replaced by one that {@link #canBeStored}. */
    static long word(int i, long[] pivots, long pivot) {
        return isLanes(pivots) ? withLane(pivots, i, pivot) : Keys.half(pivot);
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
        return Keys.join(pivots[i], (int) pivots[EVEN] >>> i & 1);
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
        // Pairs with the release store in LeafBoundary.move.
        VarHandle.acquireFence();
    }

    private static int search(long[] pivots, long key) {
        if (isLanes(pivots)) {
            return searchLanes(pivots, (pivots[LAST] - key) >>> pivots[SHIFT]);
        }
        long half = Keys.half(key);
        int i = Node.search(pivots, half);
        int even = (int) pivots[EVEN];
        return even != 0 && pivots[i] == half && (even >>> i & 1) > Keys.isEven(key) ? i + 1 : i;
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

    /**
     * Returns the pivots of a leaf after {@code [lo, hi]} becomes a single slot; see {@link LeafEdit}. Returns null if
     * they cannot be stored in the old form.
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
                p[k] = Keys.half(Keys.MAX);
            }
        }
        int even = (int) old[EVEN];
        int newEven = (even & ((1 << i) - 1)) | Keys.isEven(hi) << at | even >>> tail << rest;
        if (at > i) {
            p[i] = Keys.half(lo - 1);
            newEven |= Keys.isEven(lo - 1) << i;
        }
        p[at] = Keys.half(hi);
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
        return of(keys, 0, size, Keys.MIN, 0);
    }
}
