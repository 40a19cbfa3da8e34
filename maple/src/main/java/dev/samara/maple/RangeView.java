// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The lookup view of a range map: which value does an index have.
 *
 * <p>A reservation is absent in this view. Indexes are unsigned, ranges inclusive.
 *
 * @param <V> the type of values
 */
public sealed interface RangeView<V> permits MapleTree, Snapshot, Transaction {

    /**
     * The value at an index.
     *
     * @param index any index
     * @return the value of the entry that covers the index, or null if none does
     */
    @Nullable
    V get(long index);

    /**
     * The value at an index, or else the one of the entry next above it. Does not allocate.
     *
     * @param index any index
     * @return the value, or null if there is none there nor above
     */
    @Nullable
    V atOrAfter(long index);

    /**
     * The value at an index, or else the one of the entry next below it. Does not allocate.
     *
     * @param index any index
     * @return the value, or null if there is none there nor below
     */
    @Nullable
    V atOrBefore(long index);

    /**
     * Whether no index has a value.
     *
     * @return true if there is no entry
     */
    boolean isEmpty();

    /**
     * A new cursor over this view, not yet on an entry.
     *
     * @return a cursor for one thread's use
     */
    Cursor<V> cursor();

    /**
     * The entries of one instant, in ascending order.
     *
     * @return a list that nobody changes
     */
    List<RangeEntry<V>> entries();

    /**
     * Passes the entries of one instant to an action, in ascending order. The instant is in this call, before the
     * action is first called; what the action changes does not alter what it is passed.
     *
     * @param action called once per entry, by this thread
     */
    void forEach(RangeConsumer<? super V> action);
}
