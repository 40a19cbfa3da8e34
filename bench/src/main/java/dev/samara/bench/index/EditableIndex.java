// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import java.util.List;

/**
 * An index that is changed while it is read. Any thread may change it; those that want their writers to take turns have
 * a lock for that.
 *
 * <p>What a method is told about the index is true: who changes an address space has looked before.
 */
public abstract class EditableIndex extends RangeIndex {
    /** For those that are one. */
    protected EditableIndex() {}

    @Override
    public void fill(List<Range> ranges) {
        ranges.forEach(this::insert);
    }

    /**
     * Stores a range where nothing is.
     *
     * @param range what to store
     */
    public abstract void insert(Range range);

    /**
     * Removes a range.
     *
     * @param range one that is stored
     */
    public abstract void remove(Range range);

    /**
     * Puts two ranges in the place of one. No reader finds neither of them.
     *
     * @param whole one that is stored
     * @param left its lower part
     * @param right the rest of it
     */
    public abstract void split(Range whole, Range left, Range right);

    /**
     * Puts one range in the place of two. No reader finds nothing.
     *
     * @param left one that is stored
     * @param right one that is stored and begins where the other ends
     * @param whole both
     */
    public abstract void merge(Range left, Range right, Range whole);

    /**
     * Moves the end of a range.
     *
     * @param before one that is stored
     * @param after what takes its place; it begins where the other does, and ends in the hole after it or in itself
     */
    public abstract void resize(Range before, Range after);
}
