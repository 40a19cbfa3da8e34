// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

/**
 * Idle CPUs that stay in spaces. They wait there for a thread, and are users of the space as long as a reference to its
 * users is open.
 */
public interface IdleUsers {
    /** For a machine that has none. */
    IdleUsers NONE = (space, isLater) -> {};

    /**
     * Has those in a space leave it, of which no reference is open. Called after the count, by the thread that has
     * given the last reference up.
     *
     * @param space the lifetime of the space
     * @param isLater whether a thread of the machine tears the space down if the last user leaves; otherwise the
     *     calling thread does so if it may wait
     */
    void leave(Lifetime space, boolean isLater);
}
