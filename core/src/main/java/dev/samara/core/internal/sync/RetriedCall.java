// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import org.jspecify.annotations.Nullable;

/**
 * A waiting call whose steps may fail, and are retried after pauses ({@link Backoff}) until they succeed. Only the
 * first failure is reported, because later failures have the same cause. A later attempt reports it ({@link
 * #takeFailure}), because the thread that fails may have run out of stack or heap. Used only by the thread that
 * continues the call and, between two of its runs, by the housekeeping that polls whether it is ready.
 */
public abstract class RetriedCall extends WaitingCall {
    /**
     * The pause after the latest failure, in nanoseconds; 0 before the first failure.
     *
     * <p>Words: {@code pause}, {@code dueNanos}, {@code failure}.
     * Written: the one thread that continues the call: a batch of {@code RcuCallbacks}, a {@code SpaceEnd}, a {@code
     *     RetirementRun} (plain).
     * Read: that thread; between two of its runs, the thread that polls waiting calls (plain). The list of {@code
     *     Housekeeping} and the executor hand the fields on.
     * Invariant: the pause after the latest failure, and the first failure until it is reported.
     */
    private long pause;

    /** The end of the pause, as {@link System#nanoTime}; 0 if the latest step did not fail. */
    private long dueNanos;

    /** The exception of the first failed step, until it is reported. */
    private @Nullable Throwable failure;

    /** Creates a call that is in no list, and has not failed. */
    protected RetriedCall() {}

    /**
     * Records that a step failed, and starts the pause before the next attempt. Allocates nothing.
     *
     * @param thrown the exception of the step
     */
    protected final void failed(Throwable thrown) {
        boolean isFirst = pause == 0;
        postpone();
        if (isFirst) {
            failure = thrown;
        }
    }

    /** Starts the pause before the next attempt, for a step that could not be run. Such a step is not reported. */
    protected final void postpone() {
        pause = Backoff.afterFailure(pause);
        // Never 0, which means that there is no pause.
        dueNanos = System.nanoTime() + pause | 1;
    }

    /** Ends the pause, because an attempt starts. */
    protected final void attempting() {
        dueNanos = 0;
    }

    /** Records that the steps so far have succeeded. The next failure counts as a first one. */
    protected final void succeeded() {
        pause = 0;
    }

    /**
     * Returns whether a step has failed or was postponed, and no attempt has started since.
     *
     * @return whether there is a pause
     */
    protected final boolean isPostponed() {
        return dueNanos != 0;
    }

    /**
     * Returns whether no pause remains.
     *
     * @return whether an attempt may start
     */
    protected final boolean isDue() {
        return dueNanos == 0 || System.nanoTime() - dueNanos >= 0;
    }

    /**
     * Returns the failure to report, once.
     *
     * @return the exception; null if there is none, or it was taken
     */
    protected final @Nullable Throwable takeFailure() {
        Throwable first = failure;
        failure = null;
        return first;
    }
}
