// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

/**
 * Who is told of a wait that lasts. Called by the thread that waits, while it holds no lock of this library's. What it
 * throws goes to that thread's uncaught exception handler, and the wait goes on.
 */
public interface Watch {
    /**
     * How long a wait may last before it is reported. Asked once per wait.
     *
     * @return nanoseconds
     */
    long reportAfterNanos();

    /**
     * Tells that a thread has waited for longer than {@link #reportAfterNanos}. Called at most once per wait.
     *
     * @param gate what it waits at
     * @param waiter the calling thread
     * @param waitedNanos how long it has waited so far
     */
    void waitsLong(Gate gate, Thread waiter, long waitedNanos);
}
