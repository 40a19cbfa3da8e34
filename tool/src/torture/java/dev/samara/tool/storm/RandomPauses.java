// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import java.util.Random;
import java.util.concurrent.locks.LockSupport;

/**
 * Parks threads in callbacks and hooks, where other threads may overtake them. Each thread has its own random numbers,
 * which the seed and the thread's name determine. Thread-safe.
 */
final class RandomPauses {
    private static final int LONGEST_NANOS = 2_000_000;
    private static final int OFTEN = 4;
    private static final int SELDOM = 64;

    private final ThreadLocal<Random> randoms;

    RandomPauses(long seed) {
        randoms = ThreadLocal.withInitial(() -> new Random(
                seed + 0x9E3779B97F4A7C15L * Thread.currentThread().getName().hashCode()));
    }

    /** In one call of four, parks the calling thread for 0 to 2 ms. */
    void maybe() {
        pause(OFTEN);
    }

    /** In one call of 64, parks the calling thread for 0 to 2 ms. Used where a pause delays many threads. */
    void seldom() {
        pause(SELDOM);
    }

    private void pause(int oneIn) {
        Random random = randoms.get();
        if (random.nextInt(oneIn) == 0) {
            LockSupport.parkNanos(this, random.nextInt(LONGEST_NANOS));
        }
    }
}
