// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/**
 * A request for a free range, and its result.
 *
 * <p>An object can be reused for any number of searches; each search overwrites the previous result. Not thread-safe. A
 * new object requests a single index anywhere.
 *
 * <pre>{@code
 * GapSearch where = new GapSearch().size(0x4000).within(0x10000, 0x7fff_ffff_efffL).aligned(0x1000, 0);
 * if (tree.storeHighest(where, value)) {
 *     long start = where.first();
 * }
 * }</pre>
 *
 * <p>The result is exact: the lowest, or highest, matching position at the instant of the search. A search skips
 * subtrees whose largest gap is too small, so it takes time proportional to the height of the tree. With an alignment
 * above 1, a gap may be large enough and still contain no aligned position; such gaps are examined one by one.
 */
public final class GapSearch {

    private long size = 1;
    private long min = Node.MIN;
    private long max = Node.MAX;
    private long alignment = 1;
    private long offset;
    private long before;
    private long after;

    private boolean found;
    private long lo;
    private long hi;

    /** Creates a request for a single index anywhere. */
    public GapSearch() {}

    /**
     * Sets the size of the range.
     *
     * @param size the number of indexes, unsigned, at least 1
     * @return this
     * @throws IllegalArgumentException if {@code size} is 0
     */
    public GapSearch size(long size) {
        if (size == 0) {
            throw new IllegalArgumentException("size must not be 0");
        }
        this.size = size;
        return this;
    }

    /**
     * Restricts the range to a window. Guards may lie outside the window.
     *
     * @param min the lowest index that the range may contain, unsigned
     * @param max the highest index that the range may contain, inclusive, unsigned
     * @return this
     * @throws IllegalArgumentException if {@code min} is above {@code max}
     */
    public GapSearch within(long min, long max) {
        if (Long.compareUnsigned(min, max) > 0) {
            throw new IllegalArgumentException(
                    "min " + IndexRange.text(min) + " must not be above max " + IndexRange.text(max));
        }
        this.min = Node.flip(min);
        this.max = Node.flip(max);
        return this;
    }

    /**
     * Requires that the first index of the range modulo {@code alignment} is {@code offset}.
     *
     * @param alignment unsigned, at least 1, not necessarily a power of two; 1 permits every index
     * @param offset unsigned, below {@code alignment}
     * @return this
     * @throws IllegalArgumentException if {@code alignment} is 0 or {@code offset} is not below it
     */
    public GapSearch aligned(long alignment, long offset) {
        if (alignment == 0) {
            throw new IllegalArgumentException("alignment must not be 0");
        }
        if (Long.compareUnsigned(offset, alignment) >= 0) {
            throw new IllegalArgumentException(
                    "offset " + IndexRange.text(offset) + " must be below alignment " + IndexRange.text(alignment));
        }
        this.alignment = alignment;
        this.offset = offset;
        return this;
    }

    /**
     * Requires that the indexes next to the range are also free. Guards do not extend beyond the index space: a range
     * that starts at index 0 satisfies any guard before it.
     *
     * @param before the number of free indexes before the range, unsigned
     * @param after the number of free indexes after the range, unsigned
     * @return this
     */
    public GapSearch guarded(long before, long after) {
        this.before = before;
        this.after = after;
        return this;
    }

    /**
     * Returns whether the last search found a range.
     *
     * @return true if it did; false if it did not, or if there was no search
     */
    public boolean found() {
        return found;
    }

    /**
     * Returns the lowest index of the range found.
     *
     * @return the index, unsigned
     * @throws IllegalStateException if the last search found no range
     */
    public long first() {
        requireFound();
        return Node.flip(lo);
    }

    /**
     * Returns the highest index of the range found, inclusive.
     *
     * @return the index, unsigned
     * @throws IllegalStateException if the last search found no range
     */
    public long last() {
        requireFound();
        return Node.flip(hi);
    }

    private void requireFound() {
        if (!found) {
            throw new IllegalStateException("no range was found");
        }
    }

    /** Returns the request and the result. */
    @Override
    public String toString() {
        return "size " + IndexRange.text(size) + " within " + IndexRange.text(Node.flip(min), Node.flip(max))
                + " aligned "
                + IndexRange.text(alignment) + "+" + IndexRange.text(offset) + " guarded " + IndexRange.text(before)
                + ", "
                + IndexRange.text(after) + ": " + (found ? IndexRange.text(first(), last()) : "none");
    }

    /** The caller must hold the writer lock; otherwise the result may be stale. */
    boolean search(Node root, boolean upwards) {
        found = search(root, Node.MIN, upwards);
        return found;
    }

    /** Searches the subtree of a node whose lower bound is {@code floor}, from its lower or its upper end. */
    private boolean search(Node n, long floor, boolean upwards) {
        int from = n.find(Math.max(min, floor));
        int to = n.find(Math.min(max, n.upperBound()));
        int step = upwards ? 1 : -1;
        int i = upwards ? from : to;
        for (int left = to - from; left >= 0; left--) {
            long start = n.lowerBound(i, floor);
            long end = n.pivot(i);
            if (Long.compareUnsigned(n.gaps[i], need(start, end)) >= 0
                    && (n.level == 1 ? fits(n.leaf(i), start, end, upwards) : search(n.child(i), start, upwards))) {
                return true;
            }
            i += step;
        }
        return false;
    }

    /** Searches a leaf with these bounds, as keys. */
    private boolean fits(@Nullable Object[] leaf, long floor, long end, boolean upwards) {
        int from = LeafNode.find(leaf, Math.max(min, floor));
        int to = LeafNode.find(leaf, Math.min(max, end));
        int step = upwards ? 1 : -1;
        int i = upwards ? from : to;
        for (int left = to - from; left >= 0; left--) {
            if (LeafNode.content(leaf, i) == null
                    && place(LeafNode.lowerBound(leaf, i, floor), LeafNode.pivot(leaf, i), upwards)) {
                return true;
            }
            i += step;
        }
        return false;
    }

    /** Returns the minimum size of a gap within these bounds that can contain the range and its guards. */
    private long need(long start, long end) {
        long need = start == Node.MIN ? size : plus(size, before);
        return end == Node.MAX ? need : plus(need, after);
    }

    private static long plus(long a, long b) {
        long sum = a + b;
        return Long.compareUnsigned(sum, a) < 0 ? -1L : sum;
    }

    /** Finds the lowest or highest position in the free range {@code [start, end]}. */
    private boolean place(long start, long end, boolean upwards) {
        long from = start;
        long to = end;
        if (start != Node.MIN) {
            if (Long.compareUnsigned(end - start, before) < 0) {
                return false;
            }
            from += before;
        }
        if (end != Node.MAX) {
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
        // From here on, from and to bound the keys at which the range may start.
        to -= size - 1;
        long step = upwards ? stepUp(Node.flip(from)) : stepDown(Node.flip(to));
        lo = upwards ? from + step : to - step;
        hi = lo + (size - 1);
        return Long.compareUnsigned(step, to - from) <= 0;
    }

    /** Returns the distance from {@code index} up to the next aligned index. */
    private long stepUp(long index) {
        long remainder = Long.remainderUnsigned(index, alignment);
        return Long.compareUnsigned(remainder, offset) <= 0 ? offset - remainder : alignment - (remainder - offset);
    }

    /** Returns the distance from {@code index} down to the next aligned index. */
    private long stepDown(long index) {
        long remainder = Long.remainderUnsigned(index, alignment);
        return Long.compareUnsigned(remainder, offset) >= 0 ? remainder - offset : alignment - (offset - remainder);
    }
}
