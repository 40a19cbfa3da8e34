// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.concurrent.locks.ReentrantLock;

/**
 * The writer lock of a tree that was not given one. {@link EditedRoot} takes it for each edit and transaction, so a
 * second writer waits there. It counts its releases.
 */
final class WriterLock extends ReentrantLock {

    private static final long serialVersionUID = 1L;

    /** Guarded by this lock. */
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
     * Returns the number of releases. Two equal results to one thread mean that it has held the lock all the time. The
     * caller must hold the lock.
     */
    long releases() {
        return releases;
    }
}
