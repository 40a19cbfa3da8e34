// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.util.concurrent.locks.ReentrantLock;

/**
 * A lock that is taken only where there is enough stack to take it, to come to the {@code try} after it, and to release
 * it.
 *
 * <p>The end of the stack may come in {@link ReentrantLock#lock} itself. By JEP 270 the lock is taken then, and the
 * error is thrown afterwards. The {@code try} that would release the lock has not begun, so it is held for ever.
 */
public final class CheckedLock extends ReentrantLock {
    /** The frames of stack that a lock needs, also if a thread has to wait for it. */
    public static final int DEPTH = 12;

    /**
     * The frames of stack that a lock needs where no thread has it, and its release. Without any, an interpreted lock
     * is left taken; one is enough for the lock, and the others are for what the caller does up to its {@code try}.
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
}
