// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The lookup view of a range map: the value of each index.
 *
 * <p>A reservation is absent in this view. Indexes are unsigned, ranges inclusive.
 *
 * @param <V> the type of values
 */
public sealed interface RangeView<V> permits MapleTree, Snapshot, Transaction {

    /**
     * Returns the value at an index.
     *
     * @param index any index
     * @return the value of the entry that covers the index, or null if none does
     */
    @Nullable
    V get(long index);

    /**
     * Returns the entry that covers an index, with its bounds ({@code NavigableMap.floorEntry} of a map of starts, and
     * a check of the end).
     *
     * @param index any index
     * @return the entry, or null if none covers the index
     */
    @Nullable
    RangeEntry<V> entryAt(long index);

    /**
     * Returns the value at an index, or else that of the next entry above it. Does not allocate, except where a tree
     * takes its writer lock for this (the package description says when).
     *
     * @param index any index
     * @return the value, or null if there is no entry at or above the index
     */
    @Nullable
    V atOrAfter(long index);

    /**
     * Returns the value at an index, or else that of the next entry below it. Does not allocate, except where a tree
     * takes its writer lock for this (the package description says when).
     *
     * @param index any index
     * @return the value, or null if there is no entry at or below the index
     */
    @Nullable
    V atOrBefore(long index);

    /**
     * Returns whether no index has a value.
     *
     * @return true if there is no entry
     */
    boolean isEmpty();

    /**
     * Returns a new cursor over this view, not yet on an entry.
     *
     * @return a cursor, for one thread at a time
     */
    Cursor<V> cursor();

    /**
     * Returns this view as it is now.
     *
     * @return a view that later changes do not alter
     */
    Snapshot<V> snapshot();

    /**
     * Returns the lowest entry.
     *
     * @return the entry, or null if there is none
     */
    default @Nullable RangeEntry<V> firstEntry() {
        return snapshot().firstEntry();
    }

    /**
     * Returns the highest entry.
     *
     * @return the entry, or null if there is none
     */
    default @Nullable RangeEntry<V> lastEntry() {
        return snapshot().lastEntry();
    }

    /**
     * Counts the entries of one instant. Takes time in proportion to their number.
     *
     * @return the number of entries
     */
    default long count() {
        return snapshot().count();
    }

    /**
     * Returns the entries of one instant, in ascending order.
     *
     * @return an unmodifiable list
     */
    default List<RangeEntry<V>> entries() {
        return snapshot().entries();
    }

    /**
     * Returns the entries of one instant that overlap a range, in ascending order. The first and the last of them may
     * extend beyond the range: their bounds are their own.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @return an unmodifiable list
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     */
    default List<RangeEntry<V>> entries(long first, long last) {
        return snapshot().entries(first, last);
    }

    /**
     * Returns the parts of a range in which no index has a value, at one instant and in ascending order. A reserved
     * index has no value.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @return an unmodifiable list of ranges, within the given one, between any two of which there is a value
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     */
    default List<IndexRange> gaps(long first, long last) {
        return snapshot().gaps(first, last);
    }

    /**
     * Passes the entries of one instant to an action, in ascending order. The instant is in this call, before the
     * action is first called. Changes by the action do not alter the entries that it receives.
     *
     * @param action called once per entry, by this thread
     */
    default void forEach(RangeConsumer<? super V> action) {
        snapshot().forEach(action);
    }

    /**
     * Passes the entries that overlap a range to an action, like {@link #forEach(RangeConsumer)}, and with their own
     * bounds, like {@link #entries(long, long)}.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param action called once per entry, by this thread
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     */
    default void forEach(long first, long last, RangeConsumer<? super V> action) {
        snapshot().forEach(first, last, action);
    }

    /**
     * Passes the entries that overlap a range to an action in descending order, otherwise like {@link #forEach(long,
     * long, RangeConsumer)}.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param action called once per entry, by this thread
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     */
    default void forEachDescending(long first, long last, RangeConsumer<? super V> action) {
        snapshot().forEachDescending(first, last, action);
    }
}
