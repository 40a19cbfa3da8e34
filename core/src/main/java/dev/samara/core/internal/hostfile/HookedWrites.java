// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Writes the dirty pages of a file with hooks in the background. A hook may wait, even for other files. So it must not
 * be called by a thread that holds a lock of another file, or for which users of other files wait. For this reason, an
 * eviction, a reclaim and a balance of dirty pages submit a task instead of writing. Thread-safe.
 */
final class HookedWrites {
    private final Executor tasks;
    private final Runnable write;

    /**
     * Whether a submitted task has not ended yet.
     *
     * <p>Written: a thread that would write pages of a file with hooks in the background (compare-and-set, true); the
     *     task when it ends, or that thread if it could not submit the task (volatile, false).
     * Read: by the exchange.
     * Invariant: true while a submitted task has not ended; there is at most one per file.
     */
    private final AtomicBoolean isGiven = new AtomicBoolean();

    /**
     * Creates the background writes of a file.
     *
     * @param tasks runs tasks that may block
     * @param write writes the dirty pages
     */
    HookedWrites(Executor tasks, Runnable write) {
        this.tasks = tasks;
        this.write = write;
    }

    /** Submits a task that writes the dirty pages, unless one is submitted already. */
    void give() {
        if (!isGiven.compareAndSet(false, true)) {
            return;
        }
        boolean isTaken = false;
        try {
            tasks.execute(this::run);
            isTaken = true;
        } finally {
            if (!isTaken) {
                isGiven.set(false);
            }
        }
    }

    private void run() {
        try {
            write.run();
        } finally {
            // Reset at the end, so that a hook that never returns blocks only one thread. Pages that became dirty in
            // the meantime are found by a later task.
            isGiven.set(false);
        }
    }
}
