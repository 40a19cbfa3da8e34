// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.Report;
import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.KeptPages;
import dev.samara.core.internal.pagewalk.LeafWalks;
import dev.samara.core.internal.pagewalk.PageWalk;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.Pause;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.internal.trace.Tracepoints;
import dev.samara.core.internal.trace.Tracepoints.BegunEvent;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.VmaFlags;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Takes the private pages from a space whose threads continue to run ({@code __oom_reap_task_mm}). Used by one thread
 * at a time.
 *
 * <p>A pass has these steps:
 *
 * <ol>
 *   <li>The space is marked {@linkplain Layout#isUnstable unstable}, under the layout lock. A fault that installs a
 *       private page checks the mark under the lock of its leaf, and the passes below take these locks. So either the
 *       pass finds the page, or the fault finds the mark. If a fork is copying pages, the pass ends immediately,
 *       because the child would miss pages.
 *   <li>The checkpoints of the space are lost, and the frames that they keep are taken ({@link KeptPages}).
 *   <li>The private anonymous VMAs are walked from the top address down. For each one, the pass empties the entries,
 *       flushes the range, calls the notifiers and frees the frames before it looks up the next one. Locked VMAs are
 *       left alone. The pass skips a VMA of an operation in flight, and the rest of a VMA that is replaced
 *       concurrently.
 *   <li>The pass is complete if it skipped nothing, if no move was published during the pass (moved pages may evade the
 *       walk), and if no operation in flight still has pages to free.
 * </ol>
 *
 * <p>The caller retries an incomplete pass. Two reaps of a space may run concurrently, and so may a teardown of the
 * space. Each flushes and frees only the pages that it took itself, and does not wait for the others. The caller holds
 * the space's page table but none of its users, so this thread never performs the last put.
 */
public final class Reap implements AutoCloseable {
    /** The maximum number of passes of a reap, as in {@code oom_reap_task}. */
    static final int MOST_PASSES = 10;

    private static final long FIRST_PAUSE = 1_000_000;
    private static final long LONGEST_PAUSE = 200_000_000;

    /** The stack that a step needs after it emptied an entry, in frames. */
    private static final int DEPTH = 24;

    /** The result of {@link #advance}. */
    enum Progress {
        /** All private pages that can be taken are freed. */
        DONE,
        /** The pass ended incomplete. No flush is pending, and no taken frame is left to free. */
        INCOMPLETE,
        /** The pass waits for CPUs or a grace period, or has no page-table context. */
        WAITS
    }

    private enum Next {
        BEGIN,
        TAKE_KEPT,
        LOOK_UP,
        EMPTY,
        FLUSH
    }

    /**
     * Words: all other mutable fields of {@code Reap}, {@code BackgroundReap}.
     * Written: the thread that runs a step (plain).
     * Read: that thread, and the thread that polls waiting calls (plain).
     * Invariant: the list of waiting calls and the executor hand the fields on from thread to thread, like the fields
     *     of a {@code RetirementRun}.
     */
    private final Layout layout;

    private final PageTable table;
    private final TlbGather gather;
    private final PageWalk walk;
    private final KeptPages kept;

    private Next next = Next.BEGIN;

    private int flushes;

    /** Whether the last call found no page-table context. */
    private boolean lacksContext;

    /** Whether the pass has not taken all frames that checkpoints keep. */
    private boolean isKeptLeft;

    /** Whether the pass skipped anything. */
    private boolean isIncomplete;

    /** {@link District#moves} at the start of the pass. */
    private long moves;

    /** The pass is done with the addresses from here to the end of the space. */
    private long below;

    private @Nullable VmArea vma;

    /* The rest of the VMA, starting with the part whose entries are being emptied or were emptied last. */
    private long part;
    private long reached;
    private long end;

    /** The access checker's record of the VMA; null if the machine is not checked. */
    private AccessChecker.@Nullable Revocation revocation;

    /**
     * Prepares a reap, without a page-table context and without effect.
     *
     * @param layout a layout with memory, whose page table the caller holds until this reap ends
     */
    Reap(Layout layout) {
        this.layout = layout;
        table = layout.pages();
        gather = TlbGather.with(layout.memory(), null);
        walk = new PageWalk(table);
        kept = new KeptPages(table, false);
    }

    /**
     * Reaps a space on the calling thread ({@code process_mrelease}). The caller is not in a reader section, has no CPU
     * in GUEST and holds no lock.
     *
     * <p>Linux waits for the {@code mmap_lock}. This implementation waits only for CPUs and grace periods: it skips
     * mappings in flight and forks that copy, and repeats the pass a bounded number of times.
     *
     * @param layout a layout with memory
     * @return 0, or a negated errno: EAGAIN, EINTR, ENOMEM, or ESRCH if the page table is no longer held
     */
    public static long reap(Layout layout) {
        ThreadCpus.checkMayWait("a reap");
        // The release of the references below must not overflow the stack.
        StackReserve.check(StackReserve.MANY);
        if (!layout.lifetime.context.tryHold()) {
            return Errno.ESRCH.result();
        }
        BegunEvent recorded = Tracepoints.beginReap(layout.lifetime.identity.number(), privatePages(layout), "a call");
        try (Reap reap = new Reap(layout)) {
            return reap.run(recorded);
        } finally {
            layout.lifetime.context.release();
        }
    }

    private long run(@Nullable BegunEvent recorded) {
        // Makes only one pass in a callback of an operation in flight: it must not delay the operation, and pauses
        // would be in vain.
        int most = InFlightOperation.retiring() != null ? 1 : MOST_PASSES;
        int passes = 1;
        long result = 0;
        while (result == 0 && advance(false) != Progress.DONE) {
            if (passes == most) {
                result = Errno.EAGAIN.result();
            } else if (Thread.currentThread().isInterrupted()) {
                result = Errno.EINTR.result();
            } else {
                Housekeeping invoked = layout.host.threads.invoked();
                long pause = pauseAfter(passes++);
                if (invoked == null || !invoked.stepWithin()) {
                    Pause.parkNanos(layout, pause);
                }
            }
        }
        if (result == 0) {
            layout.skipReap();
        }
        Tracepoints.endReap(recorded, privatePages(layout), result == 0 ? passes - 1 : passes, result == 0);
        return result;
    }

    /** Returns the number of private pages of a layout with memory, with those that its checkpoints keep. */
    static long privatePages(Layout layout) {
        return layout.pages().residentPages(Pte.ANONYMOUS_PAGE) + layout.pages().keptFrames();
    }

    /** Returns the pause, in nanoseconds, after a given number of incomplete passes. */
    static long pauseAfter(int passes) {
        return Math.min(FIRST_PAUSE << (passes - 1), LONGEST_PAUSE);
    }

    /**
     * Continues the pass, or starts one. The caller is not in a reader section, has no CPU in GUEST and holds no lock.
     * After an exception, the caller repeats the call or closes this reap.
     *
     * @param mayRest whether to return {@link Progress#WAITS} instead of waiting for CPUs and grace periods
     */
    Progress advance(boolean mayRest) {
        StackReserve.check(DEPTH);
        lacksContext = !gather.tryResume();
        if (lacksContext) {
            return Progress.WAITS;
        }
        try {
            return goOn(mayRest);
        } finally {
            gather.rest();
        }
    }

    private Progress goOn(boolean mayRest) {
        for (; ; ) {
            switch (next) {
                case BEGIN -> {
                    if (!begin()) {
                        return Progress.INCOMPLETE;
                    }
                    next = isKeptLeft ? Next.TAKE_KEPT : Next.LOOK_UP;
                }
                case TAKE_KEPT -> {
                    // Set first, so that after an exception the taken frames are flushed.
                    next = Next.FLUSH;
                    takeKept();
                }
                case LOOK_UP -> {
                    if (!lookUp()) {
                        next = Next.BEGIN;
                        return isComplete() ? Progress.DONE : Progress.INCOMPLETE;
                    }
                    next = Next.EMPTY;
                }
                case EMPTY -> {
                    // Set first, so that after an exception the emptied entries are flushed.
                    next = Next.FLUSH;
                    empty();
                }
                case FLUSH -> {
                    if (!flush(mayRest)) {
                        return Progress.WAITS;
                    }
                    if (isKeptLeft) {
                        next = Next.TAKE_KEPT;
                    } else {
                        next = reached == end ? Next.LOOK_UP : Next.EMPTY;
                    }
                }
            }
        }
    }

    /** Returns whether the pending flush that the pass waits for may be over. Does not wait. */
    boolean isReady() {
        return isFlushing() && !lacksContext && gather.pollInvalidation();
    }

    /** Returns whether a flush is pending, or its frames are not freed yet. */
    boolean isFlushing() {
        return next == Next.FLUSH;
    }

    /** Returns the number of completed flushes. */
    int flushes() {
        return flushes;
    }

    /**
     * If the pending flush is over, ends it, calls the notifiers and frees its pages. Waits only for the notifiers, and
     * does not continue the pass. Called only while a flush is pending.
     */
    void endFlush() {
        lacksContext = !gather.tryResume();
        if (!lacksContext) {
            try {
                if (flush(true)) {
                    endRevocation();
                    next = Next.BEGIN;
                }
            } finally {
                gather.rest();
            }
        }
    }

    /** Marks the space as unstable, and starts a pass. Returns false if a fork is copying pages. */
    private boolean begin() {
        layout.lock();
        try {
            layout.setUnstable();
            layout.pages().loseLogs();
            moves = layout.whole().moves();
            if (!layout.copies.isEmpty()) {
                return false;
            }
        } finally {
            layout.unlock();
        }
        below = layout.geometry.limit();
        isIncomplete = false;
        vma = null;
        part = 0;
        reached = 0;
        end = 0;
        kept.begin();
        isKeptLeft = table.log() != null;
        return true;
    }

    private void takeKept() {
        isKeptLeft = !kept.takeUntilFull(gather);
        isIncomplete |= kept.isIncomplete();
    }

    /** Finds the next VMA with pages to take. Returns false at the lower end of the space. */
    private boolean lookUp() {
        VmArea found = layout.before(below);
        while (found != null) {
            boolean isInFlight = InFlightOperation.isInFlight(found);
            boolean isOthers = found.hasAny(VmaFlags.SHARED | VmaFlags.LOCKED_MASK);
            if (!isInFlight && found.isAnonymous() && !isOthers) {
                begin(found, Addresses.lower(found.end(), below));
                // Set last, so that after an exception the VMA is found again.
                below = found.start();
                return true;
            }
            isIncomplete |= isInFlight;
            below = found.start();
            found = layout.before(below);
        }
        return false;
    }

    private void begin(VmArea found, long stop) {
        endRevocation();
        revocation = AccessChecker.beginIfChecked(
                layout.memory().accessChecker, "reap", AccessChecker.ALL, table.number(), found.start(), stop);
        vma = found;
        part = found.start();
        reached = found.start();
        end = stop;
    }

    /**
     * Calls the notifiers for the part that was emptied, after its flush and before its frames are freed. The VMA is
     * not in flight, so until its entries were emptied, a secondary MMU could look the pages up again ({@code
     * mmu_notifier_arch_invalidate_secondary_tlbs}). Now it no longer finds them.
     */
    private void tell() {
        if (vma == null) {
            // The pages that checkpoints kept were removed from their entries before.
            return;
        }
        // An exception may have left the part half emptied.
        long stop = reached == part ? end : reached;
        List<MmuNotifier> notifiers = layout.notifiers();
        for (int i = 0; i < notifiers.size(); i++) {
            try {
                notifiers.get(i).invalidate(part, stop, MmuNotifier.Reason.DISCARDED);
            } catch (Throwable thrown) {
                layout.host.report(Report.Kind.CALLBACK_FAILED, "reaping of " + identity(), thrown);
            }
        }
    }

    private void empty() {
        VmArea of = Objects.requireNonNull(vma);
        part = reached;
        reached = LeafWalks.emptyUntilFull(walk, of, reached, end, gather);
        if (reached != end && !gather.isFull()) {
            // The VMA was replaced, perhaps by a locked one.
            isIncomplete = true;
            reached = end;
        }
    }

    private boolean flush(boolean mayRest) {
        if (!mayRest) {
            gather.invalidate();
        } else if (!gather.pollInvalidation()) {
            return false;
        }
        tell();
        gather.free();
        flushes++;
        if (reached == end) {
            vma = null;
            endRevocation();
        }
        return true;
    }

    private void endRevocation() {
        AccessChecker.Revocation begun = revocation;
        revocation = null;
        if (begun != null) {
            begun.close();
        }
    }

    private boolean isComplete() {
        layout.lock();
        try {
            return !isIncomplete && moves == layout.whole().moves() && !isFreeing();
        } finally {
            layout.unlock();
        }
    }

    /**
     * Returns whether an operation in flight frees pages that the pass did not find. The teardown does not count,
     * because it starts after the last user is gone. The caller holds the layout lock.
     */
    private boolean isFreeing() {
        List<InFlightOperation> ranges = layout.inFlight().operations;
        for (int i = 0; i < ranges.size(); i++) {
            if (ranges.get(i).takesPagesAway() || !ranges.get(i).actions().isEmpty()) {
                return layout.lifetime.context.users() != 0;
            }
        }
        return false;
    }

    String identity() {
        return "space " + layout.lifetime.identity.number();
    }

    /**
     * Ends the reap. Waits for a pending flush, calls the notifiers and frees the pages. If the flush or the free
     * fails, this throws, and a thread of the machine retries until it succeeds.
     */
    @Override
    public void close() {
        try {
            // If no flush is pending, there is nothing to end. The reap may then hold no page table context, so no
            // flush may be attempted.
            if (isFlushing()) {
                flushAndClose();
            }
        } finally {
            endRevocation();
        }
    }

    private void flushAndClose() {
        try {
            gather.invalidate();
        } finally {
            try {
                // Called even after a failure, before the flush is over, because the thread of the machine that retries
                // the flush does not call notifiers, which may wait.
                tell();
            } finally {
                gather.close();
            }
        }
    }
}
