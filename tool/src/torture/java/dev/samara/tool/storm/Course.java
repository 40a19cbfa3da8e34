// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The course of a storm: its start, its end, and its working time. Time in which a CPU is stopped on purpose is not
 * working time, because an operation may wait for that CPU. Thread-safe.
 */
final class Course {
    final long seed;
    private final boolean keepsGoing;
    private final long begin = System.nanoTime();

    /**
     * Written: any thread (get-and-add).
     * Read: any thread (volatile).
     * Invariant: not 0 if a rule was broken.
     */
    private final AtomicInteger violations = new AtomicInteger();

    /**
     * Words: {@code over}, {@code stalled}.
     * Written: any thread (volatile).
     * Read: any thread (volatile).
     * Invariant: once set, no thread starts another step. {@code over} is cleared only between two acts, after all
     *     threads have ended.
     */
    private volatile boolean over;

    private volatile boolean stalled;

    /**
     * Words: {@code stoppedCpus}, {@code stoppedSince}, {@code stoppedNanos}.
     * Written: holder of its monitor (plain).
     * Read: holder of its monitor (plain).
     * Invariant: time in which a CPU is stopped does not count as working time.
     */
    @GuardedBy("this")
    private int stoppedCpus;

    @GuardedBy("this")
    private long stoppedSince;

    @GuardedBy("this")
    private long stoppedNanos;

    Course(long seed, boolean keepsGoing) {
        this.seed = seed;
        this.keepsGoing = keepsGoing;
    }

    /** Records progress of the calling thread. Returns whether the thread must take another step. */
    boolean goesOn() {
        if (Thread.currentThread() instanceof Member member) {
            member.progress(workedNanos());
        }
        return !over;
    }

    /**
     * Returns whether the storm is over. Called by a thread that waits for another thread, because this does not record
     * progress.
     */
    boolean isOver() {
        return over;
    }

    void end() {
        over = true;
    }

    /** Starts another act, if no rule was broken. */
    void resume() {
        over = isBroken();
    }

    /** Ends the storm at its first violation, unless it must continue. */
    void violated() {
        violations.incrementAndGet();
        if (!keepsGoing) {
            over = true;
        }
    }

    boolean isBroken() {
        return violations.get() != 0;
    }

    /** Ends the storm because a thread makes no progress. From now on, the storm waits for no thread. */
    void stall() {
        stalled = true;
        over = true;
    }

    boolean isStalled() {
        return stalled;
    }

    /** Returns the time since the start and the seed, for a message about a violation. */
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
