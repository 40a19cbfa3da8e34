// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

/**
 * A task that is retried, after pauses ({@link Backoff}), until it succeeds. Its failures are not reported here. The
 * thread that handed this task on already threw, or reports, the first failure, and later failures have the same cause.
 * Unlike a {@link RetriedCall}, the task keeps its thread during the pauses.
 */
public abstract class RetriedTask implements Runnable {
    /** Creates a task. */
    protected RetriedTask() {}

    /**
     * Makes one attempt. May be repeated after a failure, and then continues with the remaining steps.
     *
     * @return whether it succeeded; an exception is also a failure
     */
    protected abstract boolean attempt();

    /** Retries until an attempt succeeds. Allocates nothing between two attempts. */
    @Override
    public void run() {
        long pause = 0;
        while (!succeeds()) {
            pause = Backoff.afterFailure(pause);
            Pause.parkNanos(this, pause);
        }
    }

    private boolean succeeds() {
        try {
            return attempt();
        } catch (Throwable again) {
            return false;
        }
    }
}
