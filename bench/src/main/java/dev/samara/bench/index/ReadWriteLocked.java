// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock.ReadLock;
import java.util.concurrent.locks.ReentrantReadWriteLock.WriteLock;
import org.jspecify.annotations.Nullable;

/**
 * A structure that is not thread-safe, protected by one reader-writer lock.
 *
 * <p>Weakness: each reader writes the lock's word twice, which all readers share, and waits for each writer.
 */
abstract class ReadWriteLocked extends EditableIndex {
    final ReadLock readLock;
    final WriteLock writeLock;

    ReadWriteLocked() {
        ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
        readLock = lock.readLock();
        writeLock = lock.writeLock();
    }

    /** Does the work of {@link #get} with the lock held. */
    abstract @Nullable Range find(long address);

    /** Stores a range, replacing the range that starts at the same address, if any. The caller must hold the lock. */
    abstract void put(Range range);

    /** Removes a stored range. The caller must hold the lock. */
    abstract void drop(Range range);

    @Override
    public final @Nullable Range get(long address) {
        readLock.lock();
        try {
            return find(address);
        } finally {
            readLock.unlock();
        }
    }

    @Override
    public final void insert(Range range) {
        writeLock.lock();
        try {
            put(range);
        } finally {
            writeLock.unlock();
        }
    }

    @Override
    public final void remove(Range range) {
        writeLock.lock();
        try {
            drop(range);
        } finally {
            writeLock.unlock();
        }
    }

    @Override
    public final void split(Range whole, Range left, Range right) {
        writeLock.lock();
        try {
            divide(whole, left, right);
        } finally {
            writeLock.unlock();
        }
    }

    @Override
    public final void merge(Range left, Range right, Range whole) {
        writeLock.lock();
        try {
            join(left, right, whole);
        } finally {
            writeLock.unlock();
        }
    }

    @Override
    public final void resize(Range before, Range after) {
        writeLock.lock();
        try {
            change(before, after);
        } finally {
            writeLock.unlock();
        }
    }

    /** Does the work of {@link #split} with the lock held. The left part replaces the whole range. */
    void divide(Range whole, Range left, Range right) {
        put(left);
        put(right);
    }

    /** Does the work of {@link #merge} with the lock held. The whole range replaces the left part. */
    void join(Range left, Range right, Range whole) {
        drop(right);
        put(whole);
    }

    /** Does the work of {@link #resize} with the lock held. */
    void change(Range before, Range after) {
        put(after);
    }
}
