// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.fixture.Awake;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * The random behaviour of callbacks: they are slow, reject calls, or throw. Each thread uses its own random numbers,
 * which depend on one seed.
 */
final class RandomFailures {
    private static final int LONGEST_SPIN = 2000;
    private static final int LONGEST_NAP_NANOS = 2_000_000;

    private final ThreadLocal<Random> randoms;

    private final boolean slowOnly;

    RandomFailures(long seed) {
        this(seed, false);
    }

    private RandomFailures(long seed, boolean slowOnly) {
        this.slowOnly = slowOnly;
        AtomicLong threads = new AtomicLong(seed);
        randoms = ThreadLocal.withInitial(() -> new Random(threads.getAndAdd(0x9E3779B97F4A7C15L)));
    }

    /** Returns a behaviour that is only slow, and neither rejects calls nor throws. */
    static RandomFailures slow(long seed) {
        return new RandomFailures(seed, true);
    }

    /** Returns true once in the given number of times, on average. */
    boolean once(int in) {
        return !slowOnly && randoms.get().nextInt(in) == 0;
    }

    /** Widens a race window: not at all, by a spin, or by yielding to other threads. */
    void linger() {
        Random random = randoms.get();
        switch (random.nextInt(4)) {
            case 0 -> Awake.delay(random.nextInt(LONGEST_SPIN));
            case 1 -> {
                for (int n = random.nextInt(4); n >= 0; n--) {
                    Awake.turn();
                }
            }
            default -> {}
        }
    }

    /** Parks for 0 to 2 ms, once in the given number of times on average. */
    void nap(int in) {
        Random random = randoms.get();
        if (random.nextInt(in) == 0) {
            LockSupport.parkNanos(this, random.nextInt(LONGEST_NAP_NANOS));
        }
    }

    /** Throws once in the given number of times, on average. */
    void fail(int in) {
        if (once(in)) {
            throw new Planned();
        }
    }

    /** The exception that is thrown deliberately. */
    static final class Planned extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Planned() {
            super("planned", null, false, false);
        }
    }
}
