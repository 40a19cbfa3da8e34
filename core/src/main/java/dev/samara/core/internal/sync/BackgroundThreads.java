// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Counts the threads of a {@link Background}, and retries the start of a thread if it has failed. All calls hold the
 * lock of the {@link Background}. The attempts are not a {@link RetriedCall}, because the housekeeping that would retry
 * them needs the missing threads.
 */
final class BackgroundThreads {
    /** The maximum number of threads. */
    static final int MOST = 256;

    /* The pauses in nanoseconds between attempts to start a thread. */
    private static final long FIRST_PAUSE = 10_000_000;
    private static final long LONGEST_PAUSE = 1_000_000_000;

    /** Runs a task later, on a thread of its own, unless it loses the task. */
    interface Timer {
        /** Starts a thread for each task. */
        Timer OF_THREADS = DelayedTask::startAfter;

        /**
         * Runs a task later.
         *
         * @throws OutOfMemoryError if the task is lost, e.g. because the timer cannot start a thread either
         */
        void runAfter(long nanos, Runnable task);
    }

    private final Consumer<Thread> work;
    private final Runnable tryAgain;
    private final Timer timer;
    private int recruited;
    private int threads;

    /**
     * Whether the number of threads was at its bound, and this is not reported yet. Written under the lock, read
     * without it.
     *
     * <p>Written: holder of {@code lock} (volatile).
     * Read: a thread that tried to find a worker thread (volatile).
     * Invariant: set if the number of threads was at its bound, and this is not reported yet.
     */
    private volatile boolean isAtBound;

    private boolean isBoundReported;

    /** The pause before the next attempt; 0 while no attempt has failed. */
    private long pause;

    /**
     * Whether an attempt is scheduled. Written under the lock, read without it.
     *
     * <p>Written: holder of {@code lock} (volatile).
     * Read: holder of {@code lock}, and a thread that starts an operation or waits (volatile).
     * Invariant: set while the timer holds an attempt to start a thread, or has lost it. A reader that finds the field
     *     set takes {@code lock}, and makes the attempt if it is overdue.
     */
    private volatile boolean isToTryAgain;

    /** The time after which the timer must have lost the scheduled attempt, as {@link System#nanoTime}. */
    private long overdueNanos;

    /**
     * Creates a count of zero threads.
     *
     * @param work what each thread does until it ends
     * @param tryAgain tries again to find a thread after a failed attempt; the timer runs it, without the lock
     */
    BackgroundThreads(Consumer<Thread> work, Runnable tryAgain, Timer timer) {
        this.work = work;
        this.tryAgain = tryAgain;
        this.timer = timer;
    }

    /** Returns whether a thread is one of these threads. May be called by any thread, without the lock. */
    boolean contain(Thread thread) {
        return thread instanceof Worker worker && worker.isOf(this);
    }

    /**
     * Counts and returns another thread, which is not started. Returns null if there is no memory for it, or if the
     * number of threads is at its bound.
     */
    @Nullable
    Thread recruit() {
        if (threads >= MOST) {
            isAtBound = !isBoundReported;
            return null;
        }
        try {
            Thread recruit = new Worker(++recruited);
            threads++;
            return recruit;
        } catch (OutOfMemoryError exhausted) {
            tryLater();
            return null;
        }
    }

    /**
     * Subtracts a thread that could not be started. Returns whether this is the first failure since a thread last
     * started.
     */
    boolean startFailed() {
        threads--;
        boolean isFirst = pause == 0;
        tryLater();
        return isFirst;
    }

    void threadBegan() {
        pause = 0;
        // If the timer still holds an attempt, the attempt will find nothing to do.
        isToTryAgain = false;
    }

    void threadEnded() {
        threads--;
    }

    /**
     * Schedules another attempt on the timer, because there may be no thread. If the timer cannot start a thread
     * either, the attempt counts as lost.
     */
    private void tryLater() {
        if (!isToTryAgain) {
            pause = Backoff.next(pause, FIRST_PAUSE, LONGEST_PAUSE);
            overdueNanos = System.nanoTime() + pause;
            isToTryAgain = true;
            try {
                timer.runAfter(pause, tryAgain);
                overdueNanos += LONGEST_PAUSE;
            } catch (OutOfMemoryError lost) {
                // Not thrown: the caller need not wait for memory, because a later call makes the lost attempt.
                return;
            }
        }
    }

    /** Returns whether an attempt is scheduled. May be called by any thread, without the lock. */
    boolean isToTryAgain() {
        return isToTryAgain;
    }

    /**
     * Returns whether the timer lost the scheduled attempt, so that the caller must make it. If the caller's attempt
     * fails, another one must follow after the longest pause.
     */
    boolean takeOverdue() {
        long now = System.nanoTime();
        boolean isOverdue = isToTryAgain && now - overdueNanos > 0;
        if (isOverdue) {
            overdueNanos = now + LONGEST_PAUSE;
        }
        return isOverdue;
    }

    /** Forgets the scheduled attempt, because it is starting or there is nothing to do. */
    void forgetAttempt() {
        isToTryAgain = false;
    }

    /** Returns whether the bound is still to be reported. May be called by any thread, without the lock. */
    boolean isAtBound() {
        return isAtBound;
    }

    /** Returns whether the caller must report the bound, which is reported once. */
    boolean takeReport() {
        boolean isToReport = isAtBound;
        isAtBound = false;
        isBoundReported |= isToReport;
        return isToReport;
    }

    private final class Worker extends Thread {
        Worker(int number) {
            // The tasks of other callers must not inherit the thread locals of this caller.
            super(null, null, "samara-" + number, 0, false);
            setDaemon(true);
        }

        boolean isOf(BackgroundThreads threads) {
            return BackgroundThreads.this == threads;
        }

        @Override
        public void run() {
            work.accept(this);
        }
    }
}
