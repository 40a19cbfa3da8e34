// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

/**
 * Limits of one run.
 *
 * @param steps the most steps
 * @param patienceNanos the longest time by which the virtual clock may leap in all. It leaps where no thread can run,
 *     so long leaps mean that only time limits end a wait
 */
public record Limits(int steps, long patienceNanos) {
    /** Enough for a few operations of an address space. */
    public static final Limits DEFAULT = new Limits(200_000, 1_000_000_000L);
}
