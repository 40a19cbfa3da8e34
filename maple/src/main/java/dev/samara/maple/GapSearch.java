// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

/**
 * A request for a free range, and the answer to it.
 *
 * <p>One object may be used for any number of searches; each writes its answer over that of the one before. Not safe
 * for use by several threads at a time. As it is made it asks for one index anywhere.
 *
 * <pre>{@code
 * GapSearch where = new GapSearch().size(0x4000).within(0x10000, 0x7fff_ffff_efffL).aligned(0x1000, 0);
 * if (tree.storeHighest(where, value)) {
 *     long start = where.first();
 * }
 * }</pre>
 *
 * <p>The answer is exact: the lowest, or highest, position in the tree at the instant of the search. Subtrees whose
 * largest gap is too small are passed over, so a search costs the height of the tree; but with an alignment above 1 a
 * gap may be large enough and still hold no position, and such gaps are gone through one by one.
 */
public final class GapSearch {

    private long size = 1;
    private long min = Keys.MIN;
    private long max = Keys.MAX;
    private long alignment = 1;
    private long offset;
    private long before;
    private long after;

    private boolean found;
    private long lo;
    private long hi;

    /** Asks for one index anywhere. */
    public GapSearch() {}

    /**
     * Asks for this many indexes in a row.
     *
     * @param size the number, unsigned, at least 1
     * @return this
     * @throws IllegalArgumentException if {@code size} is 0
     */
    public GapSearch size(long size) {
        if (size == 0) {
            throw new IllegalArgumentException("size 0x0 must not be 0");
        }
        this.size = size;
        return this;
    }

    /**
     * Asks for a range inside a window. Guards may lie outside of it.
     *
     * @param min the lowest index that the range may contain, unsigned
     * @param max the highest index that the range may contain, inclusive, unsigned
     * @return this
     * @throws IllegalArgumentException if {@code min} is above {@code max}
     */
    public GapSearch within(long min, long max) {
        if (Long.compareUnsigned(min, max) > 0) {
            throw new IllegalArgumentException("min " + Keys.hex(min) + " must not be above max " + Keys.hex(max));
        }
        this.min = Keys.flip(min);
        this.max = Keys.flip(max);
        return this;
    }

    /**
     * Asks for a range whose first index leaves the remainder {@code offset} when it is divided by {@code alignment}.
     *
     * @param alignment unsigned, at least 1, not necessarily a power of two; 1 asks for nothing
     * @param offset unsigned, below {@code alignment}
     * @return this
     * @throws IllegalArgumentException if {@code alignment} is 0 or {@code offset} is not below it
     */
    public GapSearch aligned(long alignment, long offset) {
        if (alignment == 0) {
            throw new IllegalArgumentException("alignment 0x0 must not be 0");
        }
        if (Long.compareUnsigned(offset, alignment) >= 0) {
            throw new IllegalArgumentException(
                    "offset " + Keys.hex(offset) + " must be below alignment " + Keys.hex(alignment));
        }
        this.alignment = alignment;
        this.offset = offset;
        return this;
    }

    /**
     * Asks that the indexes next to the range are free too. At the ends of the index space a guard is cut off: a range
     * that starts at index 0 has room for any guard before it.
     *
     * @param before how many indexes before the range, unsigned
     * @param after how many indexes after the range, unsigned
     * @return this
     */
    public GapSearch guarded(long before, long after) {
        this.before = before;
        this.after = after;
        return this;
    }

    /**
     * Whether the last search found a range.
     *
     * @return false also if there has been no search
     */
    public boolean found() {
        return found;
    }

    /**
     * The lowest index of the range found.
     *
     * @return the index, unsigned
     * @throws IllegalStateException if the last search found nothing
     */
    public long first() {
        requireFound();
        return Keys.flip(lo);
    }

    /**
     * The highest index of the range found, inclusive.
     *
     * @return the index, unsigned
     * @throws IllegalStateException if the last search found nothing
     */
    public long last() {
        requireFound();
        return Keys.flip(hi);
    }

    private void requireFound() {
        if (!found) {
            throw new IllegalStateException("no range was found");
        }
    }

    /** Request and answer. */
    @Override
    public String toString() {
        return "size " + Keys.hex(size) + " within " + Keys.range(Keys.flip(min), Keys.flip(max)) + " aligned "
                + Keys.hex(alignment) + "+" + Keys.hex(offset) + " guarded " + Keys.hex(before) + ", "
                + Keys.hex(after) + ": " + (found ? Keys.range(first(), last()) : "none");
    }

    /** Caller must hold the writer lock, or else the answer is of no use. */
    boolean searchLowest(Node root) {
        found = lowest(root, Keys.MIN);
        return found;
    }

    /** Caller must hold the writer lock, or else the answer is of no use. */
    boolean searchHighest(Node root) {
        found = highest(root, Keys.MIN);
        return found;
    }

    private boolean lowest(Node n, long floor) {
        int end = n.find(Math.min(max, n.upperBound()));
        for (int i = n.find(Math.max(min, floor)); i <= end; i++) {
            if (fits(n, i, n.lowerBound(i, floor), true)) {
                return true;
            }
        }
        return false;
    }

    private boolean highest(Node n, long floor) {
        int end = n.find(Math.max(min, floor));
        for (int i = n.find(Math.min(max, n.upperBound())); i >= end; i--) {
            if (fits(n, i, n.lowerBound(i, floor), false)) {
                return true;
            }
        }
        return false;
    }

    /** Looks in one slot, whose lower bound is {@code start}. */
    private boolean fits(Node n, int i, long start, boolean upwards) {
        long end = n.pivot(i);
        if (n.level != 0) {
            return Long.compareUnsigned(n.gaps[i], need(start, end)) >= 0
                    && (upwards ? lowest(n.child(i), start) : highest(n.child(i), start));
        }
        return n.slots[i] == null && place(start, end, upwards);
    }

    /** The least size of a gap, anywhere in these bounds, that has room for the range and its guards. */
    private long need(long start, long end) {
        long need = start == Keys.MIN ? size : plus(size, before);
        return end == Keys.MAX ? need : plus(need, after);
    }

    private static long plus(long a, long b) {
        long sum = a + b;
        return Long.compareUnsigned(sum, a) < 0 ? -1L : sum;
    }

    /** Finds the lowest or highest position in the free range {@code [start, end]}. */
    private boolean place(long start, long end, boolean upwards) {
        long from = start;
        long to = end;
        if (start != Keys.MIN) {
            if (Long.compareUnsigned(end - start, before) < 0) {
                return false;
            }
            from += before;
        }
        if (end != Keys.MAX) {
            if (Long.compareUnsigned(end - start, after) < 0) {
                return false;
            }
            to -= after;
        }
        from = Math.max(from, min);
        to = Math.min(to, max);
        if (from > to || Long.compareUnsigned(to - from, size - 1) < 0) {
            return false;
        }
        // From here on from and to are the lowest and the highest key at which the range may start.
        to -= size - 1;
        if (upwards) {
            long step = stepUp(Keys.flip(from));
            lo = from + step;
            hi = lo + (size - 1);
            return Long.compareUnsigned(step, to - from) <= 0;
        }
        long step = stepDown(Keys.flip(to));
        lo = to - step;
        hi = lo + (size - 1);
        return Long.compareUnsigned(step, to - from) <= 0;
    }

    /** How far above {@code index} the next aligned index is. */
    private long stepUp(long index) {
        long remainder = Long.remainderUnsigned(index, alignment);
        return Long.compareUnsigned(remainder, offset) <= 0 ? offset - remainder : alignment - (remainder - offset);
    }

    /** How far below {@code index} the next aligned index is. */
    private long stepDown(long index) {
        long remainder = Long.remainderUnsigned(index, alignment);
        return Long.compareUnsigned(remainder, offset) >= 0 ? remainder - offset : alignment - (offset - remainder);
    }
}
