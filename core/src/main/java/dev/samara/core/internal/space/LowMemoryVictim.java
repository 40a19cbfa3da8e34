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
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The last resort of a machine for a fault that finds no frame, or no room for a page table ({@code out_of_memory} in
 * {@code mm/oom_kill.c}); {@code Faulter} has reclaimed and dropped what it can before. The thread of the fault picks
 * the space with the highest score, and steps of the housekeeping take its pages. One space is a victim at a time,
 * until it is emptied or counts as one that cannot be emptied. Thread-safe.
 */
public final class LowMemoryVictim {
    /** The embedder's score of a space. */
    @FunctionalInterface
    public interface Score {
        /**
         * Returns the score. May throw.
         *
         * @param layout the space
         * @param pages its private pages and page tables
         * @return the score; negative for a space whose pages must stay
         */
        long of(Layout layout, long pages);
    }

    /** The stack for a shortage, in frames, once it is the only one; scores are not counted. */
    private static final int DEPTH = 24;

    private final MachineState host;
    private final Score score;

    /** The turn that is under way; null for none. */
    private final AtomicReference<@Nullable ReapTurn> current = new AtomicReference<>();

    /** Tells when a reap is due, and when it is given up; null for the clock of the system. */
    private @Nullable LongSupplier clock;

    /** The search of one thread for a victim, and then the reap of the victim. */
    static final class ReapTurn {
        /** Null during the search. */
        private volatile @Nullable BackgroundReap reap;

        /** Returns whether the reap makes no progress, so that another thread may take the turn over. */
        private boolean isStill() {
            BackgroundReap begun = reap;
            return begun != null && begun.isStill();
        }

        /** Ends a turn that this thread has taken over. */
        private void giveUp() {
            BackgroundReap begun = reap;
            if (begun != null) {
                begun.giveUp();
            }
        }
    }

    LowMemoryVictim(MachineState host, Score score) {
        this.host = host;
        this.score = score;
    }

    /**
     * Picks a victim and begins to take its pages, unless that is under way. Passes over the victim of a reap that has
     * ended no step for too long. Calls the score. Does not wait. The caller is in no reader section and holds no lock.
     *
     * @param memory the memory in which no frame is free
     * @param magazine the caller's
     * @param otherwise the result if there is a free frame again
     * @return {@link Fault#RETRY} while pages are being taken; {@link Fault#OUT_OF_MEMORY} if there is no victim; or
     *     {@code otherwise}
     */
    public int shortage(MachineMemory memory, Magazine magazine, int otherwise) {
        return shortage(memory, () -> hasFrame(memory, magazine), otherwise);
    }

    /**
     * Does what {@link #shortage} does, where another page table would exceed the limit of the machine. The reap of a
     * victim unhooks the tables that it empties.
     *
     * @param table the page table that needs another one
     * @return {@link Fault#RETRY} while pages are being taken, or if there is room again; {@link Fault#OUT_OF_MEMORY}
     *     if there is no victim
     */
    public int shortageOfTables(PageTable table) {
        return shortage(null, table::hasRoom, Fault.RETRY);
    }

    /**
     * Picks a victim.
     *
     * @param memory that of the victim; null for any
     * @param isOver tells whether the shortage is over
     */
    private int shortage(@Nullable MachineMemory memory, BooleanSupplier isOver, int otherwise) {
        StackReserve.check(DEPTH);
        ReapTurn before = current.get();
        if (before != null && !before.isStill()) {
            step();
            return Fault.RETRY;
        }
        if (before != null && isOver.getAsBoolean()) {
            // A long step that frees frames is none that hangs.
            return otherwise;
        }
        ReapTurn mine = new ReapTurn();
        // Of several threads one takes the turn.
        if (!current.compareAndSet(before, mine)) {
            return Fault.RETRY;
        }
        BackgroundReap reap = null;
        try {
            if (before != null) {
                before.giveUp();
            }
            // The last reap may have ended since the caller found none.
            if (isOver.getAsBoolean()) {
                return otherwise;
            }
            Layout victim = pick(memory);
            // Again: the embedder may have ended a space when it was asked for scores.
            if (isOver.getAsBoolean()) {
                return otherwise;
            }
            if (victim == null) {
                return Fault.OUT_OF_MEMORY;
            }
            reap = new BackgroundReap(this, mine, victim);
            mine.reap = reap;
            reap.begin();
            return Fault.RETRY;
        } finally {
            if (reap == null || !reap.isBegun()) {
                end(mine);
            }
        }
    }

    /** Makes a step if they are invoked: the caller tries again, and perhaps no other thread makes steps. */
    private void step() {
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
    private @Nullable Layout pick(@Nullable MachineMemory memory) {
        Layout victim = null;
        long highest = -1;
        List<Layout> spaces = host.spaces().reapable(memory);
        for (int i = 0; i < spaces.size(); i++) {
            Layout layout = spaces.get(i);
            long scored = scoreOf(layout, memory == null);
            if (scored > highest) {
                victim = layout;
                highest = scored;
            }
        }
        return victim;
    }

    /** Asks for the score of a space, unless it has nothing of what is short. */
    private long scoreOf(Layout layout, boolean lacksTables) {
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
            return score.of(layout, resident + tables);
        } catch (Throwable thrown) {
            host.report(
                    Report.Kind.CALLBACK_FAILED,
                    "the score of space " + layout.lifetime().identity().number(),
                    thrown);
            return -1;
        }
    }

    /** Returns whether a turn is under way: no thread has ended it, or taken it over. */
    boolean has(ReapTurn turn) {
        return current.get() == turn;
    }

    /** Ends a turn, and lets the next shortage pick a victim. Returns false if another thread has taken it over. */
    boolean end(ReapTurn turn) {
        return current.compareAndSet(turn, null);
    }

    /** Returns the time of the clock, in nanoseconds. */
    long nanos() {
        LongSupplier other = clock;
        return other == null ? System.nanoTime() : other.getAsLong();
    }

    /** Has a test's clock tell the time. A seam, called before there is a space. */
    void timeBy(LongSupplier nanos) {
        clock = nanos;
    }
}
