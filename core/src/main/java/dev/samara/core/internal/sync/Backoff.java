// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

/**
 * Exponential backoff: the pauses of a thread between the attempts of a step, or between its checks of a word that
 * another thread changes. Each pause is twice as long as the previous one, up to a longest one.
 *
 * <p>The caller keeps the latest pause, in nanoseconds, in a local variable or a field. 0 means that there has been no
 * pause yet, and the caller resets it to 0 after a success. So a backoff allocates nothing, which makes it usable when
 * the heap is full, and needs only the stack of a leaf call.
 */
public final class Backoff {
    /* The pauses after failures, in nanoseconds. */
    private static final long SHORTEST_AFTER_FAILURE = 1_000_000;
    private static final long LONGEST_AFTER_FAILURE = 1_000_000_000;

    /*
     * The pauses between polls, in nanoseconds. The delay with which a poller notices a change is at most the time for
     * which it already waited.
     */
    private static final long SHORTEST_BETWEEN_POLLS = 1_000;
    private static final long LONGEST_BETWEEN_POLLS = 1_000_000;

    private Backoff() {}

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
}
