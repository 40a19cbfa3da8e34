// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import dev.samara.core.internal.space.DroppablePages;
import dev.samara.core.internal.space.LowMemoryVictim;
import dev.samara.core.internal.space.PageTableReclaim;
import dev.samara.core.internal.space.ReapLeases;
import dev.samara.core.internal.space.Spaces;
import dev.samara.core.internal.trace.BegunEvent;
import dev.samara.core.internal.trace.Tracepoints;
import dev.samara.core.mman.Fault;

/**
 * Frees frames or page tables for a fault that found none: clean pages of files first, then mapped pages of host files,
 * then pages of droppable memory, and finally pages of a victim space that the machine chooses. {@code RegisteredPages}
 * determines the order of the pages of files. {@link Faulter} retries the fault. Called outside of all reader sections.
 */
final class FaultShortage {
    private final FaultState state;

    FaultShortage(FaultState state) {
        this.state = state;
    }

    /** Tries to free frames or tables. Returns false if a further call would be in vain. */
    boolean reclaim(int result, long address, int access) {
        BegunEvent recorded = Tracepoints.beginFault();
        boolean lacksFrame = result == FaultResult.EXHAUSTED;
        boolean isFreed = lacksFrame ? state.memory.reclaim() || drop() : reclaimTables();
        state.record(recorded, lacksFrame ? "no frame" : "no page table", address, access, FaultResult.AGAIN);
        return isFreed;
    }

    private boolean reclaimTables() {
        BegunEvent recorded = Tracepoints.beginReclaim();
        boolean isFreed = PageTableReclaim.reclaim(state.layout);
        Tracepoints.endReclaim(recorded, "page tables", isFreed ? 1 : 0, false);
        return isFreed;
    }

    /** Drops pages of droppable mappings; returns whether a frame was freed. */
    boolean drop() {
        BegunEvent recorded = Tracepoints.beginReclaim();
        boolean isFreed = DroppablePages.drop(state.layout.spaces(), state.memory);
        Tracepoints.endReclaim(recorded, "droppable pages", isFreed ? 1 : 0, false);
        return isFreed;
    }

    /** Returns how many reaps of victims have ended so far. */
    long reaps() {
        ReapLeases leases = state.layout.spaces().host().reapLeases();
        return leases == null ? 0 : leases.reaps();
    }

    /**
     * Returns the result of a fault for which reclaim did not suffice. Reaps a space first, if the machine is
     * configured to do so. If a space has reached its own limit of tables, no space is reaped.
     *
     * @return {@link Fault#OUT_OF_MEMORY}; {@link Fault#RETRY} while a space is being reaped; or {@link
     *     FaultResult#AGAIN} if a backing returned OUT_OF_MEMORY although a frame is free
     */
    int answer(int found) {
        Spaces spaces = state.layout.spaces();
        ReapLeases leases = spaces.host().reapLeases();
        int result = Fault.OUT_OF_MEMORY;
        if (leases != null && found == FaultResult.NO_TABLE) {
            result = state.table().charge().isAtLimit()
                    ? result
                    : LowMemoryVictim.shortageOfTables(spaces, leases, state.table());
        } else if (leases != null) {
            result = LowMemoryVictim.shortage(
                    spaces,
                    leases,
                    state.memory,
                    state.context.magazine(),
                    found == FaultResult.EXHAUSTED ? Fault.RETRY : FaultResult.AGAIN);
        }
        return result;
    }
}
