// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.Report;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Magazine;
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
 * {@code mm/oom_kill.c}); {@code Faulter} reclaims and drops what it can first. The faulting thread picks the space
 * with the highest score, and housekeeping steps take its pages. At most one space is a victim at a time, until it is
 * empty or counts as impossible to empty. Thread-safe.
 */
public final class LowMemoryVictim {
    /** The stack for a shortage, in frames, once it is the only one; scores are not counted. */
    private static final int DEPTH = 24;

    private LowMemoryVictim() {}

    /**
     * Picks a victim and begins to take its pages, unless that is under way. Passes over the victim of a reap that has
     * ended no step for too long. Calls the score. Does not wait. The caller is in no reader section and holds no lock.
     *
     * @param spaces the spaces of the machine
     * @param leases its leases
     * @param memory the memory in which no frame is free
     * @param magazine the caller's
     * @param otherwise the result if there is a free frame again
     * @return {@link Fault#RETRY} while pages are being taken; {@link Fault#OUT_OF_MEMORY} if there is no victim; or
     *     {@code otherwise}
     */
    public static int shortage(
            Spaces spaces, ReapLeases leases, MachineMemory memory, Magazine magazine, int otherwise) {
        return shortage(spaces, leases, memory, () -> hasFrame(memory, magazine), otherwise);
    }

    /**
     * Does what {@link #shortage} does, where another page table would exceed the limit of the machine. The reap of a
     * victim unhooks the tables that it empties.
     *
     * @param spaces the spaces of the machine
     * @param leases its leases
     * @param table the page table that needs another one
     * @return {@link Fault#RETRY} while pages are being taken, or if there is room again; {@link Fault#OUT_OF_MEMORY}
     *     if there is no victim
     */
    public static int shortageOfTables(Spaces spaces, ReapLeases leases, PageTable table) {
        return shortage(spaces, leases, null, table.charge()::hasRoom, Fault.RETRY);
    }

    /**
     * Picks a victim.
     *
     * @param memory that of the victim; null for any
     * @param isOver tells whether the shortage is over
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
            // A long step that frees frames is none that hangs.
            return otherwise;
        }
        ReapLeases.ReapLease mine = new ReapLeases.ReapLease();
        // Of several threads one gets the lease.
        if (!leases.begin(before, mine)) {
            return Fault.RETRY;
        }
        BackgroundReap reap = null;
        try {
            if (before != null) {
                leases.giveUp(before);
            }
            // The last reap may have ended since the caller found none.
            if (isOver.getAsBoolean()) {
                return otherwise;
            }
            Layout victim = pick(spaces, leases, memory);
            // Again: the embedder may have ended a space when it was asked for scores.
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

    /** Makes a step if they are invoked: the caller tries again, and perhaps no other thread makes steps. */
    private static void step(MachineState host) {
        Housekeeping invoked = host.invoked();
        if (invoked != null && Cpus.mayWait()) {
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

    /** Returns the space with the highest score, of two equal ones the older; null if there is none. */
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

    /** Asks for the score of a space, unless it has nothing of what is short. */
    private static long scoreOf(Layout layout, ReapLeases leases, boolean lacksTables) {
        if (layout.memoryOrNull() == null) {
            return -1;
        }
        long resident = layout.pages().residents().count(Pte.ANONYMOUS_PAGE);
        int tables = layout.pages().tables();
        if ((lacksTables ? tables : resident) == 0) {
            return -1;
        }
        try {
            // As oom_badness adds mm_pgtables_bytes.
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
