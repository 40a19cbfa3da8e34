// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The lookup view of a range map: its values, without its reservations.
 *
 * <p>Reservations are invisible in this view. Indexes are unsigned, ranges inclusive.
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
     * Returns the entry that covers an index, with its bounds. (In a {@code NavigableMap} from the first index of each
     * range, this is {@code floorEntry} and a check of the range's end.)
     *
     * @param index any index
     * @return the entry, or null if none covers the index
     */
    @Nullable
    RangeEntry<V> entryAt(long index);

    /**
     * Returns the value at an index, or else the value of the next entry above it. Does not allocate, except where a
     * tree acquires its writer lock for this (see the package description).
     *
     * @param index any index
     * @return the value, or null if there is no entry at or above the index
     */
    @Nullable
    V atOrAfter(long index);

    /**
     * Returns the value at an index, or else the value of the next entry below it. Does not allocate, except where a
     * tree acquires its writer lock for this (see the package description).
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
     * Returns a new cursor over this view, which is not on an entry yet.
     *
     * @return a cursor; not thread-safe
     */
    Cursor<V> cursor();

    /**
     * Returns a snapshot of the current contents of this view.
     *
     * @return an immutable view
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
     * Counts the entries at one instant, in time proportional to their number.
     *
     * @return the number of entries
     */
    default long count() {
        return snapshot().count();
    }

    /**
     * Returns the entries at one instant, in ascending order.
     *
     * @return an unmodifiable list
     */
    default List<RangeEntry<V>> entries() {
        return snapshot().entries();
    }

    /**
     * Returns the entries that overlap a range at one instant, in ascending order. Entries are not cut: the first and
     * the last one may extend beyond the range.
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
     * Returns the entries that overlap a range at one instant, in descending order, otherwise like {@link
     * #entries(long, long)}.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @return an unmodifiable list
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     */
    default List<RangeEntry<V>> entriesDescending(long first, long last) {
        return snapshot().entriesDescending(first, last);
    }

    /**
     * Returns the parts of a range without values at one instant, in ascending order. Reservations count as gaps here.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @return an unmodifiable list of maximal ranges, cut to the given one
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     */
    default List<IndexRange> gaps(long first, long last) {
        return snapshot().gaps(first, last);
    }

    /**
     * Passes the entries at one instant to an action, in ascending order. The instant is before the first call of the
     * action, so edits by the action do not affect the entries that it receives.
     *
     * @param action called once per entry, by this thread
     */
    default void forEach(RangeConsumer<? super V> action) {
        snapshot().forEach(action);
    }

    /**
     * Passes the entries that overlap a range to an action, like {@link #forEach(RangeConsumer)}. Entries are not cut,
     * as in {@link #entries(long, long)}.
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
