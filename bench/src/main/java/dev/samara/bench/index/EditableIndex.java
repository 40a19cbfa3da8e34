// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import java.util.List;

/**
 * An index that may be changed while it is read. Any thread may change it; an implementation that requires exclusive
 * writers contains a lock.
 *
 * <p>Implementations may rely on what an argument states, e.g. that a range is stored: a caller that changes an address
 * space looked it up before.
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
     * Replaces one range with two. At any instant, a reader finds a range at each of their addresses.
     *
     * @param whole a stored range
     * @param left its lower part
     * @param right its upper part, i.e. the rest
     */
    public abstract void split(Range whole, Range left, Range right);

    /**
     * Replaces two ranges with one. At any instant, a reader finds a range at each of their addresses.
     *
     * @param left a stored range
     * @param right a stored range that starts where {@code left} ends
     * @param whole the range that covers both
     */
    public abstract void merge(Range left, Range right, Range whole);

    /**
     * Moves the end of a range.
     *
     * @param before a stored range
     * @param after its replacement, which starts at the same address, and ends within {@code before} or in the hole
     *     after it
     */
    public abstract void resize(Range before, Range after);

    /**
     * Moves the end of a range, and keeps its value if the structure stores bounds separately from values.
     *
     * @param value the range as it was inserted
     * @param before its current bounds
     * @param after its new bounds, as in {@link #resize}
     */
    public void resizeAndKeep(Range value, Range before, Range after) {
        resize(before, after);
    }
}
