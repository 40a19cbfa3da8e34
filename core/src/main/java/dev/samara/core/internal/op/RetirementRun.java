// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.Report;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.Ranges;
import dev.samara.core.internal.vma.VmArea;
import java.util.List;
import java.util.Objects;

/**
 * The run of the retire phase of an operation in flight. It calls the notifiers, retires the pages, unlinks the removed
 * VMAs from their files and completes the ranges.
 *
 * <p><b>Retirement cannot fail half-way.</b> {@link RetirementResources} reserves its resources before publication, or
 * rejects the operation, which has then changed nothing. The first block of memory is used repeatedly, and this object
 * is its own entry in the list of waiting calls. The context stays until the last page action is done. An exception of
 * an embedder's code is caught at each call and reported. If another step fails, the range stays in flight, with its
 * VMAs linked to their files. The failure is reported once. One of the machine's threads then retries the step, with
 * pauses that grow to one second. The caller of a synchronous operation waits until the step succeeds; the future of an
 * asynchronous one completes only afterwards.
 *
 * <p>An asynchronous operation occupies no thread and no page table context while it waits for a CPU, a copy, a page or
 * a grace period. During that time the {@linkplain Housekeeping housekeeping} polls it as a waiting call.
 *
 * <p>Only the thread that runs this retirement uses the fields; the list of waiting calls passes them on between
 * threads.
 */
final class RetirementRun extends PreparedRetirement {
    private final OperationState operation;

    /**
     * Written: the one thread that retires (plain).
     * Read: the one thread that retires (plain); between two of its runs, the thread that polls (plain). The queue of
     *     {@code Background} and the list of {@code Housekeeping} pass the field on between threads.
     * Invariant: the progress of the retirement; each step may be started again.
     */
    private boolean isTold;

    RetirementRun(OperationState operation) {
        this.operation = operation;
    }

    @Override
    public OperationState operation() {
        return operation;
    }

    @Override
    public boolean givesUpItsRange() {
        return operation.isMunmap();
    }

    private MachineState machine() {
        return operation.layout().host();
    }

    @Override
    void submit() {
        machine().submit(this);
    }

    @Override
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

    /**
     * Retires and completes the range as far as possible without waiting, then adds it to the waiting calls. Called by
     * one of the machine's threads.
     */
    @Override
    public void run() {
        boolean isOver = false;
        try {
            reportFailure();
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
        PageRetirement pages = pageRetirement;
        if (gate().isOpen()) {
            return true;
        }
        return isPostponed() ? isDue() : pages == null || pages.isReady();
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
                || (!isTold && !operation.layout().notifiers().isEmpty());
    }

    /**
     * Retires while this range is registered as the thread's current one, which operations called by callbacks check.
     */
    private boolean retireAsThisThread(boolean mayRest) {
        InFlightOperation outer = InFlightOperation.retiring();
        try {
            InFlightOperation.setRetiring(this);
            return retire(mayRest);
        } finally {
            InFlightOperation.setRetiring(outer);
        }
    }

    /** Notifiers run first, so that no secondary MMU uses the pages after they are retired. */
    private boolean retire(boolean mayRest) {
        if (!isTold) {
            isTold = true;
            tell();
        }
        PageRetirement pages = pageRetirement;
        return pages == null || pages.advance(mayRest);
    }

    private void tell() {
        List<MmuNotifier> notifiers = operation.layout().notifiers();
        for (int i = 0; i < notifiers.size(); i++) {
            invalidate(notifiers.get(i));
        }
    }

    private void invalidate(MmuNotifier notifier) {
        invalidate(notifier, reserved(), MmuNotifier.Reason.UNMAPPED);
        invalidate(notifier, busy(), MmuNotifier.Reason.DISCARDED);
        invalidate(notifier, occupied(), stopsFaults() ? MmuNotifier.Reason.REPLACED : MmuNotifier.Reason.PROTECTED);
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
            CompletePhase.run(operation, this);
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
        PageRetirement pages = pageRetirement;
        if (pages != null) {
            pages.rest();
        }
    }

    private void reportFailure() {
        Throwable first = takeFailure();
        if (first != null) {
            String what = "the retirement of " + operation + " failed, and is retried until it succeeds";
            machine().report(Report.Kind.RETIREMENT_FAILED, what, first);
        }
    }

    private void report(Throwable thrown) {
        machine().report(Report.Kind.CALLBACK_FAILED, "retiring of " + operation, thrown);
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
