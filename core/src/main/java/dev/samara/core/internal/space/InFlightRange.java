// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Ranges;
import dev.samara.core.internal.sync.RetriedCall;
import dev.samara.core.internal.sync.Watch;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The ranges of an operation in flight, from its publication to its completion, and the tasks of its completion.
 *
 * <p>This object is the owner of the operation's reservations in the tree, and its VMAs there have its gate. No other
 * operation merges, cuts or replaces these VMAs; an operation that names a range of them waits for the gate. The layout
 * lock guards all fields. After completion no live object leads to this one.
 *
 * <p>Operations extend this class by the run of their retire phase. This class only tells the run of the completion.
 * The two are one object, so an operation allocates one for both, and listing the run as a {@linkplain RetriedCall
 * waiting call} allocates nothing.
 */
public abstract class InFlightRange extends RetriedCall {
    private final InFlightGate gate = new InFlightGate(this);

    /** The unmapped ranges: free for lookups, reserved for allocation. */
    private Ranges reserved = Ranges.NONE;

    /** The ranges whose VMAs are in flight. */
    private Ranges occupied = Ranges.NONE;

    /** Ranges whose pages are changed while their VMAs stay: only operations that name these ranges wait. */
    private Ranges busy = Ranges.NONE;

    /**
     * Ranges that the operation keeps to itself until completion because it publishes in parts. They have all other
     * ranges. None of them is reserved in the tree: allocation asks {@link InFlightRanges#claimOver}.
     */
    private Ranges claimed = Ranges.NONE;

    /**
     * The occupied ranges in the first of the claimed ranges and in the others. The occupied ranges of all parts may
     * not ascend, but these do.
     */
    private Ranges inFirst = Ranges.NONE;

    private Ranges inOthers = Ranges.NONE;

    /** Opens when the last part is published; null for an operation that publishes once. */
    private @Nullable Gate publication;

    /* The sizes of the lists when the part began that is not published yet. */
    private int sealedMoves;
    private int sealedActions;

    /** A copy of the counters of unmapped VMAs when that part began. */
    private @Nullable Counters sealedUncharged;

    /* Bounds of all ranges. Each operation checks every range in flight, and is nearly always outside of them. */
    private long low = -1;
    private long high;

    private List<Move> moves = List.of();
    private List<PageAction> actions = List.of();

    /**
     * The gates of the children's copies that ran at publication. The pages that they copy must stay until they end.
     */
    private List<Gate> copies = List.of();

    /** The joins that completion tries; null as long as there are none. */
    private @Nullable PendingJoins joins;

    /** The counters of the unmapped VMAs; null for none. */
    private @Nullable Counters uncharged;

    private InFlightCharge charge = InFlightCharge.NONE;

    private CompletionOrder<InFlightRange> order = CompletionOrder.alone();

    /** Whether its own retirement has ended. */
    private boolean isArrived;

    /** Whether some of its VMAs were joined before the completion. */
    private boolean isJoining;

    /** Whether an edit that is not published yet completes this range: its VMAs may be joined. */
    private boolean completing;

    /** Returns the operation, which reports long waits and has the text of messages. */
    public abstract Watch operation();

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

    /**
     * Opens the gate and clears the lists of objects that may live longer. Caller holds the layout lock, and calls
     * {@link #wakeWaiters} without it.
     */
    public void complete() {
        copies = List.of();
        joins = null;
        order = CompletionOrder.alone();
        moves = List.of();
        actions = List.of();
        gate.complete();
    }

    /** Wakes the threads that waited for this operation, if its gate is open. Called by the thread that opened it. */
    public void wakeWaiters() {
        gate.wakeWaiters();
    }

    public Ranges reserved() {
        return reserved;
    }

    public Ranges occupied() {
        return occupied;
    }

    public Ranges busy() {
        return busy;
    }

    /** Claims a range until completion, for an operation that publishes in parts. Called before the first part. */
    public void claim(long start, long end) {
        claimed = claimed.with(start, end);
        widen(start, end);
    }

    public Ranges claimed() {
        return claimed;
    }

    /** Returns whether the operation publishes in parts, and so has claimed all of its ranges. */
    public boolean isInParts() {
        return !claimed.isEmpty();
    }

    /** Sets the gate that opens when the last part is published. */
    public void beginPublication(Gate gate) {
        publication = gate;
    }

    public void endPublication() {
        publication = null;
    }

    /** Returns the gate that opens when the last part is published; null if it was, or there is one part. */
    @Nullable
    Gate publication() {
        return publication;
    }

    /** Begins a part: {@link #undoPart} removes what is added from here on. */
    public void beginPart() {
        reserved.seal();
        occupied.seal();
        inFirst.seal();
        inOthers.seal();
        busy.seal();
        sealedMoves = moves.size();
        sealedActions = actions.size();
        if (joins != null) {
            joins.seal();
        }
        sealedUncharged = uncharged == null ? null : uncharged.copy();
    }

    /** Removes what the part that is not published has added. Nothing is allocated. */
    public void undoPart() {
        reserved.unseal();
        occupied.unseal();
        inFirst.unseal();
        inOthers.unseal();
        busy.unseal();
        truncate(moves, sealedMoves);
        truncate(actions, sealedActions);
        if (joins != null) {
            joins.unseal();
        }
        uncharged = sealedUncharged;
    }

    /** Shortens a list to a size. */
    protected static void truncate(List<?> list, int size) {
        for (int i = list.size() - 1; i >= size; i--) {
            list.remove(i);
        }
    }

    public void reserve(long start, long end) {
        reserved = reserved.with(start, end);
        widen(start, end);
    }

    public void occupy(long start, long end, boolean gated) {
        occupied = occupied.with(start, end);
        if (claimed.size() > 1) {
            if (Addresses.contains(claimed.start(0), claimed.end(0), start)) {
                inFirst = inFirst.with(start, end);
            } else {
                inOthers = inOthers.with(start, end);
            }
        }
        widen(start, end);
        if (gated) {
            gate.stopFaults();
        }
    }

    private void widen(long start, long end) {
        low = Addresses.lower(start, low);
        high = Addresses.higher(end, high);
    }

    /** Returns whether an address is in an occupied range. */
    public boolean occupies(long address) {
        return claimed.size() > 1 ? inFirst.contain(address) || inOthers.contain(address) : occupied.contain(address);
    }

    public boolean touches(long start, long end) {
        if (!Addresses.overlap(low, high, start, end)) {
            return false;
        }
        return isInParts()
                ? claimed.overlap(start, end)
                : reserved.overlap(start, end) || occupied.overlap(start, end) || busy.overlap(start, end);
    }

    /**
     * Removes the addresses between its ranges from the first ones of an array, and all if it will have more ranges;
     * returns how many are left.
     */
    int leaveOutOf(long[] borders, int count) {
        boolean isKnown = Addresses.isBelow(low, high) && !isInParts();
        return isKnown ? Borders.leaveOut(borders, count, low, high) : 0;
    }

    /** Returns the lowest address of its ranges. */
    public long low() {
        return low;
    }

    /** Returns the address after the last one of its ranges. */
    public long high() {
        return high;
    }

    public boolean stopsFaults() {
        return gate.stopsFaults();
    }

    /** Returns whether the retirement removes or moves pages, which a fork may be copying. */
    public boolean takesPagesAway() {
        return !reserved.isEmpty() || stopsFaults();
    }

    /** Returns whether the retirement has no page to remove, move, narrow or act on, and no notifier to call. */
    public boolean retiresNothing() {
        return reserved.isEmpty() && occupied.isEmpty() && busy.isEmpty() && moves.isEmpty();
    }

    /** Returns whether the retirement may take pages whose frames it has not freed yet. */
    boolean freesPages() {
        return takesPagesAway() || !actions.isEmpty();
    }

    public List<Move> moves() {
        return moves;
    }

    /** Returns the moves of the part that is not published yet; all of them for an operation that publishes once. */
    public List<Move> partMoves() {
        return sealedMoves == 0 ? moves : moves.subList(sealedMoves, moves.size());
    }

    /** Returns the actions of the part that is not published yet; all of them for an operation that publishes once. */
    public List<PageAction> partActions() {
        return sealedActions == 0 ? actions : actions.subList(sealedActions, actions.size());
    }

    public void move(Move move) {
        if (moves.isEmpty()) {
            moves = new ArrayList<>(1);
        }
        moves.add(move);
    }

    public List<PageAction> actions() {
        return actions;
    }

    public void act(PageAction action) {
        if (actions.isEmpty()) {
            actions = new ArrayList<>(1);
        }
        PageAction last = actions.size() > sealedActions ? actions.get(actions.size() - 1) : null;
        if (last != null && action.continues(last)) {
            actions.set(actions.size() - 1, last.with(action));
        } else {
            actions.add(action);
        }
        busy = busy.with(action.start(), action.end());
        widen(action.start(), action.end());
    }

    public void note(List<Gate> underWay) {
        copies = underWay;
    }

    /** Waits until the copies that ran at publication have ended. */
    public void awaitCopies() {
        List<Gate> noted = copies;
        for (int i = 0; i < noted.size(); i++) {
            noted.get(i).awaitUninterruptibly(operation());
        }
    }

    /** Returns whether the copies that ran at publication have ended. Does not wait. */
    public boolean areCopiesOver() {
        List<Gate> noted = copies;
        for (int i = 0; i < noted.size(); i++) {
            if (!noted.get(i).isOpen()) {
                return false;
            }
        }
        return true;
    }

    /** Returns the counters of the unmapped VMAs, which count against the limits until completion; null for none. */
    public @Nullable Counters uncharged() {
        return uncharged;
    }

    /** Returns a copy of {@link #uncharged} of when the part began that is not published yet; null for none. */
    public @Nullable Counters unchargedBefore() {
        return sealedUncharged;
    }

    /** Counts unmapped VMAs against the limits until completion. */
    public void countUnmapped(Counters unmapped) {
        if (uncharged == null) {
            uncharged = new Counters();
        }
        uncharged.addAll(unmapped);
    }

    public InFlightCharge charge() {
        return charge;
    }

    public void charge(InFlightCharge unmapped) {
        charge = unmapped;
    }

    /**
     * Requests that completion tries to join the two VMAs that meet at an address; until then they cannot be joined.
     */
    public void joinLater(long address) {
        joinLater(new PendingJoin(address, false));
    }

    /** Takes over a join from another range in flight that is complete. */
    public void joinLater(PendingJoin join) {
        if (joins == null) {
            joins = new PendingJoins();
        }
        joins.put(join);
    }

    /** Records that only this range in flight separates the VMA on both sides of an address. */
    public void addSeam(long address) {
        joinLater(new PendingJoin(address, true));
    }

    public List<PendingJoin> joins() {
        return joins == null ? List.of() : joins;
    }

    /** Forgets the last joins of the list, which were tried before the completion. */
    public void joined(int count) {
        if (joins != null) {
            joins.removeLast(count);
        }
        isJoining = true;
    }

    /** Returns whether some of its VMAs were joined already, and have no gate. */
    boolean isJoining() {
        return isJoining;
    }

    /** Returns whether other ranges wait for the completion of this one, or it waits for theirs. */
    public boolean isOrdered() {
        return !order.isAlone();
    }

    /** Sets the ranges in flight over whose reservations this one is stored once it is published. */
    public void follow(List<InFlightRange> others) {
        order = new CompletionOrder<>(others);
    }

    /** Allocates the capacity for {@link #depart}, which then does not fail. */
    public void prepareToDepart() {
        for (InFlightRange predecessor : order.predecessors()) {
            predecessor.order = predecessor.order.withRoom();
        }
    }

    /** Makes this range wait for the ranges over whose reservations it is stored. Called at publication. */
    public void depart() {
        List<InFlightRange> predecessors = order.predecessors();
        if (!predecessors.isEmpty()) {
            for (int i = 0; i < predecessors.size(); i++) {
                predecessors.get(i).order.add(this);
            }
            order.depart();
        }
    }

    /** Returns the ranges that are stored over reservations of this one. */
    public List<InFlightRange> successors() {
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

    /**
     * Returns whether completion only clears whole reservations or opens a gate. No VMA may be joined or was stored
     * over a reservation, and no other range in flight waits for it or is waited for.
     */
    public boolean isAlone() {
        return joins().isEmpty() && order.isAlone() && (isInParts() || !reserved.overlap(occupied));
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

    @Override
    public String toString() {
        return operation() + ", in flight at " + reserved + (reserved.size() == 0 || occupied.size() == 0 ? "" : ", ")
                + occupied;
    }

    /**
     * Pages that are moved.
     *
     * @param from the first address of the source
     * @param to the first address of the target
     * @param length bytes
     */
    public record Move(long from, long to, long length) {}
}
