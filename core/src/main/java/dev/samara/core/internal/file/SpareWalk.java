// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.DiscardPages;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Keeps one idle {@code DiscardPages} walk for the evictions of all files of a memory, so that they make no garbage.
 * Two evictions at one time have two walks, of which one stays. Thread-safe.
 */
public final class SpareWalk {
    private final MachineMemory memory;

    /**
     * @written an eviction that takes the walk (get-and-set), and one that gives its own back (volatile)
     * @read an eviction (get-and-set)
     * @pairs with itself: what the last eviction has left in the walk is visible to the next one
     * @invariant a walk that no operation uses, or null
     */
    private final AtomicReference<@Nullable DiscardPages> idle = new AtomicReference<>();

    /** Makes an empty stock. */
    public SpareWalk(MachineMemory memory) {
        this.memory = memory;
    }

    /** Returns a walk for one operation of the calling thread, or null if no page-table context is free. */
    @Nullable
    DiscardPages beginOrNull() {
        DiscardPages known = idle.getAndSet(null);
        DiscardPages walk = known == null ? DiscardPages.atRest(memory, Pte.NONE) : known;
        if (walk.tryBegin()) {
            return walk;
        }
        idle.set(walk);
        return null;
    }

    /** Takes back a walk after a close that has not failed. */
    void giveBack(DiscardPages walk) {
        idle.set(walk);
    }
}
