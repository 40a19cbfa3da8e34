// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * Whether the calls of a machine find something special, which a call handles before it changes anything. One word, so
 * that a call reads one word where everything is as usual.
 *
 * <p>A source of special states stores its own state first, and then posts the notice:
 *
 * <ul>
 *   <li>{@link Housekeeping}, if an Error may have left a call listed without a thread that runs steps;
 *   <li>{@link Background}, if an attempt to start a thread is scheduled, or lost;
 *   <li>{@link Rcu}, which keeps the notice posted as long as the waiting work is at its bound.
 * </ul>
 *
 * <p>A call that finds the notice posted takes it, and then asks each source. A source whose state did not change by
 * that posts the notice again. No state gets lost: the stores and loads are volatile, so either the call that takes the
 * notice finds the state of the source, or the source posts after the notice was taken.
 *
 * <p>A call that finds no notice may go on without asking a source. What it might overlook was posted concurrently, or
 * another call has just taken it and handles it. A few calls may therefore start although the work is at its bound, and
 * a lost attempt may wait for the next call; each source permits both.
 */
public final class CallNotice {
    /**
     * Declared volatile and visible, because after an Error it is set without a call, for which no stack may be left.
     *
     * <p>Written: a source, after its own state (volatile); a call that takes the notice (volatile).
     * Read: a call before it starts, and a thread that adds a callback (volatile).
     * Pairs: with the state of each source, and with {@code kept}. A source stores its state, then this word. A call
     *     clears this word, then reads the states.
     * Invariant: set while a source is in a special state, except between the two steps of a call that takes the
     *     notice.
     */
    public volatile boolean isPosted;

    /**
     * The number of sources that keep the notice posted.
     *
     * <p>Written: a source (get-and-add).
     * Read: a call that takes the notice, before and after it clears {@code isPosted} (volatile).
     * Invariant: the number of sources whose state lasts.
     */
    private final AtomicInteger kept = new AtomicInteger();

    /** Creates a notice that is not posted. */
    public CallNotice() {}

    /** Keeps the notice posted until the caller releases it. */
    void keep() {
        kept.getAndIncrement();
        isPosted = true;
    }

    /** Ends a {@link #keep}. A later call clears the notice. */
    void release() {
        kept.getAndDecrement();
    }

    /** Clears the notice, unless a source keeps it. Called before the caller asks the sources. */
    public void take() {
        if (kept.get() == 0) {
            isPosted = false;
            // Pairs with a source that started to keep the notice in between.
            if (kept.get() != 0) {
                isPosted = true;
            }
        }
    }
}
