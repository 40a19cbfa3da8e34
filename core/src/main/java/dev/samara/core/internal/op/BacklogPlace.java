// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Rcu;
import org.jspecify.annotations.Nullable;

/**
 * An asynchronous operation's place in the bounded work of the machine's {@link Rcu}, from its start to its completion.
 * The operation occupies no place while it calls backings, because a backing may itself wait for a place.
 *
 * <p>Used by the thread of the operation, and after publication by the machine's thread that completes it.
 */
final class BacklogPlace {
    private final Rcu rcu;
    private boolean isTaken;

    private BacklogPlace(Rcu rcu) {
        this.rcu = rcu;
    }

    /** Returns a place that is not taken; null if no bound applies to the calls of this thread. */
    static @Nullable BacklogPlace of(Layout layout) {
        Rcu bound = boundOf(layout);
        return bound == null ? null : new BacklogPlace(bound);
    }

    /** Waits until a synchronous call may start; returns false if the settings say to refuse the call. */
    static boolean awaitRoom(Layout layout) {
        Rcu bound = boundOf(layout);
        return bound == null || bound.awaitRoom();
    }

    /** Returns null if there is no memory, or if the calling thread retires a range and so must not wait. */
    private static @Nullable Rcu boundOf(Layout layout) {
        MachineMemory memory = layout.memoryOrNull();
        return memory == null || InFlightOperation.retiring() != null ? null : memory.rcu();
    }

    /** Takes the place, possibly after a wait; returns false if the settings say to refuse the call. */
    boolean take() {
        isTaken = rcu.beginTask();
        return isTaken;
    }

    /** Releases the place if it is taken. */
    void leave() {
        if (isTaken) {
            isTaken = false;
            rcu.endTask();
        }
    }
}
