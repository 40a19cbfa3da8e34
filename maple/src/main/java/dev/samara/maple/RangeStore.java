// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.Objects;
import java.util.function.BinaryOperator;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The edits that a tree, a transaction and a writer have in common.
 *
 * <p>Indexes are unsigned, ranges inclusive. A call that throws changes nothing. Every method throws an {@link
 * IllegalStateException} if the calling thread must not edit through this object now: a transaction or a writer has
 * ended or belongs to another thread; or, for a tree or a writer, the thread has a transaction open on the tree.
 *
 * @param <V> the type of values
 */
public sealed interface RangeStore<V> permits MapleTree, Transaction, Writer {

    /**
     * Stores a value in a range, replacing its contents. Entries that cross an end of the range are cut there.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param value the value; any object
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws NullPointerException if {@code value} is null
     * @throws ReservedException if the range overlaps a reservation
     * @throws IllegalStateException if this thread must not edit through this object now
     */
    void store(long first, long last, V value);

    /**
     * Stores a value if the whole range is free, i.e. contains no value and no reservation.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param value the value; any object
     * @return whether the range was free
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws NullPointerException if {@code value} is null
     * @throws IllegalStateException if this thread must not edit through this object now
     */
    boolean insert(long first, long last, V value);

    /**
     * Erases a range. Entries that cross an end of the range are cut there.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws ReservedException if the range overlaps a reservation
     * @throws IllegalStateException if this thread must not edit through this object now
     */
    void erase(long first, long last);

    /**
     * Erases the whole entry that covers an index.
     *
     * @param index any index
     * @return the value of that entry, or null if there is none
     * @throws ReservedException if the index is reserved
     * @throws IllegalStateException if this thread must not edit through this object now
     */
    @Nullable
    V eraseEntry(long index);

    /**
     * Erases all entries.
     *
     * @throws ReservedException if there is a reservation
     * @throws IllegalStateException if this thread must not edit through this object now
     */
    default void clear() {
        erase(0, -1L);
    }

    /**
     * Stores a value in a range like {@link #store}, and joins the range with the entries of equal value that overlap
     * or adjoin it, into one entry. Calls {@link Object#equals} with the writer lock held; it must not edit this
     * object.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param value the value; any object
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws NullPointerException if {@code value} is null
     * @throws ReservedException if the range overlaps a reservation
     * @throws IllegalStateException if this thread must not edit through this object now
     */
    void storeCoalescing(long first, long last, V value);

    /**
     * Atomically replaces the values of a range by the results of a function, which is called once for each entry and
     * each free range that overlaps the range. If the function throws, nothing changes. Entries that cross an end of
     * the range are cut there, even if they keep their value.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param function receives the value of an entry, or null for a free range, and returns the new value, or null for
     *     none. Called with the writer lock held; must not edit this object
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws ReservedException if the range overlaps a reservation
     * @throws IllegalStateException if this thread must not edit through this object now
     */
    void compute(long first, long last, UnaryOperator<@Nullable V> function);

    /**
     * Stores a value in the free parts of a range, and replaces each value in the range by the result of a function of
     * that value and the given one. Otherwise like {@link #compute}.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param value the value; any object
     * @param function receives the value of an entry and the given one, and returns the new value, or null for none
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws NullPointerException if {@code value} is null
     * @throws ReservedException if the range overlaps a reservation
     * @throws IllegalStateException if this thread must not edit through this object now
     */
    default void merge(long first, long last, V value, BinaryOperator<V> function) {
        Objects.requireNonNull(value, "value");
        Objects.requireNonNull(function, "function");
        compute(first, last, old -> old == null ? value : function.apply(old, value));
    }

    /**
     * Atomically stores all entries of a view, in ascending order ({@code putAll}). First takes a snapshot of the view,
     * for which a tree may acquire its lock. To avoid a deadlock, a thread that already holds the lock of one tree
     * should pass a snapshot of the other tree that it took earlier.
     *
     * @param entries the view; for a tree, its entries at one instant
     * @throws ReservedException if an entry overlaps a reservation
     * @throws IllegalStateException if this thread must not edit through this object now
     */
    void storeAll(RangeView<? extends V> entries);
}
