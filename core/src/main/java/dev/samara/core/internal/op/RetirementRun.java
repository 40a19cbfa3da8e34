// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.Report;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.space.District;
import dev.samara.core.internal.space.District.BeyondDistrict;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.InFlightOperation.PendingJoin;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.LayoutCounters;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.Ranges;
import dev.samara.core.internal.vma.VmArea;
import java.util.ArrayList;
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
        return operation.layout.host();
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
                machine().housekeeping().add(this);
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
        machine().threads().submit(this);
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
                machine().housekeeping().add(this);
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
            if (callsOthers() && !retireAsThisThread(mayRest)) {
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

    /** Returns whether there are pages to retire or notifiers to call. */
    private boolean callsOthers() {
        return pageRetirement != null
                || (!isTold && !operation.layout.notifiers().isEmpty());
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
        District district = layout.lockDistrict(low(), high());
        try {
            // A completion of several steps is one edit, which is dropped as a whole if a step fails.
            hasManyJoins = hasManyJoins();
            isLone = (isBatched() || reserved().size() <= 1) && isAlone();
            if (isLone) {
                clear(district);
                isDone = true;
                try {
                    CommitCharge.giveBack(layout.host(), this);
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
                operation.goBeyondPart();
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
            district.tree().erase(reserved.start(0), reserved.end(0) - 1, this);
        }
        arriveItself();
        LayoutCounters uncharged = uncharged();
        if (uncharged != null) {
            operation.layout.uncharge(district, uncharged);
        }
    }

    private static void open(District district, InFlightOperation range) {
        district.inFlight().remove(range);
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
        try (Edit edit = Edit.completing(operation, this)) {
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
        try (Edit edit = Edit.completing(operation, this)) {
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
}
