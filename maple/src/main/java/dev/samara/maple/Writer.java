// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/**
 * Makes many edits in a row, without taking the lock for each and without a lambda around them.
 *
 * <pre>{@code
 * try (Writer<String> writer = tree.writer()) {
 *     for (...) {
 *         writer.store(first, last, value);     // readers see it when this returns
 *     }
 * }
 * }</pre>
 *
 * <p>A writer holds the writer lock from {@link MapleTree#writer()} to {@link #close()}. Other edits wait until then,
 * and so do calls that need the tree of one instant, such as a snapshot. Lookups and cursors do not wait. Each edit is
 * published separately, like an edit of the tree; {@link MapleTree#begin()} is for several edits that readers see at
 * once. A writer belongs to the thread that created it. Every method throws an {@link IllegalStateException} on another
 * thread, after the end, and while a transaction of this thread is open on the tree.
 *
 * @param <V> the type of values
 */
public final class Writer<V> implements AutoCloseable {

    private final MapleTree<V> tree;
    private final Thread owner = Thread.currentThread();
    private boolean closed;

    /** The caller takes the lock for this writer before it returns the writer. */
    Writer(MapleTree<V> tree) {
        this.tree = tree;
    }

    /**
     * Stores a value in a range and replaces its contents. Entries across the ends of the range are cut.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param value the value; any object
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws NullPointerException if {@code value} is null
     * @throws ReservedException if the range meets a reservation
     * @throws IllegalStateException if this writer may not be used
     */
    public void store(long first, long last, V value) {
        begin().store(first, last, value);
    }

    /**
     * Stores a value if the whole range is free: no value and no reservation in it.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param value the value; any object
     * @return whether the range was free
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws NullPointerException if {@code value} is null
     * @throws IllegalStateException if this writer may not be used
     */
    public boolean insert(long first, long last, V value) {
        return begin().insert(first, last, value);
    }

    /**
     * Frees a range. Entries across its ends are cut.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws ReservedException if the range meets a reservation
     * @throws IllegalStateException if this writer may not be used
     */
    public void erase(long first, long last) {
        begin().erase(first, last);
    }

    /**
     * Frees the whole range of the entry that covers an index.
     *
     * @param index any index
     * @return the value of that entry, or null if there is none
     * @throws ReservedException if the index is reserved
     * @throws IllegalStateException if this writer may not be used
     */
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V erase(long index) {
        return (V) begin().erase(index);
    }

    /**
     * Stores a value in the lowest free range that satisfies a request.
     *
     * @param where the request; receives the answer
     * @param value the value; any object
     * @return whether a range was found
     * @throws NullPointerException if {@code where} or {@code value} is null
     * @throws IllegalStateException if this writer may not be used
     */
    public boolean storeLowest(GapSearch where, V value) {
        return begin().storeLowest(where, value);
    }

    /**
     * Stores a value in the highest free range that satisfies a request.
     *
     * @param where the request; receives the answer
     * @param value the value; any object
     * @return whether a range was found
     * @throws NullPointerException if {@code where} or {@code value} is null
     * @throws IllegalStateException if this writer may not be used
     */
    public boolean storeHighest(GapSearch where, V value) {
        return begin().storeHighest(where, value);
    }

    /**
     * Releases the lock; does nothing if that has been done.
     *
     * @throws IllegalStateException if this is not the thread that created this writer
     * @throws IllegalMonitorStateException if the lock was released otherwise
     */
    @Override
    public void close() {
        requireOwner();
        if (!closed) {
            closed = true;
            tree.writerLock().unlock();
        }
    }

    private Edits begin() {
        requireOwner();
        if (closed || !tree.writerLock().isHeldByCurrentThread()) {
            throw new IllegalStateException("this writer has been closed, or its lock was let go");
        }
        return tree.editsHeld();
    }

    private void requireOwner() {
        if (owner != Thread.currentThread()) {
            throw new IllegalStateException("this writer belongs to thread " + owner.getName());
        }
    }
}
