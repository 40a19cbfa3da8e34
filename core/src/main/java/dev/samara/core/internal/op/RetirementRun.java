// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.Report;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.CheckpointLog;
import dev.samara.core.internal.page.CheckpointLog.Room;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.PageTable.TableReserve;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.DirtyScan;
import dev.samara.core.internal.pagewalk.DiscardPages;
import dev.samara.core.internal.pagewalk.DiscardPages.DroppedPages;
import dev.samara.core.internal.pagewalk.LeafWalks;
import dev.samara.core.internal.pagewalk.PageWalk;
import dev.samara.core.internal.space.District;
import dev.samara.core.internal.space.District.BeyondDistrict;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.InFlightOperation.PageAction;
import dev.samara.core.internal.space.InFlightOperation.PageMove;
import dev.samara.core.internal.space.InFlightOperation.PendingJoin;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.LayoutCounters;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Gate.WaitReporter;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.Ranges;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.internal.vma.VmArea;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The run of an operation in flight, from its publication to the end of the call.
 *
 * <ol>
 *   <li>The notifiers are called, so that no secondary MMU uses the pages after they are retired.
 *   <li>{@link PageRetirement} retires the pages.
 *   <li>The removed VMAs are unlinked from their files.
 *   <li>{@linkplain #completeRange Completion}, under the layout lock: the reservations are cleared, the VMAs are
 *       joined with their neighbours, the unmapped pages are uncharged, and the gate is opened. Then the waiters are
 *       woken.
 *   <li>An asynchronous call leaves the backlog, and its last task runs.
 * </ol>
 *
 * <p><b>Retirement cannot fail half-way.</b> {@link Operation} reserves its resources before publication, or rejects
 * the call, which has then changed nothing. The first block of memory is used repeatedly, and this object is its own
 * entry in the list of waiting calls. The context stays until the last page action is done. An exception of an
 * embedder's code is caught at each call and reported. If another step fails, the range stays in flight, with its VMAs
 * linked to their files. The failure is reported once. One of the machine's threads then retries the step, with pauses
 * that grow to one second. The caller of a synchronous operation waits until the step succeeds; the future of an
 * asynchronous one completes only afterwards.
 *
 * <p>An asynchronous operation occupies no thread and no page table context while it waits for a CPU, a copy, a page or
 * a grace period. During that time the {@linkplain Housekeeping housekeeping} polls it as a waiting call.
 *
 * <p>The operation sets the fields before publication. After that only the thread that runs this retirement uses them;
 * the list of waiting calls passes them on between threads.
 */
final class RetirementRun extends InFlightOperation {
    /** A completion publishes no result, because the call's result is already known. */
    private static final long NO_RESULT = 0;

    private final Operation operation;

    /**
     * The retirement of the operation's pages; null if no batch of the operation has acquired its resources.
     *
     * <p>Words: {@code pageRetirement}, {@code linked}, {@code isTold}.
     * Written: the operation, before publication; then the one thread that retires (plain).
     * Read: the one thread that retires (plain); between two of its runs, the thread that polls (plain). The queue of
     *     {@code Background} and the list of {@code Housekeeping} pass the fields on between threads.
     * Invariant: the progress of the retirement; each step may be started again.
     */
    @Nullable
    PageRetirement pageRetirement;

    /** VMAs that were removed from the layout, and stay linked to their files until their pages are retired. */
    private List<VmArea> linked = List.of();

    /** Whether the notifiers were called. */
    private boolean isTold;

    /**
     * VMAs with opens that were removed from the layout; their retiring bits are cleared after completion.
     *
     * <p>Words: {@code held}, {@code last}, {@code sealedLinked}, {@code sealedHeld}.
     * Written: the operation, before the retirement is run (plain).
     * Read: the operation's completion (plain): ordered by the layout lock, or by its submission to the background.
     * Invariant: never change once the last batch is published.
     */
    private List<VmArea> held = List.of();

    /* The sizes of these lists at the start of the batch that is not published yet. */
    private int sealedLinked;
    private int sealedHeld;

    /** The task that ends an asynchronous call after completion; null for a synchronous one. */
    private @Nullable Runnable last;

    RetirementRun(Operation operation) {
        this.operation = operation;
    }

    @Override
    public Operation operation() {
        return operation;
    }

    @Override
    public boolean givesUpItsRange() {
        return operation.call.isMunmap();
    }

    private MachineState machine() {
        return operation.layout.host;
    }

    /* Before publication: what the operation leaves to the retirement. */

    /** Adds VMAs that stay linked to their files until their pages are retired. */
    void keepLinked(List<VmArea> vmas) {
        linked = joined(linked, vmas);
    }

    /** Adds VMAs whose retiring bits are cleared after completion. */
    void hold(List<VmArea> vmas) {
        held = joined(held, vmas);
    }

    private static List<VmArea> joined(List<VmArea> earlier, List<VmArea> more) {
        if (earlier.isEmpty()) {
            return more;
        }
        earlier.addAll(more);
        return earlier;
    }

    @Override
    public void beginBatch() {
        super.beginBatch();
        sealedLinked = linked.size();
        sealedHeld = held.size();
    }

    @Override
    public void undoBatch() {
        super.undoBatch();
        InFlightOperation.truncate(linked, sealedLinked);
        InFlightOperation.truncate(held, sealedHeld);
    }

    /* The runs. */

    /**
     * Retires and completes the range on the operation's thread, and waits until it is complete. Called once. The
     * caller must hold no lock.
     */
    void retireAndWait() {
        boolean isOver = false;
        try {
            isOver = goOn(false);
        } finally {
            if (!isOver) {
                machine().threads.housekeeping.add(this);
            }
        }
        if (!isOver) {
            gate().awaitUninterruptibly(operation);
        }
    }

    /** Sets the task that one of the machine's threads runs after completion. The caller is the operation's thread. */
    void runAfter(Runnable task) {
        last = task;
    }

    /** Submits the range to the machine's threads, one of which retires and completes it. */
    void submit() {
        machine().threads.submit(this);
    }

    /**
     * Retires and completes the range as far as possible without waiting, then adds it to the waiting calls. Called by
     * one of the machine's threads.
     */
    @Override
    public void run() {
        boolean isOver = false;
        try {
            Throwable failed = takeFailure();
            if (failed != null) {
                String what = "the retirement of " + operation + " failed, and is retried until it succeeds";
                machine().report(Report.Kind.RETIREMENT_FAILED, what, failed);
            }
            if (gate().isOpen()) {
                Objects.requireNonNull(last, "last").run();
                isOver = true;
            } else {
                isOver = goOn(true);
            }
        } finally {
            // Runs even after an Error, because no other thread continues this range.
            if (!isOver) {
                machine().threads.housekeeping.add(this);
            }
        }
    }

    @Override
    protected boolean isReady() {
        if (gate().isOpen()) {
            return true;
        }
        return isPostponed() ? isDue() : pageRetirement == null || pageRetirement.isReady();
    }

    /**
     * The last part of an asynchronous call may wait, because it requests pages from backings, and completes a future.
     */
    @Override
    protected boolean mayWait() {
        return gate().isOpen();
    }

    /** Continues at the current step; returns whether the retirement of this range has ended. */
    private boolean goOn(boolean mayRest) {
        try {
            attempting();
            boolean callsOthers = pageRetirement != null
                    || (!isTold && !operation.layout.notifiers().isEmpty());
            if (callsOthers && !retireAsThisThread(mayRest)) {
                return false;
            }
            for (int i = 0; i < linked.size(); i++) {
                linked.get(i).unlink();
            }
            linked = List.of();
        } catch (Throwable thrown) {
            fail(thrown);
            return false;
        }
        return end();
    }

    /**
     * Calls the notifiers and retires the pages, while this range is registered as the thread's current one, which
     * operations called by callbacks check.
     */
    private boolean retireAsThisThread(boolean mayRest) {
        InFlightOperation outer = InFlightOperation.retiring();
        try {
            InFlightOperation.setRetiring(this);
            if (!isTold) {
                isTold = true;
                List<MmuNotifier> notifiers = operation.layout.notifiers();
                for (int i = 0; i < notifiers.size(); i++) {
                    MmuNotifier notifier = notifiers.get(i);
                    invalidate(notifier, reserved(), MmuNotifier.Reason.UNMAPPED);
                    invalidate(notifier, busy(), MmuNotifier.Reason.DISCARDED);
                    invalidate(
                            notifier,
                            occupied(),
                            stopsFaults() ? MmuNotifier.Reason.REPLACED : MmuNotifier.Reason.PROTECTED);
                }
            }
            PageRetirement pages = pageRetirement;
            return pages == null || pages.advance(mayRest);
        } finally {
            InFlightOperation.setRetiring(outer);
        }
    }

    /**
     * Calls a notifier for each range; an exception for one range is reported, and does not prevent the other calls.
     */
    private void invalidate(MmuNotifier notifier, Ranges ranges, MmuNotifier.Reason reason) {
        for (int i = 0; i < ranges.size(); i++) {
            try {
                notifier.invalidate(ranges.start(i), ranges.end(i), reason);
            } catch (Throwable thrown) {
                report(thrown);
            }
        }
    }

    private boolean end() {
        try {
            completeRange();
            return true;
        } catch (Throwable thrown) {
            if (isArrived()) {
                // The range is complete; only the tasks after the completion have failed.
                report(thrown);
                return true;
            }
            fail(thrown);
            return false;
        }
    }

    /** Schedules another attempt after a pause. */
    private void fail(Throwable thrown) {
        failed(thrown);
        if (pageRetirement != null) {
            pageRetirement.rest();
        }
    }

    private void report(Throwable thrown) {
        machine().report(Report.Kind.CALLBACK_FAILED, "retiring of " + operation, thrown);
    }

    /* The completion. */

    /**
     * Ends the retirement of the range, and completes the range if it waits for no other range. If this throws before
     * {@link InFlightOperation#arriveItself} is called, nothing has changed and it may be called again. The caller must
     * hold no lock.
     */
    private void completeRange() {
        Layout layout = operation.layout;
        boolean isLone;
        boolean hasManyJoins;
        boolean isDone = false;
        ThreadCpus.checkMayWait(District.LOCKING);
        District district = layout.districts.lockDistrict(low(), high());
        try {
            // A completion of several steps is one edit, which is dropped as a whole if a step fails.
            hasManyJoins = hasManyJoins();
            isLone = (isBatched() || reserved().size() <= 1) && isAlone();
            if (isLone) {
                clear(district);
                isDone = true;
                try {
                    Edit.uncharge(layout, this);
                } finally {
                    open(district, this);
                }
            }
        } finally {
            district.unlock();
            if (isDone) {
                wakeWaiters();
                completed();
            }
        }
        if (!isLone) {
            try {
                joinAndComplete(hasManyJoins);
            } catch (BeyondDistrict more) {
                // A neighbour is beyond a border of the district. The step that found it published nothing.
                operation.isBeyondPart = true;
                joinAndComplete(hasManyJoins);
            }
        }
    }

    /**
     * Completes the range without an edit if {@link #isAlone} is true, which is the common case. Only the first step
     * may fail.
     */
    private void clear(District district) {
        Ranges reserved = reserved();
        if (!reserved.isEmpty() && !isBatched()) {
            district.tree.erase(reserved.start(0), reserved.end(0) - 1, this);
        }
        arriveItself();
        LayoutCounters uncharged = uncharged();
        if (uncharged != null) {
            operation.layout.uncharge(district, uncharged);
        }
    }

    private static void open(District district, InFlightOperation range) {
        district.inFlight.remove(range);
        range.complete();
    }

    private void joinAndComplete(boolean hasManyJoins) {
        while (hasManyJoins && joinSome()) {
            operation.layout.letOthersIn();
        }
        completeWithOthers();
    }

    /**
     * Returns whether the range has more VMAs to join than one hold of the lock should join. The caller holds the
     * layout lock.
     */
    private boolean hasManyJoins() {
        return joins().size() > Operation.batch() && !isOrdered();
    }

    /**
     * Joins some of the VMAs of a range that has many to join, under a separate hold of the lock. The rest of the
     * completion joins the remaining VMAs. Until then, operations that name the range wait, even for joined VMAs, which
     * have no gate.
     *
     * @return whether more VMAs may be left; false if the rest of the completion joins all that are left
     */
    private boolean joinSome() {
        try (Edit edit = new Edit(operation, true, low(), high())) {
            List<PendingJoin> joins = joins();
            if (!hasManyJoins()) {
                return false;
            }
            beginCompletion();
            try {
                for (int i = joins.size() - Operation.batch(); i < joins.size(); i++) {
                    VmaMerge.joinLate(edit, joins.get(i));
                }
                edit.publish(NO_RESULT);
            } finally {
                undoCompletion();
            }
            joined(Operation.batch());
            return true;
        }
    }

    /** Completes the range, if it waits for no other range, and the ranges that waited only for it. */
    private void completeWithOthers() {
        List<InFlightOperation> completed = new ArrayList<>(1);
        boolean finished = false;
        try (Edit edit = new Edit(operation, true, low(), high())) {
            List<InFlightOperation> successors = successors();
            try {
                edit.clearReservations(this);
                completeIfLast(edit, this, completed);
                for (InFlightOperation successor : successors) {
                    completeIfLast(edit, successor, completed);
                }
                edit.publish(NO_RESULT);
            } finally {
                if (edit.published) {
                    finished = true;
                    arriveItself();
                    // By index, because there may be no memory for an iterator.
                    for (int i = 0; i < successors.size(); i++) {
                        successors.get(i).arrive();
                    }
                    // Opened under the lock and after the publication, so that a thread which finds a gate open also
                    // finds the completed layout. A thread that found the gate closed, and acquires the lock
                    // afterwards, does not wait.
                    for (int i = 0; i < completed.size(); i++) {
                        open(edit.district, completed.get(i));
                    }
                } else {
                    completed.forEach(InFlightOperation::undoCompletion);
                }
            }
        } finally {
            if (finished) {
                // The waiters removed from a gate are woken, even if the end of the edit throws.
                completed.forEach(InFlightOperation::wakeWaiters);
                completed.forEach(InFlightOperation::completed);
            }
        }
    }

    private static void completeIfLast(Edit edit, InFlightOperation range, List<InFlightOperation> completed) {
        if (range.isLast()) {
            range.beginCompletion();
            completed.add(range);
            for (PendingJoin join : range.joins()) {
                VmaMerge.joinLate(edit, join);
            }
            edit.release(range);
        }
    }

    /**
     * Clears the retiring bits of the removed VMAs. Releases the backlog place of an asynchronous operation, and
     * submits the operation's last task to the machine's threads.
     */
    @Override
    public void completed() {
        try {
            List<VmArea> removed = held;
            // A VMA refers to this object, which must not keep other VMAs reachable.
            held = List.of();
            for (int i = 0; i < removed.size(); i++) {
                removed.get(i).clearRetiring();
            }
        } finally {
            if (last != null) {
                try {
                    operation.end();
                } finally {
                    submit();
                }
            }
        }
    }

    /* The pages. */

    /**
     * Retires the pages of an operation in flight. It removes, moves or narrows their page-table entries, and flushes
     * the translations of all CPUs. Only then does it free the pages, or install them at the target of their move. It
     * holds at most one lock at a time, the lock of a leaf. {@link RetirementRun} calls it.
     *
     * <p>It is created, with its resources, before the operation publishes. It records its progress, so it can resume
     * after a pause or a failed step. Used by one thread at a time.
     */
    final class PageRetirement {
        /* The steps. Each may be repeated after a failure, and skips what it has already done. */

        /** Ends the TLB context if the space ends: nothing is flushed then, because no CPU uses the space. */
        private static final int CONTEXT = 0;

        /** {@link Move#pickUp} removes the entries at the sources of moves. */
        private static final int PICK_UP = 1;

        /** {@link LeafWalks} removes entries or narrows them; the gather collects the frames. */
        private static final int TAKE_AWAY = 2;

        /**
         * {@link TlbGather#invalidate(boolean)}: shootdowns and a grace period. After this step no CPU and no reader
         * uses the frames.
         */
        private static final int FLUSH = 3;

        /** {@link Move#putDown} stores the entries at the targets of moves. */
        private static final int PUT_DOWN = 4;

        /** {@link TlbGather#free}: the frames of unmapped pages are freed ({@code tlb_finish_mmu}). */
        private static final int FREE = 5;

        /**
         * {@link DiscardPages} and {@link LeafWalks#removeGuards} change entries of mappings that stay, and holes are
         * punched in files.
         */
        private static final int ACT = 6;

        private static final int DONE = 7;

        /**
         * Words: all fields.
         * Written: the operation, before publication; then the one thread that retires (plain).
         * Read: the one thread that retires (plain); between two of its runs, the thread that polls (plain). The queue
         *     of {@code Background} and the list of {@code Housekeeping} pass the fields on between threads.
         * Invariant: the step that the retirement has reached; each step may be started again.
         */
        private final Layout layout = operation.layout;

        private final PageTable table = layout.pages();
        private final MachineMemory memory = layout.memory();
        private final TlbGather gather;

        /** The tables that guards and moves may lack. */
        private TableReserve tables;

        private final PageWalk walk = new PageWalk(table);

        private int step = CONTEXT;

        /** The moves whose pages were removed at the source; those of the last move perhaps only in part. */
        private final List<Move> moved = new ArrayList<>(moves().size());

        /**
         * The number of ranges that are done (first the reserved ranges, then the occupied ones), and the next address
         * in the current range (0 at its start).
         */
        private int ranges;

        private long reached;
        private int actions;

        /**
         * Allocates the resources of the retirement. Called before publication.
         *
         * @param context a borrowed page table context, or null if none is available and the retirement must continue
         *     without a context
         * @param tables the tables that guards and moves may lack; the retirement uncharges the tables that are left
         */
        PageRetirement(@Nullable PageTableContext context, TableReserve tables) {
            this.tables = tables;
            gather = TlbGather.with(memory, context);
        }

        /**
         * Continues with the remaining steps.
         *
         * @param mayRest whether to return instead of waiting
         * @return whether all steps are done; false only if {@code mayRest}
         */
        boolean advance(boolean mayRest) {
            if (step < DONE) {
                gather.resume();
            }
            while (step < DONE) {
                if (!advanceStep(mayRest)) {
                    rest();
                    return false;
                }
                step++;
            }
            tables.close();
            gather.endRoom();
            rest();
            return true;
        }

        /** Adds the tables that a later batch of the operation may lack. Called before that batch is published. */
        void add(TableReserve more) {
            if (tables == TableReserve.NONE) {
                tables = more;
            } else {
                tables.absorb(more);
            }
        }

        /** Uses a room for the records of checkpoints. Called before the batch that needs it is published. */
        void use(Room more) {
            gather.use(more);
        }

        /** Releases resources that other threads may need, until the next step or, after the last one, forever. */
        void rest() {
            gather.rest();
        }

        /** Returns whether the current step may be able to continue. Does not wait. */
        boolean isReady() {
            if (step != PICK_UP) {
                return gather.pollInvalidation();
            }
            for (int i = 0; i < moved.size(); i++) {
                if (!moved.get(i).isReady()) {
                    return false;
                }
            }
            return true;
        }

        private boolean advanceStep(boolean mayRest) {
            return switch (step) {
                case CONTEXT -> {
                    if (operation.endsSpace) {
                        gather.leaveOut(table.context);
                    }
                    yield true;
                }
                case PICK_UP -> pickUp(mayRest);
                case TAKE_AWAY -> takeAway(mayRest);
                case FLUSH -> gather.invalidate(mayRest);
                case PUT_DOWN -> {
                    for (int i = 0; i < moved.size(); i++) {
                        moved.get(i).putDown();
                    }
                    yield true;
                }
                case FREE -> {
                    // The context is kept for the actions, because another one might not be available.
                    gather.invalidate();
                    gather.free();
                    yield true;
                }
                case ACT -> {
                    while (actions < actions().size()) {
                        actions = act(actions);
                    }
                    yield true;
                }
                default -> throw new IllegalStateException("step " + step);
            };
        }

        private boolean pickUp(boolean mayRest) {
            List<PageMove> moves = moves();
            for (int i = 0; i < moves.size(); i++) {
                if (i == moved.size()) {
                    moved.add(new Move(moves.get(i)));
                }
                if (!moved.get(i).pickUp(mayRest)) {
                    return false;
                }
            }
            return true;
        }

        /** Unmaps or narrows the ranges, and flushes and frees whenever the gather is full. */
        private boolean takeAway(boolean mayRest) {
            Ranges reserved = reserved();
            Ranges occupied = occupied();
            while (ranges < reserved.size() + occupied.size()) {
                boolean isReserved = ranges < reserved.size();
                Ranges of = isReserved ? reserved : occupied;
                int i = isReserved ? ranges : ranges - reserved.size();
                long at = reached == 0 ? of.start(i) : reached;
                long end = of.end(i);
                if (!isReserved && !stopsFaults()) {
                    LeafWalks.narrow(walk, at, end, layout, layout.geometry, gather);
                    at = end;
                }
                while (at != end || gather.isFull()) {
                    if (gather.isFull()) {
                        if (!gather.invalidate(mayRest)) {
                            reached = at;
                            return false;
                        }
                        gather.free();
                    }
                    at = LeafWalks.emptyUntilFull(walk, null, at, end, gather);
                }
                reached = 0;
                ranges++;
            }
            if (stopsFaults()) {
                enter(occupied);
            }
            return true;
        }

        /**
         * Marks the VMAs that replace others as entered, because their ranges are now empty. These VMAs are in flight,
         * so no operation unlinks them concurrently.
         */
        private void enter(Ranges emptied) {
            for (int i = 0; i < emptied.size(); i++) {
                VmArea vma = layout.find(emptied.start(i));
                while (vma != null && Addresses.isBelow(vma.start(), emptied.end(i))) {
                    vma.enter();
                    vma = layout.find(vma.end());
                }
            }
        }

        /**
         * Executes an action and the actions of the same kind that directly follow it, with common flushes.
         *
         * @param first the index of the action
         * @return the index after the last executed action; if this throws, all of these actions are executed again
         */
        private int act(int first) {
            List<PageAction> all = actions();
            PageAction.Kind kind = all.get(first).kind();
            int end = first + 1;
            while (end < all.size() && all.get(end).kind() == kind) {
                end++;
            }
            switch (kind) {
                case DISCARD, DROP, GUARD -> discard(all, first, end, kind);
                case PUNCH -> {
                    int pageShift = layout.geometry.pageShift();
                    for (int i = first; i < end; i++) {
                        PageAction action = all.get(i);
                        long pages = layout.geometry.pages(action.end() - action.start());
                        Objects.requireNonNull(action.file()).remove(gather, action.offset() >>> pageShift, pages);
                    }
                }
                case UNGUARD -> {
                    WaitReporter reporter = layout.host.busyEntryReporter;
                    for (int i = first; i < end; i++) {
                        LeafWalks.removeGuards(
                                walk, all.get(i).start(), all.get(i).end(), gather, reporter);
                    }
                }
            }
            return end;
        }

        /** Discards the pages of several actions. Leaves empty entries, or guard markers. */
        private void discard(List<PageAction> all, int first, int end, PageAction.Kind kind) {
            boolean guards = kind == PageAction.Kind.GUARD;
            DiscardPages.Choice choice =
                    kind == PageAction.Kind.DROP ? new DroppedPages(memory.frames) : DiscardPages.EVERY;
            try (DiscardPages discarding = new DiscardPages(gather, guards ? Pte.GUARD : Pte.NONE)) {
                for (int i = first; i < end; i++) {
                    PageAction action = all.get(i);
                    if (guards) {
                        discarding.guard(table, action.start(), action.end(), tables);
                    } else {
                        discarding.discard(table, action.start(), action.end(), choice);
                    }
                }
            }
        }

        /**
         * The pages of one move ({@code move_page_tables}): they are removed at the source, and installed at the target
         * after the flush. Until then no fault fills an entry of either range.
         *
         * <p>Both steps may be retried after a failure, and continue where the earlier attempt failed.
         */
        private final class Move {
            private final PageMove move;

            /*
             * The entries that were removed at the source, each with its offset from the start of the move. A move may
             * have a million entries, so an entry is one word in each of two arrays instead of an object.
             */
            private long[] distances = new long[16];
            private long[] ptes = new long[16];
            private int size;

            /** The number of entries that were stored at the target, or whose pages were dropped. */
            private int down;

            /** The file's latest truncation when the first page was removed at the source; null if there is no file. */
            private final FilePages.@Nullable LoggedTruncation from;

            /** The leaf of the busy entry for whose owner the move waits, at rest; null if the move is not at rest. */
            private long @Nullable [] busyLeaf;

            private int busyIndex;
            private long busyEntry;

            Move(PageMove move) {
                this.move = move;
                VmArea target = layout.find(move.to());
                FilePages file = target == null ? null : FilePages.of(target);
                from = file == null ? null : file.lastTruncation();
            }

            /**
             * Returns whether the move may continue: it does not rest, or the busy entry has changed. Does not wait.
             */
            boolean isReady() {
                return busyLeaf == null || Leaf.get(busyLeaf, busyIndex) != busyEntry;
            }

            /**
             * Empties the entries of the source, and records them.
             *
             * @param mayRest whether to return instead of waiting
             * @return whether the source is empty; false only if {@code mayRest}
             */
            boolean pickUp(boolean mayRest) {
                busyLeaf = null;
                walk.over(move.from(), move.from() + move.length());
                while (walk.next()) {
                    if (deferFlush() && !pickUpLeaf(mayRest)) {
                        return false;
                    }
                }
                return true;
            }

            /** Defers the flush of a part of a leaf; returns false if the leaf is dead, and so is empty. */
            private boolean deferFlush() {
                long[] leaf = walk.leaf();
                Leaf.lock(leaf);
                try {
                    if (Leaf.isDead(leaf)) {
                        return false;
                    }
                    gather.deferFlush(table, leaf, walk.start(), walk.end(), MmuNotifier.Reason.UNMAPPED);
                    return true;
                } finally {
                    Leaf.unlock(leaf);
                }
            }

            private boolean pickUpLeaf(boolean mayRest) {
                long[] leaf = walk.leaf();
                int stop = walk.endIndex();
                int i = walk.first();
                while (i < stop) {
                    long pte = Leaf.get(leaf, i);
                    if (Pte.isBusy(pte)) {
                        // The owner copies the page, or removes it from its cache. The wait is short, unless the owner
                        // waits for a CPU.
                        if (mayRest) {
                            busyLeaf = leaf;
                            busyIndex = i;
                            busyEntry = pte;
                            return false;
                        }
                        memory.contexts.await(leaf, i, pte, layout.host.busyEntryReporter);
                    } else if (pte == Pte.NONE || pickUp(leaf, i, pte, walk.addressOf(i))) {
                        i++;
                    }
                }
                return true;
            }

            /** Empties and records one entry. Returns false if another thread changed the entry concurrently. */
            private boolean pickUp(long[] leaf, int index, long pte, long address) {
                // An emptied entry must be recorded, so capacity is ensured first.
                if (size == ptes.length) {
                    long[] more = Arrays.copyOf(distances, 2 * size);
                    ptes = Arrays.copyOf(ptes, 2 * size);
                    distances = more;
                }
                // A page of shared memory need not be marked dirty: no file backs it, so no write-back searches for the
                // page.
                boolean isWritten = Pte.has(pte, Pte.DIRTY) && Pte.isCached(pte) && !Pte.has(pte, Pte.SHMEM);
                long taken = pte;
                if (isWritten) {
                    taken = takeWritten(leaf, index, pte);
                } else if (table.log() != null && isRecorded(pte)) {
                    taken = takeRecorded(leaf, index, pte, address);
                } else if (!Leaf.empty(leaf, index, pte, Pte.NONE)) {
                    taken = Pte.NONE;
                }
                if (taken == Pte.NONE) {
                    return false;
                }
                distances[size] = address - move.from();
                ptes[size++] = taken;
                return true;
            }

            /**
             * Returns whether a checkpoint records an entry: not one of a page cache or of the zero page, which are
             * faulted in again.
             */
            private static boolean isRecorded(long pte) {
                return pte == Pte.GUARD || Pte.isOwn(pte);
            }

            /**
             * Empties an entry of which a checkpoint may need the page at its address. The record then shares the page
             * with the moved entry. Returns the entry to store at the target; NONE if another thread changed the entry.
             */
            private long takeRecorded(long[] leaf, int index, long pte, long address) {
                Leaf.lock(leaf);
                try {
                    if (!Leaf.empty(leaf, index, pte, Pte.NONE)) {
                        return Pte.NONE;
                    }
                    return CheckpointLog.moved(table, memory.frames, address, pte, gather.room());
                } finally {
                    Leaf.unlock(leaf);
                }
            }

            /**
             * Empties the entry of a dirty page of a file. A concurrent write-back finds the entry at neither address,
             * so the frame is marked dirty. This is done under the leaf's lock, under which the frame of a present
             * entry stays in its cache. Returns the entry; NONE if another thread changed it.
             */
            private long takeWritten(long[] leaf, int index, long pte) {
                Leaf.lock(leaf);
                try {
                    if (Leaf.get(leaf, index) != pte) {
                        return Pte.NONE;
                    }
                    memory.frames.setDirty(Pte.frame(pte));
                    return Leaf.empty(leaf, index, pte, Pte.NONE) ? pte : Pte.NONE;
                } finally {
                    Leaf.unlock(leaf);
                }
            }

            /** Stores the entries at the target. Drops the pages that no longer belong there. */
            void putDown() {
                while (down < size) {
                    long distance = distances[down];
                    long address = move.to() + distance;
                    long pte = ptes[down];
                    VmArea vma = layout.find(address);
                    boolean isPut =
                            vma != null && Addresses.isBelow(distance, move.length()) && putDown(vma, address, pte);
                    // Counted before the page is dropped, because it must not be dropped twice.
                    down++;
                    if (!isPut && Pte.isOwn(pte)) {
                        memory.frames.drop(Pte.frame(pte), gather.context().magazine);
                    }
                }
            }

            /**
             * Stores an entry at its target; returns false if the page no longer belongs to the file, or if {@link
             * Leaf#fill} returns false.
             */
            private boolean putDown(VmArea vma, long address, long pte) {
                for (; ; ) {
                    long[] leaf = table.leafFromReserve(address, tables);
                    Leaf.lock(leaf);
                    try {
                        if (Leaf.isDead(leaf)) {
                            continue;
                        }
                        if (!isStillThere(vma, address, pte)) {
                            return false;
                        }
                        if (isRecorded(pte)) {
                            CheckpointLog.changeOrLose(table, address, Pte.NONE, gather.room());
                        }
                        return Leaf.fill(leaf, table.indexOf(address), DirtyScan.moved(vma, pte));
                    } finally {
                        Leaf.unlock(leaf);
                    }
                }
            }

            private boolean isStillThere(VmArea vma, long address, long pte) {
                FilePages file = FilePages.of(vma);
                if (file == null || from == null || !Pte.isPresent(pte) || vma.isAnonymous()) {
                    return true;
                }
                long page = vma.pageOffset() + layout.geometry.pages(address - vma.start());
                // Checked under the leaf's lock, after the leaf was linked. Pairs with a truncation: it adds a link to
                // the truncation log and marks the frames before it walks.
                return Pte.isOwn(pte)
                        ? page < file.lowestSince(from)
                        : memory.frames.isCached(Pte.frame(pte), file.number, page);
            }
        }
    }
}
