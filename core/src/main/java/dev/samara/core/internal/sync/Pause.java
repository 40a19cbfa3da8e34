// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.util.concurrent.locks.LockSupport;

/**
 * The pauses of a thread between the attempts of a step, or between its checks of a word that another thread changes:
 * timed parks of a thread that continues after an interrupt, and their lengths, by exponential backoff. Each pause is
 * twice as long as the previous one, up to a longest one.
 *
 * <p>The caller keeps the latest pause, in nanoseconds, in a local variable or a field. 0 means that there has been no
 * pause yet, and the caller resets it to 0 after a success. So a backoff allocates nothing, which makes it usable when
 * the heap is full, and needs only the stack of a leaf call.
 */
public final class Pause {
    /* The pauses after failures, in nanoseconds. */
    private static final long SHORTEST_AFTER_FAILURE = 1_000_000;
    private static final long LONGEST_AFTER_FAILURE = 1_000_000_000;

    /*
     * The pauses between polls, in nanoseconds. The delay with which a poller notices a change is at most the time for
     * which it already waited.
     */
    private static final long SHORTEST_BETWEEN_POLLS = 1_000;
    private static final long LONGEST_BETWEEN_POLLS = 1_000_000;

    private Pause() {}

    /**
     * Returns the pause that follows another one.
     *
     * @param pause the latest pause in nanoseconds, or 0 if there was none
     * @param shortest the first pause in nanoseconds; positive
     * @param longest the longest pause in nanoseconds, at most half of {@link Long#MAX_VALUE}
     * @return the next pause in nanoseconds
     */
    public static long next(long pause, long shortest, long longest) {
        return pause == 0 ? shortest : Math.min(2 * pause, longest);
    }

    /**
     * Returns the pause before the next attempt of a step that failed: 1 ms, then up to 1 s.
     *
     * @param pause the latest pause in nanoseconds, or 0 if there was none
     * @return the next pause in nanoseconds
     */
    public static long afterFailure(long pause) {
        return next(pause, SHORTEST_AFTER_FAILURE, LONGEST_AFTER_FAILURE);
    }

    /**
     * Returns the pause before the next check of a word, or the next attempt to allocate: 1 microsecond, then up to 1
     * ms.
     *
     * @param pause the latest pause in nanoseconds, or 0 if there was none
     * @return the next pause in nanoseconds
     */
    public static long betweenPolls(long pause) {
        return next(pause, SHORTEST_BETWEEN_POLLS, LONGEST_BETWEEN_POLLS);
    }

    /**
     * Parks the calling thread for at most the given time, even if its interrupt flag is set. {@link
     * LockSupport#parkNanos(Object, long)} returns immediately in that case, so a loop of parks would spin. An
     * interrupt during the park may end it. The interrupt flag is never lost. Allocates nothing.
     *
     * @param blocker the object for which the thread waits, for monitoring tools
     * @param nanos the time in nanoseconds
     */
    public static void parkNanos(Object blocker, long nanos) {
        if (!Thread.interrupted()) {
            LockSupport.parkNanos(blocker, nanos);
            return;
        }
        try {
            long since = System.nanoTime();
            LockSupport.parkNanos(blocker, nanos);
            // The interrupt also left a permit, which may have ended the first park immediately.
            LockSupport.parkNanos(blocker, nanos - (System.nanoTime() - since));
        } finally {
            Thread.currentThread().interrupt();
        }
    }
}
