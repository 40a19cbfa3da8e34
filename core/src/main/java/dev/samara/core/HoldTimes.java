// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.space.District.LockHoldTimes;

/**
 * A snapshot of the histogram of a space's layout lock hold times.
 *
 * <p>A fixed fraction of the holds is measured, about one in sixty. The error of a value is at most an eighth of the
 * value.
 */
@Experimental
public final class HoldTimes {
    private final long[] counts;
    private final long total;

    HoldTimes(long[] counts) {
        this.counts = counts;
        long sum = 0;
        for (long count : counts) {
            sum += count;
        }
        total = sum;
    }

    /**
     * Returns how many holds were measured.
     *
     * @return the number
     */
    public long count() {
        return total;
    }

    /**
     * Returns the longest measured hold.
     *
     * @return nanoseconds, rounded up by at most an eighth; 0 if none was measured
     */
    public long max() {
        return atPercentile(100);
    }

    /**
     * Returns the time within which a fraction of the measured holds ended.
     *
     * @param percentile above 0, at most 100
     * @return nanoseconds, rounded up by at most an eighth; 0 if none was measured
     * @throws IllegalArgumentException if {@code percentile} is not above 0 and at most 100
     */
    public long atPercentile(double percentile) {
        if (!(percentile > 0 && percentile <= 100)) {
            throw new IllegalArgumentException("percentile " + percentile + " is not above 0 and at most 100");
        }
        // Multiplying first keeps the result exact if it is a whole number.
        double wanted = total * percentile / 100;
        long seen = 0;
        for (int bucket = 0; bucket < counts.length; bucket++) {
            seen += counts[bucket];
            if (counts[bucket] != 0 && seen >= wanted) {
                return LockHoldTimes.highest(bucket);
            }
        }
        return 0;
    }

    /** Returns the number, the median, the 99th percentile and the maximum of the holds as text. */
    @Override
    public String toString() {
        return count() + " holds, median " + atPercentile(50) + " ns, 99 % " + atPercentile(99) + " ns, longest "
                + max() + " ns";
    }
}
