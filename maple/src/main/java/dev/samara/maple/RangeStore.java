// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.Objects;
import java.util.function.BinaryOperator;
import java.util.function.UnaryOperator;
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
    V eraseEntry(long index);

    /**
     * Frees all indexes.
     *
     * @throws ReservedException if there is a reservation
     * @throws IllegalStateException if this thread may not change this object now
     */
    default void clear() {
        erase(0, -1L);
    }

    /**
     * Stores a value in a range like {@link #store}, and makes one entry of the range and of entries with an equal
     * value that overlap the range or end next to it. Compares by {@link Object#equals}, with the writer lock held;
     * that must not change this object.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param value the value; any object
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws NullPointerException if {@code value} is null
     * @throws ReservedException if the range meets a reservation
     * @throws IllegalStateException if this thread may not change this object now
     */
    void storeCoalescing(long first, long last, V value);

    /**
     * Replaces the values of a range by results of a function, all at one instant: it is called once for each entry
     * and for each free range, as far as these are in the range. If the function throws, nothing has changed. Entries
     * across the ends of the range are cut there, also if they keep their value.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param function receives the value of an entry, or null for a free range, and returns the new value, or null for
     *     none. Called with the writer lock held; it must not change this object
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws ReservedException if the range meets a reservation
     * @throws IllegalStateException if this thread may not change this object now
     */
    void compute(long first, long last, UnaryOperator<@Nullable V> function);

    /**
     * Stores a value in the free parts of a range, and the result of a function of the old and the given value in the
     * others, like {@link #compute}.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param value the value; any object
     * @param function receives the value of an entry and the given one, and returns the new value, or null for none
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws NullPointerException if {@code value} is null
     * @throws ReservedException if the range meets a reservation
     * @throws IllegalStateException if this thread may not change this object now
     */
    default void merge(long first, long last, V value, BinaryOperator<V> function) {
        Objects.requireNonNull(value, "value");
        Objects.requireNonNull(function, "function");
        compute(first, last, old -> old == null ? value : function.apply(old, value));
    }

    /**
     * Stores all entries of a view, in ascending order and at one instant ({@code putAll}). Takes a snapshot of the
     * view first, for which a tree may take its lock: a thread that holds the lock of one tree passes a snapshot of the
     * other that it has taken before, or two threads might wait for each other.
     *
     * @param entries the entries; those of one instant of a tree
     * @throws ReservedException if an entry meets a reservation
     * @throws IllegalStateException if this thread may not change this object now
     */
    void storeAll(RangeView<? extends V> entries);
}
