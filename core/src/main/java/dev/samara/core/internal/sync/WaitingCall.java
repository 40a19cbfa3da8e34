// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import org.jspecify.annotations.Nullable;

/**
 * A call that continues later. It is its own place in the list of {@link Housekeeping}, so listing it allocates
 * nothing. {@link #run} continues the call, on a thread of the machine.
 */
public abstract class WaitingCall implements Runnable {
    /**
     * The next call in the list. Owned by the thread that adds this call, then by the housekeeping.
     *
     * @words {@code next}, {@code isListed}
     * @written {@code next} by the thread that adds the call, then by the thread that has set {@code isAsking} of
     *     {@code Housekeeping}, or by one that makes a step (monitor); {@code isListed} by the thread that adds the
     *     call (plain)
     * @read as written
     * @invariant the place of the call in one list; whether it was listed, for the thread that lists it only
     */
    @Nullable
    WaitingCall next;

    /**
     * Whether a call of {@link Housekeeping#add} has listed this call. Only for the thread of that call, after an
     * Error.
     */
    boolean isListed;

    /** Creates a call that is not listed. */
    protected WaitingCall() {}

    /** Prepares for {@link #isListed()}. Called before this call is listed. */
    protected final void beforeListing() {
        isListed = false;
    }

    /** Returns whether it has been listed since {@link #beforeListing}. For the thread of a listing that has thrown. */
    protected final boolean isListed() {
        return isListed;
    }

    /**
     * Returns whether the call can continue now. Called repeatedly by the housekeeping; must not wait.
     *
     * @return whether it is ready
     */
    protected abstract boolean isReady();

    /**
     * Returns whether {@link #run} may wait now, or call code of the embedder that may and that no operation waits for.
     * Called once the call is ready; must not wait or throw.
     *
     * @return whether it may
     */
    protected boolean mayWait() {
        return true;
    }
}
