// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

/**
 * Idle CPUs that stay in spaces. They wait there for a thread, and are users of the space as long as a reference to its
 * users is open.
 */
public interface IdleUsers {
    /** For a machine without idle CPUs. */
    IdleUsers NONE = (space, isLater) -> {};

    /**
     * Makes the idle CPUs in a space leave it, because no reference to its users is open. Called by the thread that
     * released the last reference, after it decremented the count.
     *
     * @param space the lifetime of the space
     * @param isLater whether a thread of the machine tears the space down if the last user leaves; otherwise the
     *     calling thread does so if it may wait
     */
    void leave(Lifetime space, boolean isLater);
}
