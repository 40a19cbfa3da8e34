// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.List;

/** The virtual time of a run, in nanoseconds. */
final class Clock {
    /** The time that a spin-wait hint takes. It is not 0, so that spins with a time limit end. */
    private static final long SPIN = 1_000;

    private long now = 1_000_000_000_000L;
    private long leapt;

    long now() {
        return now;
    }

    void spin() {
        now += SPIN;
    }

    /**
     * Advances the clock to the next deadline of a thread, and ends the waits whose deadlines passed.
     *
     * @param most the maximum sum of all leaps
     * @return false if no thread has a deadline, or if the leaps would exceed the maximum
     */
    boolean leap(List<SteppedThread> threads, long most) {
        long earliest = SteppedThread.NEVER;
        for (SteppedThread thread : threads) {
            if (!thread.finished) {
                earliest = Math.min(earliest, thread.deadline);
            }
        }
        long distance = Math.max(0, earliest - now);
        if (earliest == SteppedThread.NEVER || distance > most - leapt) {
            return false;
        }
        leapt += distance;
        now += distance;
        for (SteppedThread thread : threads) {
            thread.timedOut |= !thread.finished && thread.deadline <= now;
        }
        return true;
    }
}
