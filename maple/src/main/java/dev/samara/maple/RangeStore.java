// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/**
 * The changes that a tree, a transaction and a writer have in common.
 *
 * <p>Indexes are unsigned, ranges inclusive. A call that throws has changed nothing. Every method throws an {@link
 * IllegalStateException} if this thread may not change this object now. A transaction or a writer may have ended, or
 * belong to another thread. A tree or a writer refuses a thread that has a transaction open on the tree.
 *
 * @param <V> the type of values
 */
public sealed interface RangeStore<V> permits MapleTree, Transaction, Writer {

    /**
     * Stores a value in a range and replaces its contents. Entries across the ends of the range are cut.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param value the value; any object
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws NullPointerException if {@code value} is null
     * @throws ReservedException if the range meets a reservation
     * @throws IllegalStateException if this thread may not change this object now
     */
    void store(long first, long last, V value);

    /**
     * Stores a value if the whole range is free: no value and no reservation in it.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param value the value; any object
     * @return whether the range was free
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws NullPointerException if {@code value} is null
     * @throws IllegalStateException if this thread may not change this object now
     */
    boolean insert(long first, long last, V value);

    /**
     * Frees a range. Entries across its ends are cut.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws ReservedException if the range meets a reservation
     * @throws IllegalStateException if this thread may not change this object now
     */
    void erase(long first, long last);

    /**
     * Frees the whole range of the entry that covers an index.
     *
     * @param index any index
     * @return the value of that entry, or null if there is none
     * @throws ReservedException if the index is reserved
     * @throws IllegalStateException if this thread may not change this object now
     */
    @Nullable
    V erase(long index);
}
