// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import org.jspecify.annotations.Nullable;

/**
 * A call that has to go on later: what {@link WaitingCalls} lists, and at once its place in that list, so that listing
 * it allocates nothing. {@link #run} goes on with the call, on a thread of the machine.
 */
public abstract class WaitingCall implements Runnable {
    /** The next one in the list. Belongs to whoever adds this, then to the thread that polls. */
    @Nullable
    WaitingCall next;

    /** Makes one that is not listed. */
    protected WaitingCall() {}

    /**
     * Whether the call can go on now. Called again and again by the thread that polls; must not wait for anything.
     *
     * @return true if so
     */
    protected abstract boolean isReady();
}
