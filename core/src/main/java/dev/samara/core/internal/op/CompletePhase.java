// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.space.BeyondDistrict;
import dev.samara.core.internal.space.District;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.InFlightOperation.PendingJoin;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.LayoutCounters;
import dev.samara.core.internal.sync.Ranges;
import java.util.ArrayList;
import java.util.List;

/**
 * The last phase of an operation in flight. Under the layout lock it clears the reservations, joins the
 * VMAs with their neighbours, uncharges the unmapped pages, and opens the gate. Then it wakes the waiters.
 */
final class CompletePhase {
    /** A completion publishes no result, because the call's result is already known. */
    private static final long NO_RESULT = 0;

    /**
     * The completed ranges: the given range, if it waits for no other range, and the ranges that waited only for it.
     */
    private final List<InFlightOperation> completed = new ArrayList<>(1);

    private final EditedLayout edit;

    private CompletePhase(EditedLayout edit) {
        this.edit = edit;
    }

    /**
     * Ends the retirement of a range, and completes the range if it waits for no other range. If this throws before
     * {@link InFlightOperation#arriveItself} is called, nothing has changed and it may be called again. The caller must
     * hold no lock.
     */
    static void run(OperationState operation, InFlightOperation run) {
        Layout layout = operation.layout();
        boolean alone;
        boolean hasManyJoins;
        boolean done = false;
        District district = layout.lockDistrict(run.low(), run.high());
        try {
            // A completion of several steps is one edit, which is dropped as a whole if a step fails.
            hasManyJoins = hasManyJoins(run);
            alone = (run.isBatched() || run.reserved().size() <= 1) && run.isAlone();
            if (alone) {
                clear(layout, district, run);
                done = true;
                try {
                    CommitCharge.giveBack(layout.host(), run);
                } finally {
                    open(district, run);
                }
            }
        } finally {
            district.unlock();
            if (done) {
                run.wakeWaiters();
                run.completed();
            }
        }
        if (!alone) {
            try {
                joinAndComplete(operation, run, hasManyJoins);
            } catch (BeyondDistrict more) {
                // A neighbour is beyond a border of the district. The step that found it published nothing.
                operation.goBeyondPart();
                joinAndComplete(operation, run, hasManyJoins);
            }
        }
    }

    private static void joinAndComplete(OperationState operation, InFlightOperation run, boolean hasManyJoins) {
        while (hasManyJoins && joinSome(operation, run)) {
            operation.layout().letOthersIn();
        }
        completeWithOthers(operation, run);
    }

    /**
     * Returns whether a range has more VMAs to join than one hold of the lock should join. The caller holds the layout
     * lock.
     */
    private static boolean hasManyJoins(InFlightOperation run) {
        return run.joins().size() > PublicationBatches.most() && !run.isOrdered();
    }

    /**
     * Joins some of the VMAs of a range that has many to join, under a separate hold of the lock. The rest of the
     * completion joins the remaining VMAs. Until then, operations that name the range wait, even for joined VMAs, which
     * have no gate.
     *
     * @return whether more VMAs may be left; false if the rest of the completion joins all that are left
     */
    private static boolean joinSome(OperationState operation, InFlightOperation run) {
        try (EditedLayout edit = EditedLayout.completing(operation, run)) {
            List<PendingJoin> joins = run.joins();
            if (!hasManyJoins(run)) {
                return false;
            }
            run.beginCompletion();
            try {
                for (int i = joins.size() - PublicationBatches.most(); i < joins.size(); i++) {
                    VmaMerge.joinLate(edit, joins.get(i));
                }
                Publication.publish(edit, NO_RESULT);
            } finally {
                run.undoCompletion();
            }
            run.joined(PublicationBatches.most());
            return true;
        }
    }

    /**
     * Completes a range without an edit if {@link InFlightOperation#isAlone} is true, which is the common case. Only
     * the first step may fail.
     */
    private static void clear(Layout layout, District district, InFlightOperation range) {
        Ranges reserved = range.reserved();
        if (!reserved.isEmpty() && !range.isBatched()) {
            district.tree().erase(reserved.start(0), reserved.end(0) - 1, range);
        }
        range.arriveItself();
        LayoutCounters uncharged = range.uncharged();
        if (uncharged != null) {
            layout.uncharge(district, uncharged);
        }
    }

    private static void open(District district, InFlightOperation range) {
        district.inFlight().remove(range);
        range.complete();
    }

    private static void completeWithOthers(OperationState operation, InFlightOperation run) {
        List<InFlightOperation> completed = List.of();
        boolean finished = false;
        try (EditedLayout edit = EditedLayout.completing(operation, run)) {
            CompletePhase phase = new CompletePhase(edit);
            completed = phase.completed;
            List<InFlightOperation> successors = run.successors();
            try {
                phase.end(run);
                Publication.publish(edit, NO_RESULT);
            } finally {
                if (edit.published) {
                    finished = true;
                    run.arriveItself();
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

    private void end(InFlightOperation range) {
        UnmappedRanges.clear(edit, range);
        if (range.isLast()) {
            complete(range);
        }
        for (InFlightOperation successor : range.successors()) {
            if (successor.isLast()) {
                complete(successor);
            }
        }
    }

    private void complete(InFlightOperation range) {
        range.beginCompletion();
        completed.add(range);
        for (PendingJoin join : range.joins()) {
            VmaMerge.joinLate(edit, join);
        }
        edit.release(range);
    }
}
