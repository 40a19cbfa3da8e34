// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.Report;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Frames.Magazine;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.mman.Fault;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The last resort of a machine for a fault that finds no frame, or no room for a page table ({@code out_of_memory} in
 * {@code mm/oom_kill.c}); {@code Faulter} first reclaims and drops what it can. The faulting thread picks the space
 * with the highest score, and housekeeping steps take its pages. At most one space is a victim at a time, until it is
 * empty or counts as impossible to empty. Thread-safe.
 */
public final class LowMemoryVictim {
    /** The stack that handling a shortage needs, in frames, without the embedder's scores. */
    private static final int DEPTH = 24;

    private LowMemoryVictim() {}

    /**
     * Picks a victim and starts to take its pages, unless a reap is already running. Skips a victim if no step of its
     * reap ended for too long. Calls the embedder's score. Does not wait. The caller is not in a reader section and
     * holds no lock.
     *
     * @param spaces the spaces of the machine
     * @param leases the machine's leases
     * @param memory the memory in which no frame is free
     * @param magazine the caller's magazine
     * @param otherwise the result if there is a free frame again
     * @return {@link Fault#RETRY} while pages are being taken; {@link Fault#OUT_OF_MEMORY} if there is no victim; or
     *     {@code otherwise}
     */
    public static int shortage(
            Spaces spaces, ReapLeases leases, MachineMemory memory, Magazine magazine, int otherwise) {
        return shortage(spaces, leases, memory, () -> hasFrame(memory, magazine), otherwise);
    }

    /**
     * Does the same as {@link #shortage}, if another page table would exceed the machine's limit. The reap of a victim
     * unhooks the tables that it empties.
     *
     * @param spaces the spaces of the machine
     * @param leases the machine's leases
     * @param table the page table that needs another one
     * @return {@link Fault#RETRY} while pages are being taken, or if there is room again; {@link Fault#OUT_OF_MEMORY}
     *     if there is no victim
     */
    public static int shortageOfTables(Spaces spaces, ReapLeases leases, PageTable table) {
        return shortage(spaces, leases, null, table::hasTableRoom, Fault.RETRY);
    }

    /**
     * Picks a victim.
     *
     * @param memory the victim's memory; null for any
     * @param isOver returns whether the shortage is over
     */
    private static int shortage(
            Spaces spaces, ReapLeases leases, @Nullable MachineMemory memory, BooleanSupplier isOver, int otherwise) {
        StackReserve.check(DEPTH);
        ReapLeases.ReapLease before = leases.current();
        if (before != null && !leases.isStill(before)) {
            step(spaces.host());
            return Fault.RETRY;
        }
        if (before != null && isOver.getAsBoolean()) {
            // The reap has not had a step for long, but it does not hang if its current step frees frames.
            return otherwise;
        }
        ReapLeases.ReapLease mine = new ReapLeases.ReapLease();
        // Only one of several threads gets the lease.
        if (!leases.begin(before, mine)) {
            return Fault.RETRY;
        }
        BackgroundReap reap = null;
        try {
            if (before != null) {
                leases.giveUp(before);
            }
            // The last reap may have ended after the caller found no memory.
            if (isOver.getAsBoolean()) {
                return otherwise;
            }
            Layout victim = pick(spaces, leases, memory);
            // Checked again, because the embedder may have ended a space while it computed scores.
            if (isOver.getAsBoolean()) {
                return otherwise;
            }
            if (victim == null) {
                return Fault.OUT_OF_MEMORY;
            }
            reap = new BackgroundReap(leases, mine, victim);
            reap.begin();
            return Fault.RETRY;
        } finally {
            if (reap == null || !reap.isBegun()) {
                leases.end(mine);
            }
        }
    }

    /**
     * Runs a housekeeping step if the embedder runs the steps: the caller will retry its fault, and possibly no other
     * thread runs a step before that.
     */
    private static void step(MachineState host) {
        Housekeeping invoked = host.invoked();
        if (invoked != null && ThreadCpus.mayWait()) {
            invoked.stepWithin();
        }
    }

    private static boolean hasFrame(MachineMemory memory, Magazine magazine) {
        int frame = memory.frames().allocateDirty(magazine);
        if (frame == Frames.NONE) {
            return false;
        }
        memory.frames().drop(frame, magazine);
        return true;
    }

    /** Returns the space with the highest score, or the oldest of several with that score; null if there is none. */
    private static @Nullable Layout pick(Spaces spaces, ReapLeases leases, @Nullable MachineMemory memory) {
        Layout victim = null;
        long highest = -1;
        List<Layout> layouts = spaces.reapable(memory);
        for (int i = 0; i < layouts.size(); i++) {
            Layout layout = layouts.get(i);
            long scored = scoreOf(layout, leases, memory == null);
            if (scored > highest) {
                victim = layout;
                highest = scored;
            }
        }
        return victim;
    }

    /** Returns the embedder's score of a space; -1 if the space has none of the resource that is short. */
    private static long scoreOf(Layout layout, ReapLeases leases, boolean lacksTables) {
        if (layout.memoryOrNull() == null) {
            return -1;
        }
        long resident = layout.pages().residentPages(Pte.ANONYMOUS_PAGE);
        int tables = layout.pages().tables();
        if ((lacksTables ? tables : resident) == 0) {
            return -1;
        }
        try {
            // Includes the page tables, as oom_badness adds mm_pgtables_bytes.
            return leases.score(layout.lifetime().identity(), resident + tables);
        } catch (Throwable thrown) {
            layout.host()
                    .report(
                            Report.Kind.CALLBACK_FAILED,
                            "the score of space " + layout.lifetime().identity().number(),
                            thrown);
            return -1;
        }
    }
}
