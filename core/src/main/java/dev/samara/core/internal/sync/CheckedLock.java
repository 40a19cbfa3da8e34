// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A lock that is taken only if enough stack is left to take it, to reach the {@code try} after it, and to release it.
 *
 * <p>The stack may overflow in {@link ReentrantLock#lock} itself. With JEP 270 the lock is taken nevertheless, and the
 * error is thrown afterwards. The {@code try} that would release the lock was not entered, so the lock would be held
 * forever.
 */
public final class CheckedLock extends ReentrantLock {
    /** The stack that taking a lock needs, in frames, even if the thread must wait for the lock. */
    public static final int DEPTH = 12;

    /**
     * The stack that taking and releasing a free lock needs, in frames. Without a check of the stack, an overflow in
     * interpreted code could leave the lock taken. One frame is enough for the lock; the rest is for what the caller
     * does before its {@code try}.
     */
    public static final int FREE_DEPTH = 8;

    private static final long serialVersionUID = 1L;

    public CheckedLock() {}

    @Override
    public void lock() {
        if (!tryLock()) {
            StackReserve.check(DEPTH);
            super.lock();
        }
    }

    @Override
    public boolean tryLock() {
        StackReserve.check(FREE_DEPTH);
        return super.tryLock();
    }

    @Override
    public void lockInterruptibly() throws InterruptedException {
        StackReserve.check(DEPTH);
        super.lockInterruptibly();
    }

    /**
     * A lock that readers share and a writer holds exclusively. Like a {@link CheckedLock}, it is taken only if enough
     * stack is left to take it, to reach the {@code try} after it, and to release it.
     *
     * <p>A {@code ReentrantReadWriteLock} allocates the hold counter of a reader after it has acquired the lock. If
     * that allocation fails, the lock is never released. Here a reader acquires one permit of a semaphore and a writer
     * acquires all permits; nothing is allocated afterwards.
     *
     * <p>Not reentrant. Waiting threads get the lock in the order of their arrival, so a stream of readers does not
     * starve a writer. {@link #tryLock} and {@link #tryLockShared} may overtake a thread that is about to wait, but a
     * reader does not overtake a thread that waits.
     */
    public static final class CheckedReadWriteLock {
        private static final int ALL = Integer.MAX_VALUE;

        private final Semaphore permits = new Semaphore(ALL, true);

        public CheckedReadWriteLock() {}

        /** Takes the lock, shared with other readers. */
        public void lockShared() {
            StackReserve.check(CheckedLock.DEPTH);
            permits.acquireUninterruptibly(1);
        }

        /** Takes the lock, shared with other readers, if no writer has it and no thread waits for it. */
        public boolean tryLockShared() {
            StackReserve.check(CheckedLock.FREE_DEPTH);
            return !permits.hasQueuedThreads() && permits.tryAcquire(1);
        }

        /** Returns whether a thread has the lock, in either way. The result may be outdated when this returns. */
        public boolean isTaken() {
            return permits.availablePermits() < ALL;
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

        /** Takes the lock exclusively, if it is free. */
        public boolean tryLock() {
            StackReserve.check(CheckedLock.FREE_DEPTH);
            return permits.tryAcquire(ALL);
        }

        /** Releases the lock that {@link #lock} took. */
        public void unlock() {
            permits.release(ALL);
        }
    }
}
