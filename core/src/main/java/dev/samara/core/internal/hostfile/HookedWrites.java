// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Has the dirty pages of a file with hooks written in the background. A hook may wait, for other files too, so no
 * thread calls it that holds a lock of another file, or for which threads of other files wait: an eviction, a reclaim
 * and a balance of dirty pages give a task in place of a write. Thread-safe.
 */
final class HookedWrites {
    private final Executor tasks;
    private final Runnable write;

    /**
     * Whether a task is given that has not ended.
     *
     * @written a thread that would write pages of a file with hooks in the background (compare-and-set, true); the task
     *     when it ends, or that thread if it could not give the task (volatile, false)
     * @read by the exchange
     * @invariant whether a task is given that has not ended; there is at most one for each file
     */
    private final AtomicBoolean isGiven = new AtomicBoolean();

    /**
     * Describes the writes of a file.
     *
     * @param tasks runs what may block
     * @param write writes the dirty pages
     */
    HookedWrites(Executor tasks, Runnable write) {
        this.tasks = tasks;
        this.write = write;
    }

    /** Has a task write the dirty pages, unless one is given already. */
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
            // At the end: a hook that never returns has one thread. What became dirty in the meantime is found later.
            isGiven.set(false);
        }
    }
}
