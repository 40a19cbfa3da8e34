// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.util.concurrent.Semaphore;

/**
 * A lock that readers share and a writer holds exclusively. Like a {@link CheckedLock}, it is taken only if enough
 * stack is left to take it, to reach the {@code try} after it, and to release it.
 *
 * <p>A {@code ReentrantReadWriteLock} allocates the hold counter of a reader after it has acquired the lock. If that
 * allocation fails, the lock is never released. Here a reader acquires one permit of a semaphore and a writer acquires
 * all permits; nothing is allocated afterwards.
 *
 * <p>Not reentrant. Waiting threads get the lock in the order of their arrival, so a stream of readers does not starve
 * a writer.
 */
public final class CheckedReadWriteLock {
    private static final int ALL = Integer.MAX_VALUE;

    private final Semaphore permits = new Semaphore(ALL, true);

    public CheckedReadWriteLock() {}

    /** Takes the lock, shared with other readers. */
    public void lockShared() {
        StackReserve.check(CheckedLock.DEPTH);
        permits.acquireUninterruptibly(1);
    }

    /** Releases the lock that {@link #lockShared} took. */
    public void unlockShared() {
        permits.release(1);
    }

    /** Takes the lock exclusively. */
    public void lock() {
        StackReserve.check(CheckedLock.DEPTH);
        permits.acquireUninterruptibly(ALL);
    }

    /** Releases the lock that {@link #lock} took. */
    public void unlock() {
        permits.release(ALL);
    }
}
