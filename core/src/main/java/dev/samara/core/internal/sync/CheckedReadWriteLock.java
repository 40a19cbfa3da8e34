// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.util.concurrent.Semaphore;

/**
 * A lock that readers share and a writer has alone. Like a {@link CheckedLock}, it is taken only where there is enough
 * stack to take it, to come to the {@code try} after it, and to release it.
 *
 * <p>A {@code ReentrantReadWriteLock} allocates the hold counter of a reader after it acquired the lock. If that
 * allocation fails, the lock is never released. Here a reader acquires one permit of a semaphore and a writer acquires
 * all permits; nothing is allocated afterwards.
 *
 * <p>Not reentrant. Threads that wait get the lock in the order of their arrival, so readers that come and go do not
 * keep a writer out.
 */
public final class CheckedReadWriteLock {
    private static final int ALL = Integer.MAX_VALUE;

    private final Semaphore permits = new Semaphore(ALL, true);

    public CheckedReadWriteLock() {}

    /** Takes the lock together with other readers. */
    public void lockShared() {
        StackReserve.check(CheckedLock.DEPTH);
        permits.acquireUninterruptibly(1);
    }

    /** Releases what {@link #lockShared} has taken. */
    public void unlockShared() {
        permits.release(1);
    }

    /** Takes the lock alone. */
    public void lock() {
        StackReserve.check(CheckedLock.DEPTH);
        permits.acquireUninterruptibly(ALL);
    }

    /** Releases what {@link #lock} has taken. */
    public void unlock() {
        permits.release(ALL);
    }
}
