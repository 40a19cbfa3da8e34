// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The course of a storm: its start, its end, and its working time. Time in which a CPU is stopped on purpose is not
 * working time: an operation may then wait for that CPU. For any thread.
 */
final class Course {
    final long seed;
    private final boolean keepsGoing;
    private final long begin = System.nanoTime();

    /**
     * @written any thread (get-and-add)
     * @read any thread (volatile)
     * @invariant not 0 if a rule is broken
     */
    private final AtomicInteger violations = new AtomicInteger();

    /**
     * @words {@code over}, {@code stalled}
     * @written any thread (volatile)
     * @read any thread (volatile)
     * @invariant once set, no thread begins another step. {@code over} is cleared between two acts only, when all
     *     threads have ended
     */
    private volatile boolean over;

    private volatile boolean stalled;

    /**
     * Guarded by this.
     *
     * @words {@code stoppedCpus}, {@code stoppedSince}, {@code stoppedNanos}
     * @written holder of its monitor (plain)
     * @read holder of its monitor (plain)
     * @invariant time in which a CPU is stopped does not count as time of work
     */
    private int stoppedCpus;

    private long stoppedSince;
    private long stoppedNanos;

    Course(long seed, boolean keepsGoing) {
        this.seed = seed;
        this.keepsGoing = keepsGoing;
    }

    /** Marks the progress of the calling thread. Returns whether the thread is to take another step. */
    boolean goesOn() {
        if (Thread.currentThread() instanceof Member member) {
            member.progress(workedNanos());
        }
        return !over;
    }

    /** Returns whether the storm is over. A thread that waits for another thread asks this, which marks no progress. */
    boolean isOver() {
        return over;
    }

    void end() {
        over = true;
    }

    /** Begins another act of a storm without a violation. */
    void resume() {
        over = isBroken();
    }

    /** Ends the storm at its first violation, unless it is to continue. */
    void violated() {
        violations.incrementAndGet();
        if (!keepsGoing) {
            over = true;
        }
    }

    boolean isBroken() {
        return violations.get() != 0;
    }

    /** Ends the storm: a thread makes no progress, and no thread is waited for any more. */
    void stall() {
        stalled = true;
        over = true;
    }

    boolean isStalled() {
        return stalled;
    }

    /** Returns the storm's progress, for a line about a violation. */
    String now() {
        return String.format(Locale.ROOT, "after %.3f s, --seed %d", (System.nanoTime() - begin) / 1e9, seed);
    }

    synchronized void stopsCpu() {
        if (stoppedCpus++ == 0) {
            stoppedSince = System.nanoTime();
        }
    }

    synchronized void resumesCpu() {
        if (--stoppedCpus == 0) {
            stoppedNanos += System.nanoTime() - stoppedSince;
        }
    }

    /** Returns the nanoseconds since the start, without the time in which a CPU was stopped on purpose. */
    synchronized long workedNanos() {
        long now = stoppedCpus == 0 ? System.nanoTime() : stoppedSince;
        return now - begin - stoppedNanos;
    }
}
