// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.WaitReporter;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An operation in flight, from its publication to its completion. Each phase uses its own part: the {@link Footprint}
 * that other operations wait for, the {@link MovesAndActions}, the {@link CompletionWork}, and the {@link
 * EarlyReuseOrder} of its completion. This class contains what several phases share, and the gate that the completion
 * opens.
 *
 * <p>This object owns the operation's reservations in the tree, and the operation's VMAs there refer to its gate. No
 * other operation merges, splits or replaces these VMAs; an operation on a range with such a VMA waits at the gate. The
 * layout lock guards all fields; the thread that retires the operation reads its parts {@link #footprint} and {@link
 * #movesAndActions} without the lock, because they no longer change. After completion no live object refers to this
 * one.
 *
 * <p>The run of the retire phase extends this class; this class only notifies it of the completion. The two are one
 * object, so listing the run as a {@linkplain Housekeeping.RetriedWaiter waiting call} allocates nothing.
 */
public abstract class InFlightOperation extends Housekeeping.RetriedWaiter {
    private final InFlightGate gate = new InFlightGate(this);
    private final Footprint footprint = new Footprint();
    private final CompletionWork completionWork = new CompletionWork();

    private MovesAndActions movesAndActions = MovesAndActions.NONE;

    /** Opens when the last batch is published; null for an operation that publishes once. */
    private @Nullable Gate publication;

    private EarlyReuseOrder<InFlightOperation> order = EarlyReuseOrder.alone();

    /** Whether this operation's own retirement has ended. */
    private boolean isArrived;

    /**
     * Whether an edit that is not published yet completes this range, so that its VMAs may be joined.
     *
     * <p>Words: {@code awaited}, {@code completing} and all other fields of {@code InFlightOperation}, {@code
     *     EarlyReuseOrder}.
     * Written: holder of the district's lock (plain).
     * Read: holder of the district's lock (plain); {@code movesAndActions} also by the thread that retires the
     *     operation (plain).
     * Invariant: the operation is in the list of {@code InFlightOperations} from publication to completion; an
     *     operation that publishes in batches is in the list from before its first batch.
     */
    private boolean completing;

    /** Returns the operation, which reports long waits. Messages contain its text. */
    public abstract WaitReporter operation();

    /**
     * Returns whether another mapping may be stored over this operation's reservations before completion. Only a {@code
     * munmap} allows that, because then either of the two operations may drop a page there. The source of an {@code
     * mremap} contains pages until they are moved. The ranges that {@code brk}, {@code shmdt} or a shrinking {@code
     * mremap} cut off may be needed again when the heap, the attachment or the mapping grows. The teardown does not
     * flush its ranges.
     */
    public abstract boolean givesUpItsRange();

    /** Called once after completion, without a lock. */
    public abstract void completed();

    /** Returns the gate of the operation's VMAs. Operations on its ranges wait for this gate. */
    public InFlightGate gate() {
        return gate;
    }

    public Footprint footprint() {
        return footprint;
    }

    public MovesAndActions movesAndActions() {
        return movesAndActions;
    }

    public CompletionWork completionWork() {
        return completionWork;
    }

    /* Before publication: what the operation adds, in one batch or in several. */

    /** Returns whether the operation publishes in batches, and so keeps all of its ranges until completion. */
    public boolean isBatched() {
        return footprint.isBatched();
    }

    /** Sets the gate that opens when the last batch is published. */
    public void beginPublication(Gate gate) {
        publication = gate;
    }

    public void endPublication() {
        publication = null;
    }

    /**
     * Returns the gate that opens when the last batch is published; null if the last batch was published, or the
     * operation publishes once.
     */
    @Nullable
    Gate publication() {
        return publication;
    }

    /** Starts a batch; {@link #undoBatch} removes everything that is added afterwards. */
    public void beginBatch() {
        footprint.beginBatch();
        movesAndActions.beginBatch();
        completionWork.beginBatch();
    }

    /** Removes what the unpublished batch added. Allocates nothing. */
    public void undoBatch() {
        footprint.undoBatch();
        movesAndActions.undoBatch();
        completionWork.undoBatch();
    }

    /** Adds a range whose VMAs are in flight. If it is gated, faults also wait there. */
    public void occupy(long start, long end, boolean gated) {
        footprint.occupy(start, end);
        if (gated) {
            gate.stopFaults();
        }
    }

    public void move(PageMove move) {
        movesAndActions = movesAndActions.with(move);
    }

    public void act(PageAction action) {
        movesAndActions = movesAndActions.with(action);
        footprint.keepBusy(action.start(), action.end());
    }

    /* What the retirement will do. */

    public boolean stopsFaults() {
        return gate.stopsFaults();
    }

    /** Returns whether the retirement removes or moves pages, which a fork may be copying. */
    public boolean takesPagesAway() {
        return !footprint.reserved().isEmpty() || stopsFaults();
    }

    /** Returns whether the retirement has no page to remove, move, narrow or act on, and no notifier to call. */
    public boolean retiresNothing() {
        return footprint.isUnused() && movesAndActions.moves().isEmpty();
    }

    /** Returns whether the retirement may still have pages to free. */
    boolean freesPages() {
        return takesPagesAway() || !movesAndActions.actions().isEmpty();
    }

    /* The order of completions because of early reuse. */

    /**
     * Returns whether this range must wait for the completion of another one, or another one for the completion of this
     * range.
     */
    public boolean isOrdered() {
        return !order.isAlone();
    }

    /** Sets the ranges in flight over whose reservations this one is stored once it is published. */
    public void follow(List<InFlightOperation> others) {
        order = new EarlyReuseOrder<>(others);
    }

    /** Allocates the capacity for {@link #depart}, which then does not fail. */
    public void prepareToDepart() {
        for (InFlightOperation predecessor : order.predecessors()) {
            predecessor.order = predecessor.order.withRoom();
        }
    }

    /** Makes this range wait for the ranges over whose reservations it is stored. Called at publication. */
    public void depart() {
        List<InFlightOperation> predecessors = order.predecessors();
        if (!predecessors.isEmpty()) {
            for (int i = 0; i < predecessors.size(); i++) {
                predecessors.get(i).order.add(this);
            }
            order.depart();
        }
    }

    /** Returns the ranges that are stored over this range's reservations. */
    public List<InFlightOperation> successors() {
        return order.successors();
    }

    /**
     * Returns whether completion waits for only one more event: the end of this operation's own retirement, or of a
     * predecessor's.
     */
    public boolean isLast() {
        return order.awaited() + (isArrived ? 0 : 1) == 1;
    }

    /** Records that the retirement of a predecessor has ended. */
    public void arrive() {
        order.arrive();
    }

    /** Records that this operation's own retirement has ended. */
    public void arriveItself() {
        isArrived = true;
    }

    public boolean isArrived() {
        return isArrived;
    }

    /* The completion. */

    /**
     * Returns whether completion only clears whole reservations or opens a gate. That is so if there is no VMA to join,
     * no VMA was stored over a reservation, and no other range in flight waits for this one or is awaited by it.
     */
    public boolean isAlone() {
        return completionWork.joins().isEmpty() && order.isAlone() && (isBatched() || !footprint.occupiesReserved());
    }

    public void beginCompletion() {
        completing = true;
    }

    /** Reverts {@link #beginCompletion}, because the edit was not published. */
    public void undoCompletion() {
        completing = false;
    }

    public boolean isCompleting() {
        return completing;
    }

    /**
     * Opens the gate and clears the references to other objects. Caller holds the layout lock, and calls {@link
     * #wakeWaiters} without it.
     */
    public void complete() {
        movesAndActions = MovesAndActions.NONE;
        completionWork.clear();
        order = EarlyReuseOrder.alone();
        gate.complete();
    }

    /** Wakes the threads that waited for this operation, if its gate is open. Called by the thread that opened it. */
    public void wakeWaiters() {
        gate.wakeWaiters();
    }

    @Override
    public String toString() {
        String and = footprint.reserved().isEmpty() || footprint.occupied().isEmpty() ? "" : ", ";
        return operation() + ", in flight at " + footprint.reserved() + and + footprint.occupied();
    }
}
