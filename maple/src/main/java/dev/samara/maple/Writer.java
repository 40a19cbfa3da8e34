// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Makes many edits while it holds the writer lock, without acquiring the lock for each edit, and without a lambda.
 *
 * <pre>{@code
 * try (Writer<String> writer = tree.writer()) {
 *     for (...) {
 *         writer.store(first, last, value);     // visible to readers when this returns
 *     }
 * }
 * }</pre>
 *
 * <p>A writer holds the writer lock from {@link MapleTree#writer()} to {@link #close()}. Other threads' edits wait
 * until then, and so do calls that need the state of the whole tree at one instant, e.g. a snapshot. Lookups and
 * cursors do not wait. Each edit is published separately, like an edit of the tree; use {@link MapleTree#begin()} for
 * edits that readers must see atomically. A writer is confined to the thread that created it. Every method throws an
 * {@link IllegalStateException} if another thread calls it, after {@code close}, and while this thread has a
 * transaction open on the tree.
 *
 * @param <V> the type of values
 */
public final class Writer<V> implements RangeStore<V>, AutoCloseable {

    private final MapleTree<V> tree;
    private final Thread owner = Thread.currentThread();
    private boolean closed;

    /** The caller must acquire the lock before it hands the writer out. */
    Writer(MapleTree<V> tree) {
        this.tree = tree;
    }

    @Override
    public void store(long first, long last, V value) {
        begin().storeLocked(first, last, value);
    }

    @Override
    public boolean insert(long first, long last, V value) {
        return begin().insertLocked(first, last, value);
    }

    @Override
    public void erase(long first, long last) {
        begin().eraseLocked(first, last);
    }

    @Override
    public @Nullable V eraseEntry(long index) {
        return begin().eraseEntryLocked(index);
    }

    @Override
    public void storeCoalescing(long first, long last, V value) {
        begin().storeCoalescingLocked(first, last, value);
    }

    @Override
    public void compute(long first, long last, UnaryOperator<@Nullable V> function) {
        try (Transaction<V> transaction = begin().begin()) {
            transaction.compute(first, last, function);
            transaction.commit();
        }
    }

    @Override
    public void storeAll(RangeView<? extends V> entries) {
        begin();
        Snapshot<? extends V> all = entries.snapshot();
        try (Transaction<V> transaction = begin().begin()) {
            transaction.storeAll(all);
            transaction.commit();
        }
    }

    /**
     * Stores a value in the lowest free range that satisfies a request.
     *
     * @param where the request; receives the result
     * @param value the value; any object
     * @return whether a range was found
     * @throws NullPointerException if {@code where} or {@code value} is null
     * @throws IllegalStateException if this writer may not be used
     */
    public boolean storeLowest(GapSearch where, V value) {
        return begin().storeLocked(where, true, value);
    }

    /**
     * Stores a value in the highest free range that satisfies a request.
     *
     * @param where the request; receives the result
     * @param value the value; any object
     * @return whether a range was found
     * @throws NullPointerException if {@code where} or {@code value} is null
     * @throws IllegalStateException if this writer may not be used
     */
    public boolean storeHighest(GapSearch where, V value) {
        return begin().storeLocked(where, false, value);
    }

    /**
     * Releases the lock. A second call does nothing.
     *
     * @throws IllegalStateException if this is not the thread that created this writer
     * @throws IllegalMonitorStateException if the lock is no longer held
     */
    @Override
    public void close() {
        requireOwner();
        if (!closed) {
            closed = true;
            tree.writerLock.unlock();
        }
    }

    private MapleTree<V> begin() {
        requireOwner();
        if (closed || !tree.writerLock.isHeldByCurrentThread()) {
            throw new IllegalStateException("this writer has been closed, or its lock was released");
        }
        tree.requireNoTransaction();
        tree.dropAbandoned();
        return tree;
    }

    private void requireOwner() {
        if (owner != Thread.currentThread()) {
            throw new IllegalStateException("this writer belongs to thread " + owner.getName());
        }
    }
}
