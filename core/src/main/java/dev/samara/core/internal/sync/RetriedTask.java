// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

/**
 * A task that is retried, after pauses ({@link Backoff}), until it succeeds. Drops its failures: its first one was
 * thrown, or is reported, by the thread that has handed this on, and later ones have no other cause. Keeps its thread
 * during the pauses; a {@link RetriedCall} does not.
 */
public abstract class RetriedTask implements Runnable {
    /** Creates a task. */
    protected RetriedTask() {}

    /**
     * Makes one attempt. May be repeated after a failure, and then continues with the remaining steps.
     *
     * @return whether it has succeeded; an exception is a failure, too
     */
    protected abstract boolean attempt();

    /** Attempts until one succeeds. Allocates nothing between two attempts. */
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
