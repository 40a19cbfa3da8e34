// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import java.util.concurrent.locks.ReentrantLock;

/**
 * A layout lock whose holder sometimes parks directly after it releases the lock, so that other threads overtake it
 * before its next access.
 */
final class NappingLock extends ReentrantLock {
    private static final long serialVersionUID = 1L;
    private static final int ONE_IN = 64;

    private final transient RandomFailures failures;

    NappingLock(RandomFailures failures) {
        this.failures = failures;
    }

    @Override
    public void unlock() {
        super.unlock();
        if (!isHeldByCurrentThread()) {
            failures.nap(ONE_IN);
        }
    }
}
