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
     * Returns the entries of one instant, in ascending order.
     *
     * @return an unmodifiable list
     */
    List<RangeEntry<V>> entries();

    /**
     * Passes the entries of one instant to an action, in ascending order. The instant is in this call, before the
     * action is first called. Changes by the action do not alter the entries that it receives.
     *
     * @param action called once per entry, by this thread
     */
    void forEach(RangeConsumer<? super V> action);
}
