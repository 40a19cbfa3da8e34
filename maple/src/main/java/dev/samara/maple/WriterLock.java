// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.concurrent.locks.ReentrantLock;

/**
 * The default writer lock of a tree. {@link EditedRoot} acquires it for each edit and transaction, so that is where a
 * second writer waits. It counts its releases.
 */
final class WriterLock extends ReentrantLock {

    private static final long serialVersionUID = 1L;

    /**
     * Guarded by this lock.
     *
     * <p>Written: thread that is about to release the lock (plain, lock).
     * Read: holder of the lock (plain).
     * Invariant: unchanged while one thread holds the lock.
     */
    private long releases;

    WriterLock() {}

    @Override
    public void unlock() {
        if (getHoldCount() == 1) {
            releases++;
        }
        super.unlock();
    }

    /**
     * Returns the number of releases. If two calls by a thread return the same number, the thread held the lock
     * throughout. The caller must hold the lock.
     */
    long releases() {
        return releases;
    }
}
