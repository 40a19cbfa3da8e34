// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

import java.util.concurrent.CompletableFuture;

/**
 * An asynchronous call of an {@link dev.samara.core.AddressSpace}, after its publication: {@link #result} is known at
 * once, and the future completes with that number when the call is complete. Only this library extends this class.
 *
 * <p>Until then the range is in flight. Operations there wait, and so do accesses to mappings that were moved there.
 * Lookups find the new layout already. A thread of the machine completes the future; it parks between two looks, for up
 * to a millisecond unless {@code MachineBuilder.housekeeping} says otherwise. With {@code invokedHousekeeping} a step
 * of the embedder completes it. It is complete from the beginning if there was nothing to wait for. It completes
 * exceptionally only if an {@code Error} or a backing's exception ended the work after publication, which changes
 * nothing of the result. No thread may wait for it that has a CPU in GUEST.
 */
public abstract class PendingCall extends CompletableFuture<Long> {
    /** Only for this library. */
    protected PendingCall() {}

    /**
     * Returns the result of the call, without waiting for its completion.
     *
     * @return the address or 0, as the synchronous form of the call returns it; or a negated errno. Nothing is in
     *     flight then and the future is complete, unless the call had moved some of several mappings before it failed
     */
    public abstract long result();
}
