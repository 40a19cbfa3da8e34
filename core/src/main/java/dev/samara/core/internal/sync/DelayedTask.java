// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.util.concurrent.locks.LockSupport;

/**
 * A daemon thread that waits, runs one task, and ends. A timer of the JDK would need a thread that never ends. Refers
 * to nothing but the task, so a task that refers to its machine only weakly does not keep it alive. Thread-safe.
 */
public final class DelayedTask extends Thread {
    private final long dueNanos;
    private final Runnable task;

    /**
     * Written: any thread, true (volatile).
     * Read: the thread that waits, after each wake-up (volatile).
     * Invariant: never reset; once it is set, the task does not start, unless the wait was already over.
     */
    private volatile boolean isCancelled;

    private DelayedTask(long nanos, Runnable task) {
        // The task must not inherit the thread locals of the caller.
        super(null, null, "samara-timer", 0, false);
        this.task = task;
        dueNanos = System.nanoTime() + nanos;
        setDaemon(true);
    }

    /**
     * Starts the wait for a task.
     *
     * @param nanos the time after which the task runs, in nanoseconds
     * @param task the task; its exceptions go to the uncaught exception handler
     * @throws OutOfMemoryError if the thread cannot be started; the task then does not run
     */
    public static DelayedTask startAfter(long nanos, Runnable task) {
        DelayedTask started = new DelayedTask(nanos, task);
        started.start();
        return started;
    }

    /** Ends the wait without running the task. Does nothing if the task has started. */
    public void cancel() {
        isCancelled = true;
        LockSupport.unpark(this);
    }

    @Override
    public void run() {
        for (long left = dueNanos - System.nanoTime(); left > 0; left = dueNanos - System.nanoTime()) {
            if (isCancelled) {
                return;
            }
            Pause.parkNanos(this, left);
        }
        if (!isCancelled) {
            task.run();
        }
    }
}
