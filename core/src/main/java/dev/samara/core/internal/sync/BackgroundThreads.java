// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The number of threads of a {@link Background}, and the attempts to start another one where that has failed. Guarded
 * by the lock of the {@link Background}. The attempts are not a {@link RetriedCall}: the housekeeping that would retry
 * them needs the threads that are missing.
 */
final class BackgroundThreads {
    /** The most threads there can be. */
    static final int MOST = 256;

    /* The pauses in nanoseconds between attempts to start a thread. */
    private static final long FIRST_PAUSE = 10_000_000;
    private static final long LONGEST_PAUSE = 1_000_000_000;

    /** Runs a task later, on a thread of its own, unless it loses the task. */
    interface Timer {
        /** The timer of the JDK. Its thread, like any, may end for want of memory. */
        Timer OF_JDK = (nanos, task) -> CompletableFuture.delayedExecutor(nanos, TimeUnit.NANOSECONDS, Runnable::run)
                .execute(task);

        void runAfter(long nanos, Runnable task);
    }

    private final Consumer<Thread> work;
    private final Runnable tryAgain;
    private final Timer timer;
    private int recruited;
    private int threads;

    /**
     * Whether the number of threads was at its bound and that is not reported yet. Written under the lock, read without
     * it.
     *
     * @written holder of {@code lock} (volatile)
     * @read a thread that has looked for a worker thread (volatile)
     * @invariant the number of threads was at its bound, and that is not reported yet
     */
    private volatile boolean isAtBound;

    private boolean isBoundReported;

    /** The pause before the next attempt; 0 while no attempt has failed. */
    private long pause;

    /**
     * Whether an attempt is scheduled. Written under the lock, read without it.
     *
     * @written holder of {@code lock} (volatile)
     * @read holder of {@code lock}, and a thread that begins an operation or waits (volatile)
     * @invariant the timer has, or has lost, an attempt to start a thread. A reader that finds it set takes {@code
     *     lock}, and makes the attempt if it is overdue
     */
    private volatile boolean isToTryAgain;

    /** The instant at which the timer has lost the attempt that is scheduled, as {@link System#nanoTime}. */
    private long overdueNanos;

    /**
     * Makes the count of no threads.
     *
     * @param work what each thread does until it ends
     * @param tryAgain looks for a thread again after a failed attempt; the timer runs it, without the lock
     */
    BackgroundThreads(Consumer<Thread> work, Runnable tryAgain, Timer timer) {
        this.work = work;
        this.tryAgain = tryAgain;
        this.timer = timer;
    }

    /** Starts the JDK's timer while threads can still be started. */
    void startTimer() {
        timer.runAfter(0, () -> {});
    }

    /** Returns whether a thread is one of these. For any thread, without the lock. */
    boolean contain(Thread thread) {
        return thread instanceof Worker worker && worker.isOf(this);
    }

    /**
     * Counts another thread, and returns it; it is not started. Returns null if there is no memory for it, or if the
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
     * Counts off a thread that could not be started. Returns whether that is the first failure since a thread began.
     */
    boolean startFailed() {
        threads--;
        boolean isFirst = pause == 0;
        tryLater();
        return isFirst;
    }

    void threadBegan() {
        pause = 0;
        // An attempt that the timer still has finds that there is nothing to do.
        isToTryAgain = false;
    }

    void threadEnded() {
        threads--;
    }

    /** Schedules another attempt on the timer, since there may be no thread. */
    private void tryLater() {
        if (!isToTryAgain) {
            pause = Backoff.next(pause, FIRST_PAUSE, LONGEST_PAUSE);
            timer.runAfter(pause, tryAgain);
            overdueNanos = System.nanoTime() + pause + LONGEST_PAUSE;
            isToTryAgain = true;
        }
    }

    /** Returns whether an attempt is scheduled. For any thread, without the lock. */
    boolean isToTryAgain() {
        return isToTryAgain;
    }

    /**
     * Returns whether the timer has lost the attempt that was scheduled, and the caller has to make it. If that fails,
     * another one has to be made after the longest pause.
     */
    boolean takeOverdue() {
        long now = System.nanoTime();
        boolean isOverdue = isToTryAgain && now - overdueNanos > 0;
        if (isOverdue) {
            overdueNanos = now + LONGEST_PAUSE;
        }
        return isOverdue;
    }

    /** Forgets the attempt that is scheduled: it begins, or there is nothing to do. */
    void forgetAttempt() {
        isToTryAgain = false;
    }

    /** For any thread, without the lock. */
    boolean isAtBound() {
        return isAtBound;
    }

    /** Returns whether the caller has to report the bound, which is reported once. */
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
