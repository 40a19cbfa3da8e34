// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import java.util.Arrays;

/**
 * The hold times of the layout lock of one space, as a histogram of nanoseconds.
 *
 * <p>Each power of two is divided into {@link #STEPS} buckets, so values are accurate to an eighth. Only the lock's
 * holder writes the histogram, so counting contends for no cache line except the lock's own. Only one hold in {@link
 * #PERIOD} is measured, because two clock reads cost as much as a short operation. The period is prime, so that a loop
 * of calls does not always sample the same call.
 */
final class LockHoldTimes {
    static final int PERIOD = 61;

    private static final int STEP_BITS = 3;
    private static final int STEPS = 1 << STEP_BITS;

    /**
     * Allocated at the first hold that is measured; guarded by the layout lock, as are the other fields.
     *
     * <p>Words: all fields.
     * Written: holder of the district's lock (plain).
     * Read: holder of the district's lock (plain).
     * Invariant: none. Counting contends for no cache line except the lock's own.
     */
    private long[] counts = {};

    private int holds;
    private long since;

    /** Starts a hold. Caller just took the lock. If there is no memory for the counts, the hold is not measured. */
    void begin() {
        // The number may exceed the period: a hold that failed to start is counted, but has no end that would reset the
        // number.
        if (++holds >= PERIOD) {
            holds = PERIOD;
            if (counts.length == 0) {
                allocate();
            }
            since = System.nanoTime();
        }
    }

    private void allocate() {
        try {
            counts = new long[Long.SIZE * STEPS];
        } catch (OutOfMemoryError none) {
            holds = 0;
        }
    }

    /** Ends a hold. Caller is about to unlock. Allocates nothing. */
    void end() {
        if (holds == PERIOD) {
            holds = 0;
            counts[bucket(Math.max(System.nanoTime() - since, 0))]++;
        }
    }

    /** Adds the counts of another lock of this space, whose holder calls this. Allocates nothing. */
    void add(LockHoldTimes other) {
        long[] more = other.counts;
        if (more.length != 0 && counts.length == 0) {
            counts = more;
            return;
        }
        for (int i = 0; i < more.length; i++) {
            counts[i] += more[i];
        }
    }

    long[] copy() {
        return Arrays.copyOf(counts, Long.SIZE * STEPS);
    }

    /**
     * Returns the bucket of a value. Each value below {@link #STEPS} has its own bucket; for higher values, the highest
     * bits select the bucket.
     */
    static int bucket(long nanos) {
        int magnitude = Long.SIZE - 1 - STEP_BITS - Long.numberOfLeadingZeros(nanos | STEPS - 1);
        return magnitude < 0 ? (int) nanos : (magnitude << STEP_BITS) + (int) (nanos >>> magnitude);
    }

    /** Returns the highest value that a bucket counts. */
    static long highest(int bucket) {
        int magnitude = Math.max(0, (bucket >>> STEP_BITS) - 1);
        long low = (long) (bucket - (magnitude << STEP_BITS)) << magnitude;
        return low + (1L << magnitude) - 1;
    }
}
