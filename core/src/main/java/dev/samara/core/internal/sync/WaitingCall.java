// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import org.jspecify.annotations.Nullable;

/**
 * A call that continues later. It is its own node in the list of {@link Housekeeping}, so adding it allocates nothing.
 * {@link #run} continues the call, on a thread of the machine.
 */
public abstract class WaitingCall implements Runnable {
    /**
     * The next call in the list. Owned by the thread that adds this call, then by the housekeeping.
     *
     * <p>Words: {@code next}, {@code isListed}.
     * Written: {@code next} by the thread that adds the call, then by the thread that set {@code isAsking} of {@code
     *     Housekeeping}, or by a thread that runs a step (monitor); {@code isListed} by the thread that adds the call
     *     (plain).
     * Read: as written.
     * Invariant: the next call in the one list that contains this call; whether this call was added, only for the
     *     thread that adds it.
     */
    @Nullable
    WaitingCall next;

    /**
     * Whether {@link Housekeeping#add} added this call to the list. Read only by the thread that called {@code add},
     * after an Error.
     */
    boolean isListed;

    /** Creates a call that is in no list. */
    protected WaitingCall() {}

    /** Prepares for {@link #isListed()}. Called before this call is added to the list. */
    protected final void beforeListing() {
        isListed = false;
    }

    /**
     * Returns whether this call was added to the list since {@link #beforeListing}. Called by a thread if {@link
     * Housekeeping#add} threw an Error.
     */
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
     * Returns whether {@link #run} may wait now, or may call code of the embedder that may wait and that no operation
     * waits for. Called once the call is ready; must not wait or throw.
     *
     * @return whether it may
     */
    protected boolean mayWait() {
        return true;
    }
}
