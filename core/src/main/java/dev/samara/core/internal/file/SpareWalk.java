// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.DiscardPages;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Keeps one idle {@code DiscardPages} walk for the evictions of all files of a machine's memory, so that evictions
 * create no garbage. Two concurrent evictions use two walks, of which only one is kept afterwards. Thread-safe.
 */
public final class SpareWalk {
    private final MachineMemory memory;

    /**
     * Written: an eviction that takes the walk (get-and-set), and an eviction that returns its walk (volatile).
     * Read: an eviction (get-and-set).
     * Pairs: with itself: an eviction sees the state in which the previous eviction left the walk.
     * Invariant: a walk that no operation uses, or null.
     */
    private final AtomicReference<@Nullable DiscardPages> idle = new AtomicReference<>();

    /** Creates a holder without a walk. */
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

    /** Returns a walk for reuse, after its close has succeeded. */
    void giveBack(DiscardPages walk) {
        idle.set(walk);
    }
}
