// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.Assertions;

/** A layout lock that knows whether the calling thread holds any such lock. */
final class WatchedLock extends ReentrantLock {
    private static final long serialVersionUID = 1;

    /** The total number of holds of these locks by the thread. */
    private static final ThreadLocal<int[]> HOLDS = ThreadLocal.withInitial(() -> new int[1]);

    @Override
    public void lock() {
        super.lock();
        HOLDS.get()[0]++;
    }

    @Override
    public void unlock() {
        HOLDS.get()[0]--;
        super.unlock();
    }

    /** The places where locks were held that should not have been. Thread-safe. */
    static final class Violations {
        private final List<Throwable> found = new CopyOnWriteArrayList<>();

        /** Records a violation if a lock is held. Every callback of an embedder must call this. */
        void check(String where) {
            if (HOLDS.get()[0] != 0) {
                found.add(new AssertionError("called under a layout lock: " + where));
            }
        }

        /** Fails if there was a violation. */
        void assertNone() {
            if (!found.isEmpty()) {
                Throwable first = found.get(0);
                Assertions.fail(first.getMessage() + ", the first of " + found.size(), first);
            }
        }
    }
}
