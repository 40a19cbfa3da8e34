// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.Report;
import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Frames.Magazine;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.DiscardPages;
import dev.samara.core.internal.pagewalk.DiscardPages.DroppedPages;
import dev.samara.core.internal.pagewalk.KeptPages;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.internal.trace.Tracepoints;
import dev.samara.core.internal.trace.Tracepoints.BegunEvent;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Fault;
import dev.samara.core.vma.VmaFlags;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * What a machine does for a fault that finds no frame, or no room for a page table, after {@code Faulter} reclaimed
 * what it can ({@code mm/oom_kill.c}). Thread-safe.
 *
 * <ol>
 *   <li>{@link #dropPages} drops pages of droppable mappings, one leaf of a page table at a time, and then those that
 *       checkpoints keep. Each thread frees the pages that it claimed.
 *   <li>{@link #shortage} is the last resort ({@code out_of_memory}), on a machine whose embedder scores its spaces.
 *       The faulting thread acquires the machine's <em>lease</em>, picks the space with the highest score, and lists a
 *       reap. Other threads that find no memory retry their faults. So at most one space is a victim at a time, until
 *       it is empty or counts as impossible to empty.
 *   <li>The reap runs in steps of the housekeeping ({@code oom_reap_task}), and ends the lease. If no step ended for
 *       {@link #LONGEST_STILL}, a thread that finds no memory takes over the lease and picks another victim.
 * </ol>
 */
public final class LowMemory {
    /**
     * In nanoseconds. If no step of a reap ends for this time, its victim counts as impossible to empty. Ten times the
     * longest pause between steps.
     */
    static final long LONGEST_STILL = 2_000_000_000;

    /** The stack that a drop needs after it claimed an entry, in frames. */
    private static final int DROP_DEPTH = 60;

    /** The stack that handling a shortage needs, in frames, without the embedder's scores. */
    private static final int DEPTH = 24;

    /** The embedder's score of a space. */
    @FunctionalInterface
    public interface Score {
        /**
         * Returns the score. May throw.
         *
         * @param space the space, which may have ended since its pages were counted
         * @param pages its private pages, with those that checkpoints keep, and its page tables
         * @return the score; negative for a space whose pages must stay
         */
        long of(Identity space, long pages);
    }

    /** The lease of one thread, for its search for a victim and then for the reap of that victim. */
    private static final class ReapLease {
        /**
         * The reap of the victim.
         *
         * <p>Written: the thread of the lease, once, before it adds the reap to {@code Housekeeping} (volatile).
         * Read: threads of faults (volatile).
         * Invariant: null while the thread looks for a victim; such a lease is not taken over.
         */
        private volatile @Nullable BackgroundReap reap;
    }

    private final MachineThreads machine;
    private final Score score;

    /**
     * The lease that is held; null if there is none.
     *
     * <p>Written: the thread of a fault that found no frame, from null or from a lease whose reap hangs
     *     (compare-and-set); that thread if there is no victim, or the thread of a step that ends a reap
     *     (compare-and-set).
     * Read: threads of faults, and threads that run steps (volatile).
     * Invariant: a lease is stored here once. While it is here, its thread is searching for a victim, or its reap is
     *     listed. The thread that removes it reports the end of its reap. A reap without its lease takes no more pages;
     *     only its last flush continues.
     */
    private final AtomicReference<@Nullable ReapLease> current = new AtomicReference<>();

    /**
     * How many reaps of a victim have ended.
     *
     * <p>Written: the thread that ends a lease, before it removes the lease (get-and-add).
     * Read: threads of faults (volatile).
     * Invariant: a thread that finds no lease has read a number that includes the last reap, if it reads the number
     *     afterwards.
     */
    private final AtomicLong reaps = new AtomicLong();

    /**
     * The clock that decides when a reap is due, and when it is given up; null for {@link System#nanoTime}.
     *
     * <p>Written: a test, before the first space exists (plain).
     * Read: threads of faults, and threads that run or request steps (plain).
     * Invariant: does not change once there is a space.
     */
    private @Nullable LongSupplier clock;

    LowMemory(MachineThreads machine, Score score) {
        this.machine = machine;
        this.score = score;
    }

    /**
     * Drops the droppable pages of one leaf of a page table, the first leaf found that contains any; or those that the
     * checkpoints of one space keep, if none of its leaves contains any. May wait for CPUs and for a grace period. Does
     * nothing if the thread must not wait. The caller is not in a reader section and holds no lock.
     *
     * <p>The spaces continue to run concurrently. The thread claims an entry, and before it empties the entry it checks
     * whether the page is pinned, whether the VMA was replaced, and whether the space has notifiers. If any of these is
     * the case, it restores the entry's page. It holds the leaf's lock throughout. So a mapping that replaces the VMA
     * keeps its pages, even while the operation that replaced the VMA is in flight. Nothing is dropped here from a
     * space with a notifier, because the notifier would have to be called and might wait. In such a space {@code
     * MADV_PAGEOUT} still drops pages. Pages that only a checkpoint keeps were removed from their entries, so their
     * notifiers were already called.
     *
     * @param spaces the spaces of the machine
     * @param memory the memory in which no frame is free
     * @return whether a frame was freed
     */
    public static boolean dropPages(Spaces spaces, MachineMemory memory) {
        if (!ThreadCpus.mayWait()) {
            return false;
        }
        List<Layout> layouts = spaces.inUse(memory);
        for (int i = 0; i < layouts.size(); i++) {
            Layout layout = layouts.get(i);
            if ((hasPages(layout) && drop(layout)) || dropKept(layout)) {
                return true;
            }
        }
        return false;
    }

    private static boolean hasPages(Layout layout) {
        layout.lock();
        try {
            return layout.hasDroppable();
        } finally {
            layout.unlock();
        }
    }

    private static boolean drop(Layout layout) {
        StackReserve.check(DROP_DEPTH);
        if (!layout.lifetime.context.tryHold()) {
            return false;
        }
        try (DiscardPages discarding = DiscardPages.orNull(layout.memory(), Pte.NONE)) {
            return discarding != null && dropFirst(layout, discarding);
        } finally {
            layout.lifetime.context.release();
        }
    }

    /** Drops droppable pages that checkpoints of a space keep. */
    private static boolean dropKept(Layout layout) {
        if (layout.pages().log() == null) {
            return false;
        }
        StackReserve.check(DROP_DEPTH);
        if (!layout.lifetime.context.tryHold()) {
            return false;
        }
        try {
            TlbGather gather = TlbGather.with(layout.memory(), null);
            if (!gather.tryResume()) {
                return false;
            }
            try (gather) {
                KeptPages kept = new KeptPages(layout.pages(), true);
                kept.begin();
                kept.takeUntilFull(gather);
                return kept.count() != 0;
            }
        } finally {
            layout.lifetime.context.release();
        }
    }

    private static boolean dropFirst(Layout layout, DiscardPages discarding) {
        VmArea vma = layout.before(layout.geometry.limit());
        boolean isDropped = false;
        while (vma != null && !isDropped && layout.notifiers().isEmpty()) {
            isDropped =
                    vma.has(VmaFlags.DROPPABLE) && !InFlightOperation.isInFlight(vma) && drop(layout, vma, discarding);
            vma = layout.before(vma.start());
        }
        return isDropped;
    }

    private static boolean drop(Layout layout, VmArea vma, DiscardPages discarding) {
        PageTable table = layout.pages();
        DroppedPages dropped = new DroppedPages(layout.memory().frames) {
            @Override
            protected boolean mustStay() {
                // Both are volatile reads, after the claim. The read of the detached mark pairs with VmArea.detach,
                // which happens before the next mapping installs a page here. The read of the notifiers pairs with the
                // registration of a notifier, which happens before its owner looks up pages.
                return vma.isDetached() || !layout.notifiers().isEmpty();
            }
        };
        AccessChecker.Revocation revocation = AccessChecker.beginIfChecked(
                layout.memory().accessChecker, "drop", AccessChecker.ALL, table.number(), vma.start(), vma.end());
        try {
            long at = table.nextLeaf(vma.start(), vma.end());
            // The discard also holds the page table, because a thread of the machine ends the discard if this thread
            // fails.
            while (at != vma.end() && dropped.count() == 0 && discarding.hold(table)) {
                long stop = table.leafEnd(at, vma.end());
                discarding.discard(table, at, stop, dropped);
                discarding.finish();
                at = stop == vma.end() ? stop : table.nextLeaf(stop, vma.end());
            }
            return dropped.count() != 0;
        } finally {
            if (revocation != null) {
                revocation.close();
            }
        }
    }

    /**
     * Returns how many reaps of a victim have ended. A fault that failed for lack of a frame may have failed before the
     * end of the last one.
     */
    public long reaps() {
        return reaps.get();
    }

    /**
     * Picks a victim and starts to take its pages, unless a reap is already running. Skips a victim if no step of its
     * reap ended for too long. Calls the embedder's score. Does not wait. The caller is not in a reader section and
     * holds no lock.
     *
     * @param spaces the spaces of the machine
     * @param memory the memory in which no frame is free
     * @param magazine the caller's magazine
     * @param otherwise the result if there is a free frame again
     * @return {@link Fault#RETRY} while pages are being taken; {@link Fault#OUT_OF_MEMORY} if there is no victim; or
     *     {@code otherwise}
     */
    public int shortage(Spaces spaces, MachineMemory memory, Magazine magazine, int otherwise) {
        return shortage(spaces, memory, () -> hasFrame(memory, magazine), otherwise);
    }

    /**
     * Does the same as {@link #shortage}, if another page table would exceed the machine's limit. The reap of a victim
     * unhooks the tables that it empties.
     *
     * @param spaces the spaces of the machine
     * @param table the page table that needs another one
     * @return {@link Fault#RETRY} while pages are being taken, or if there is room again; {@link Fault#OUT_OF_MEMORY}
     *     if there is no victim
     */
    public int shortageOfTables(Spaces spaces, PageTable table) {
        return shortage(spaces, null, table::hasTableRoom, Fault.RETRY);
    }

    /**
     * Picks a victim.
     *
     * @param memory the victim's memory; null for any
     * @param isOver returns whether the shortage is over
     */
    private int shortage(Spaces spaces, @Nullable MachineMemory memory, BooleanSupplier isOver, int otherwise) {
        StackReserve.check(DEPTH);
        ReapLease before = current.get();
        if (before != null && !isStill(before)) {
            step(spaces.host);
            return Fault.RETRY;
        }
        if (before != null && isOver.getAsBoolean()) {
            // The reap has not had a step for long, but it does not hang if its current step frees frames.
            return otherwise;
        }
        ReapLease mine = new ReapLease();
        // Only one of several threads gets the lease.
        if (!current.compareAndSet(before, mine)) {
            return Fault.RETRY;
        }
        BackgroundReap reap = null;
        try {
            if (before != null) {
                giveUp(before);
            }
            // The last reap may have ended after the caller found no memory.
            if (isOver.getAsBoolean()) {
                return otherwise;
            }
            Layout victim = pick(spaces, memory);
            // Checked again, because the embedder may have ended a space while it computed scores.
            if (isOver.getAsBoolean()) {
                return otherwise;
            }
            if (victim == null) {
                return Fault.OUT_OF_MEMORY;
            }
            reap = new BackgroundReap(mine, victim);
            reap.begin();
            return Fault.RETRY;
        } finally {
            if (reap == null || !reap.isBegun()) {
                end(mine);
            }
        }
    }

    /**
     * Runs a housekeeping step if the embedder runs the steps: the caller will retry its fault, and possibly no other
     * thread runs a step before that.
     */
    private static void step(MachineState host) {
        Housekeeping invoked = host.threads.invoked();
        if (invoked != null && ThreadCpus.mayWait()) {
            invoked.stepWithin();
        }
    }

    private static boolean hasFrame(MachineMemory memory, Magazine magazine) {
        int frame = memory.frames.allocateDirty(magazine);
        if (frame == Frames.NONE) {
            return false;
        }
        memory.frames.drop(frame, magazine);
        return true;
    }

    /** Returns the space with the highest score, or the oldest of several with that score; null if there is none. */
    private @Nullable Layout pick(Spaces spaces, @Nullable MachineMemory memory) {
        Layout victim = null;
        long highest = -1;
        List<Layout> layouts = spaces.reapable(memory);
        for (int i = 0; i < layouts.size(); i++) {
            Layout layout = layouts.get(i);
            long scored = scoreOf(layout, memory == null);
            if (scored > highest) {
                victim = layout;
                highest = scored;
            }
        }
        return victim;
    }

    /** Returns the embedder's score of a space; -1 if the space has none of the resource that is short. */
    private long scoreOf(Layout layout, boolean lacksTables) {
        if (layout.memoryOrNull() == null) {
            return -1;
        }
        long privatePages = Reap.privatePages(layout);
        int tables = layout.pages().tables();
        if ((lacksTables ? tables : privatePages) == 0) {
            return -1;
        }
        try {
            // Includes the page tables, as oom_badness adds mm_pgtables_bytes.
            return score.of(layout.lifetime.identity, privatePages + tables);
        } catch (Throwable thrown) {
            layout.host.report(
                    Report.Kind.CALLBACK_FAILED, "the score of space " + layout.lifetime.identity.number(), thrown);
            return -1;
        }
    }

    /** Ends a lease, and lets the next shortage pick a victim. Returns false if another thread took it over. */
    private boolean end(ReapLease lease) {
        if (lease.reap != null) {
            reaps.incrementAndGet();
        }
        return current.compareAndSet(lease, null);
    }

    /** Returns whether no step of the reap has ended for so long that the machine must not wait for it any more. */
    private boolean isStill(ReapLease lease) {
        BackgroundReap reap = lease.reap;
        return reap != null && nanos() - reap.steppedNanos >= LONGEST_STILL;
    }

    /**
     * Makes the machine skip the victim, and reports that its pages were not all taken. Called by the thread that took
     * over the lease.
     */
    private void giveUp(ReapLease lease) {
        BackgroundReap reap = lease.reap;
        if (reap != null) {
            reap.layout.skipReap();
            machine.report(reap.left);
        }
    }

    /** Returns the time of the clock, in nanoseconds. */
    private long nanos() {
        LongSupplier other = clock;
        return other == null ? System.nanoTime() : other.getAsLong();
    }

    /** Replaces the clock by a test's. A seam, called before the first space exists. */
    void timeBy(LongSupplier nanos) {
        clock = nanos;
    }

    /**
     * The reap of a victim, in steps of the housekeeping. A step never waits: one step starts the flush of a VMA, and
     * later steps poll it.
     *
     * <p>A victim counts as impossible to empty after {@link Reap#MOST_PASSES} incomplete passes, or after as many
     * pauses in which CPUs have not acknowledged the same flush. The machine then chooses another victim. A flush still
     * pending at that time is polled until it is done, and its frames are freed. The machine also chooses another
     * victim if no step has ended for some time, because a notifier does not return or the embedder runs no steps. A
     * thread that finds no free frame decides this.
     */
    private final class BackgroundReap extends Housekeeping.Waiter {
        private final ReapLease lease;
        private final Layout layout;
        private final Reap reap;

        /* Created before the victim is touched, so that a lack of memory cannot lose a report. */
        private final Report taken;
        private final Report left;

        /*
         * Used by the thread that starts the reap, and then by one thread of the machine at a time, which runs a step.
         */

        /** The number of incomplete passes. */
        private int passes;

        /** The number of pauses in which the pending flush did not complete or a step failed. */
        private int waits;

        /** {@link Reap#flushes} after the last step. */
        private int flushes;

        private long dueNanos;

        /**
         * The end of the latest step, or the start of the reap, by the clock.
         *
         * <p>Written: the thread that starts the reap, and each thread that ran a step (volatile).
         * Read: threads of faults (volatile).
         * Invariant: a hint. A reap that is given up while a step is running takes no more pages after that step.
         */
        private volatile long steppedNanos;

        /** Whether the latest step was skipped because its thread must not wait. */
        private boolean isRefused;

        /** Whether the machine may choose another victim. */
        private boolean isOver;

        /** Whether all pages that can be taken were taken. */
        private boolean isComplete;

        /** The flight recorder's event of this reap; null if the reap is not recorded. */
        private @Nullable BegunEvent recorded;

        /** The report of the reap's end that is still to be sent; null if there is none. */
        private @Nullable Report toReport;

        /**
         * Prepares a reap, without effect.
         *
         * @param lease the lease, which ends with the reap
         * @param layout the victim's layout
         */
        BackgroundReap(ReapLease lease, Layout layout) {
            this.lease = lease;
            this.layout = layout;
            reap = new Reap(layout);
            String pages = "the private pages of " + reap.identity();
            taken = new Report(Report.Kind.SPACE_REAPED, pages + " were taken, since no frame was free", null);
            left = new Report(
                    Report.Kind.SPACE_REAPED, pages + " could not all be taken, though no frame is free", null);
            dueNanos = nanos();
            steppedNanos = dueNanos;
        }

        /**
         * Holds the space's page table, and adds the first step to {@code Housekeeping}, unless the space has ended.
         */
        void begin() {
            lease.reap = this;
            beforeListing();
            if (!layout.lifetime.context.tryHold()) {
                return;
            }
            try {
                recorded = Tracepoints.beginReap(
                        layout.lifetime.identity.number(), Reap.privatePages(layout), "a fault that found no memory");
                layout.host.threads.housekeeping.add(this);
            } catch (Throwable thrown) {
                if (!isBegun()) {
                    layout.lifetime.context.release();
                }
                throw thrown;
            }
        }

        /**
         * Returns whether the first step was added to {@code Housekeeping}. Called by the thread that called {@link
         * #begin}, even if that call threw.
         */
        boolean isBegun() {
            return isListed();
        }

        @Override
        protected boolean isReady() {
            return isDue() || (!isRefused && reap.isReady());
        }

        /**
         * Returns whether the space has notifiers, because only these may make a step wait. They are permitted to,
         * because no operation waits for a reap.
         */
        @Override
        protected boolean mayWait() {
            return !layout.notifiers().isEmpty();
        }

        @Override
        public void run() {
            boolean isEnded = false;
            try {
                isEnded = advance();
            } finally {
                // Listed again even after an Error, because no other thread would continue the reap.
                if (!isEnded) {
                    layout.host.threads.housekeeping.add(this);
                }
            }
        }

        /** Runs a step. Returns whether it was the last one. */
        private boolean advance() {
            // A thread that invokes steps may be in GUEST or in a callback, for example, and then must not wait.
            // Another thread continues the reap; the skipped step does not count as a pause.
            isRefused = !layout.host.threads.mayWaitHere();
            if (isRefused) {
                pause(1);
                return false;
            }
            // Another thread may have taken over the lease.
            isOver |= current.get() != lease;
            if (isOver) {
                endFlush();
            } else {
                judge(step());
            }
            steppedNanos = nanos();
            report();
            if (isOver && !reap.isFlushing()) {
                reap.close();
                Tracepoints.endReap(recorded, Reap.privatePages(layout), passes, isComplete);
                layout.lifetime.context.release();
                return true;
            }
            return false;
        }

        private Reap.Progress step() {
            try {
                return reap.advance(true);
            } catch (Throwable failed) {
                // Retried, as after a wait. Not reported, because there may be no memory for a report.
                return Reap.Progress.WAITS;
            }
        }

        private void endFlush() {
            pause(1);
            try {
                if (reap.isFlushing()) {
                    reap.endFlush();
                }
            } catch (Throwable failed) {
                // Retried until it succeeds, because otherwise the frames would be lost.
                pause(Reap.MOST_PASSES);
            }
        }

        private void judge(Reap.Progress progress) {
            if (progress == Reap.Progress.DONE) {
                end(true);
                return;
            }
            if (progress == Reap.Progress.INCOMPLETE) {
                passes++;
                waits = 0;
                pause(passes);
            } else if (reap.flushes() != flushes) {
                flushes = reap.flushes();
                waits = 0;
                pause(1);
            } else if (isDue()) {
                waits++;
                pause(waits);
            }
            if (passes == Reap.MOST_PASSES || waits == Reap.MOST_PASSES) {
                end(false);
            }
        }

        private boolean isDue() {
            return nanos() - dueNanos >= 0;
        }

        private void pause(int attempts) {
            dueNanos = nanos() + Reap.pauseAfter(attempts);
        }

        /** Lets the machine choose another victim. The thread that ends the lease reports the end. */
        private void end(boolean isDone) {
            layout.skipReap();
            isOver = true;
            isComplete = isDone;
            if (LowMemory.this.end(lease)) {
                toReport = isDone ? taken : left;
            }
        }

        private void report() {
            Report report = toReport;
            if (report != null) {
                layout.host.threads.report(report);
                // Cleared last: if the report throws an Error, the next step sends it again.
                toReport = null;
            }
        }

        @Override
        public String toString() {
            return "the reaping of " + reap.identity();
        }
    }
}
