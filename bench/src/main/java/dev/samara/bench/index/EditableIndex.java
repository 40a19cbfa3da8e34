// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import java.util.List;

/**
 * An index that is changed while it is read. Any thread may change it; implementations that need exclusive writers have
 * a lock for that.
 *
 * <p>Arguments are true statements about the index: a caller that changes an address space has looked before.
 */
public abstract class EditableIndex extends RangeIndex {
    /** For subclasses. */
    protected EditableIndex() {}

    @Override
    public void fill(List<Range> ranges) {
        ranges.forEach(this::insert);
    }

    /**
     * Stores a range in a hole.
     *
     * @param range the range
     */
    public abstract void insert(Range range);

    /**
     * Removes a range.
     *
     * @param range a stored range
     */
    public abstract void remove(Range range);

    /**
     * Replaces one range by two. No reader finds neither of them.
     *
     * @param whole a stored range
     * @param left its lower part
     * @param right the rest of it
     */
    public abstract void split(Range whole, Range left, Range right);

    /**
     * Replaces two ranges by one. No reader finds nothing.
     *
     * @param left a stored range
     * @param right a stored range that begins where the other ends
     * @param whole both
     */
    public abstract void merge(Range left, Range right, Range whole);

    /**
     * Moves the end of a range.
     *
     * @param before a stored range
     * @param after its replacement; it begins where the other does, and ends in the hole after it or in itself
     */
    public abstract void resize(Range before, Range after);

    /**
     * Moves the end of a range, and keeps its value where the structure has the bounds beside it.
     *
     * @param value the range as it was inserted
     * @param before the bounds that it has
     * @param after its bounds from now on, as for {@link #resize}
     */
    public void resizeAndKeep(Range value, Range before, Range after) {
        resize(before, after);
    }
}
