// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

/**
 * A task that is retried, after pauses ({@link Backoff}), until it succeeds, e.g. the end of an operation. Its failures
 * are not reported here. The thread that handed this task on already threw, or reports, the first failure, and later
 * failures have the same cause. Unlike a {@link Housekeeping.RetriedWaiter}, the task keeps its thread during the
 * pauses.
 */
public abstract class RetriedTask implements Runnable {
    /** Creates a task. */
    protected RetriedTask() {}

    /**
     * Makes one attempt. May be repeated after a failure, and then continues with the remaining steps.
     *
     * @return whether it succeeded; an exception is also a failure
     */
    public abstract boolean attempt();

    /** Releases the resources of the task, after an attempt of {@link #run} has succeeded. */
    protected void ended() {}

    /**
     * Returns whether the task waits only for CPUs, grace periods and memory, and calls no code of the embedder that
     * may wait for anything else. Then a thread that waits within an operation or a fault may run it, and may wait for
     * it.
     */
    protected boolean isPrompt() {
        return true;
    }

    /** Retries until an attempt succeeds. Allocates nothing between two attempts. */
    @Override
    public final void run() {
        long pause = 0;
        while (!succeeds()) {
            pause = Backoff.afterFailure(pause);
            Pause.parkNanos(this, pause);
        }
        ended();
    }

    private boolean succeeds() {
        try {
            return attempt();
        } catch (Throwable again) {
            return false;
        }
    }
}
