// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import org.jspecify.annotations.Nullable;

/**
 * Receives reports of long waits. Called by the thread that waits, while it holds no lock of this library. An exception
 * goes to that thread's uncaught exception handler, and the wait continues.
 */
public interface WaitReporter {
    /** The usual time in nanoseconds between two calls of {@link #attendAgain}. */
    long ATTEND_NANOS = 10_000_000_000L;

    /**
     * Returns how long a wait may last before it is reported. Called once per wait.
     *
     * @return the time in nanoseconds
     */
    long reportAfterNanos();

    /**
     * Reports that a thread has waited for longer than {@link #reportAfterNanos}. Called at most once per wait.
     *
     * @param blocker what the thread waits for; messages contain its text
     * @param waiter the calling thread
     * @param waitedNanos how long it has waited so far, in nanoseconds
     */
    void waitsLong(Object blocker, Thread waiter, long waitedNanos);

    /**
     * Starts work of the machine that an Error stopped, because the wait may depend on it. Called every {@link
     * #attendEveryNanos} while the thread waits.
     */
    default void attendAgain() {}

    /**
     * Returns the time between two calls of {@link #attendAgain}. Called once per wait.
     *
     * @return the time in nanoseconds; ten seconds unless overridden
     */
    default long attendEveryNanos() {
        return ATTEND_NANOS;
    }

    /**
     * Returns the housekeeping whose steps the thread runs while it waits. Called once per wait.
     *
     * @return the housekeeping, or null if another thread runs the steps
     */
    default @Nullable Housekeeping invoked() {
        return null;
    }
}
