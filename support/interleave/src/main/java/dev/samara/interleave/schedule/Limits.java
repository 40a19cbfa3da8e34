// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

/**
 * Limits of one run.
 *
 * @param steps the maximum number of steps
 * @param patienceNanos the maximum sum of the virtual clock's leaps. The clock leaps if no thread can run, so a larger
 *     sum means that only timeouts end a wait
 */
public record Limits(int steps, long patienceNanos) {
    /** Enough for a few operations of an address space. */
    public static final Limits DEFAULT = new Limits(200_000, 1_000_000_000L);
}
