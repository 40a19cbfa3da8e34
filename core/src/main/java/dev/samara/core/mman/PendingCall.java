// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

import java.util.concurrent.CompletableFuture;

/**
 * An asynchronous call of an {@link dev.samara.core.AddressSpace}, after its publication: {@link #result} is available
 * immediately, and the future completes with that number when the call is complete. Only this library extends this
 * class.
 *
 * <p>Until then the range is in flight: operations there wait, and so do accesses to mappings that were moved there,
 * while lookups already find the new layout. One of the machine's threads completes the future; it parks between polls,
 * for up to a millisecond unless {@code MachineBuilder.housekeeping} configures otherwise. With {@code
 * invokedHousekeeping}, a housekeeping step that the embedder runs completes it. It is already complete when it is
 * returned if there was nothing to wait for. It completes exceptionally only if an {@code Error} or a backing's
 * exception ended the work after publication, which does not change the result. A thread with a CPU in GUEST must not
 * wait for it.
 */
public abstract class PendingCall extends CompletableFuture<Long> {
    /** Only for this library. */
    protected PendingCall() {}

    /**
     * Returns the result of the call, without waiting for its completion.
     *
     * @return the address or 0, as the synchronous form of the call returns it; or a negated errno. After an errno
     *     nothing is in flight and the future is complete, unless the call moved some of several mappings before it
     *     failed
     */
    public abstract long result();
}
