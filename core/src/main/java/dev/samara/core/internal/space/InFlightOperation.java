// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.RetriedCall;
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
 * other operation merges, splits or replaces these VMAs; an operation that names a range of them waits at the gate. The
 * layout lock guards all fields; the thread that retires the operation reads its parts {@link #footprint} and {@link
 * #movesAndActions} without it, since they do not change any more. After completion no live object leads to this one.
 *
 * <p>The run of the retire phase extends this class; this class only notifies it of the completion. The two are one
 * object, so listing the run as a {@linkplain RetriedCall waiting call} allocates nothing.
 */
public abstract class InFlightOperation extends RetriedCall {
    private final InFlightGate gate = new InFlightGate(this);
    private final Footprint footprint = new Footprint();
    private final CompletionWork completionWork = new CompletionWork();

    private MovesAndActions movesAndActions = MovesAndActions.NONE;

    /** Opens when the last batch is published; null for an operation that publishes once. */
    private @Nullable Gate publication;

    private EarlyReuseOrder<InFlightOperation> order = EarlyReuseOrder.alone();

    /** Whether its own retirement has ended. */
    private boolean isArrived;

    /**
     * Whether an edit that is not published yet completes this range: its VMAs may be joined.
     *
     * @words {@code awaited}, {@code completing} and all other fields of {@code InFlightOperation}, {@code
     *     EarlyReuseOrder}
     * @written holder of the district's lock (plain)
     * @read holder of the district's lock (plain); {@code movesAndActions} also by the thread that retires the
     *     operation (plain)
     * @invariant in the list of {@code InFlightOperations} from publication to completion; that of an operation that
     *     publishes in batches from before its first batch
     */
    private boolean completing;

    /** Returns the operation, which reports long waits and has the text of messages. */
    public abstract WaitReporter operation();

    /**
     * Returns whether another mapping may be stored over its reservations before completion. Only those of a {@code
     * munmap} may be: the first of the two operations to reach a page there drops it. The pages that an {@code mremap}
     * has reserved continue elsewhere. A heap, an attachment, a mapping that shrinks, and a space that ends decide
     * again about their ranges.
     */
    public abstract boolean givesUpItsRange();

    /** Is called after completion, once and without a lock. */
    public abstract void completed();

    /** Returns the gate of its VMAs; operations that name its ranges wait for it. */
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

    /** Returns the gate that opens when the last batch is published; null if it was, or there is one batch. */
    @Nullable
    Gate publication() {
        return publication;
    }

    /** Begins a batch: {@link #undoBatch} removes what is added from here on. */
    public void beginBatch() {
        footprint.beginBatch();
        movesAndActions.beginBatch();
        completionWork.beginBatch();
    }

    /** Removes what the batch that is not published has added. Nothing is allocated. */
    public void undoBatch() {
        footprint.undoBatch();
        movesAndActions.undoBatch();
        completionWork.undoBatch();
    }

    /** Adds a range whose VMAs are in flight; faults wait there too if it is gated. */
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

    /** Notes the gates of the copies that run at publication. */
    public void note(List<Gate> underWay) {
        movesAndActions = movesAndActions.after(underWay);
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

    /** Returns whether the retirement may take pages whose frames it has not freed yet. */
    boolean freesPages() {
        return takesPagesAway() || !movesAndActions.actions().isEmpty();
    }

    /* The order of completions: that of early reuse. */

    /** Returns whether other ranges wait for the completion of this one, or it waits for theirs. */
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

    /** Returns the ranges that are stored over reservations of this one. */
    public List<InFlightOperation> successors() {
        return order.successors();
    }

    /** Returns whether it waits for one more event: the end of its own retirement, or of a predecessor's. */
    public boolean isLast() {
        return order.awaited() + (isArrived ? 0 : 1) == 1;
    }

    /** Records that the retirement of a predecessor has ended. */
    public void arrive() {
        order.arrive();
    }

    /** Records that its own retirement has ended. */
    public void arriveItself() {
        isArrived = true;
    }

    public boolean isArrived() {
        return isArrived;
    }

    /* The completion. */

    /**
     * Returns whether completion only clears whole reservations or opens a gate. No VMA may be joined or was stored
     * over a reservation, and no other range in flight waits for it or is waited for.
     */
    public boolean isAlone() {
        return completionWork.joins().isEmpty() && order.isAlone() && (isBatched() || !footprint.occupiesReserved());
    }

    public void beginCompletion() {
        completing = true;
    }

    /** Reverts {@link #beginCompletion}: the edit was not published. */
    public void undoCompletion() {
        completing = false;
    }

    public boolean isCompleting() {
        return completing;
    }

    /**
     * Opens the gate and drops the objects that may live longer. Caller holds the layout lock, and calls {@link
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
