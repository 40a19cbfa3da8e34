// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.Report;
import dev.samara.core.internal.file.SharedAnonymous;
import dev.samara.core.internal.op.Completion;
import dev.samara.core.internal.op.Operation;
import dev.samara.core.internal.op.Retirement;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Ranges;
import dev.samara.core.internal.sync.WaitingCall;
import dev.samara.core.internal.sync.WaitingCalls;
import dev.samara.core.internal.vma.Life;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The ranges of an operation in flight, from its publication to its completion, and the work of its completion.
 *
 * <p>This object is the owner of the operation's reservations in the tree, and its VMAs there have its gate. No other
 * operation merges, cuts or replaces these VMAs; an operation that names a range of them waits for the gate. The layout
 * lock guards all fields, except where a comment says otherwise. After completion no live object leads to this one.
 *
 * <p><b>Retirement cannot fail half-way.</b> Its resources are taken before publication: a bounded depth of stack, a
 * worker, a first block of memory that is used repeatedly, and the entry in the list of waiting calls, which is this
 * object. The worker stays until the last page action is done. If a worker is missing the operation is refused with
 * {@code EAGAIN}; for want of memory or stack it is refused with {@code ENOMEM}. A refused operation has changed
 * nothing. An exception of an embedder's code is caught at each call and reported. If another step fails, the range
 * stays in flight, with its VMAs linked to their files. The failure is reported once. A thread of the machine then
 * repeats the step, after pauses that grow up to a second. The caller of a synchronous operation waits for that, and a
 * future completes only after it.
 *
 * <p>An asynchronous operation keeps no thread and no worker while it waits for a CPU, a copy, a page or a grace
 * period: meanwhile it is one of the {@linkplain WaitingCalls waiting calls}.
 */
public final class InFlightRange extends WaitingCall {
    private static final long FIRST_PAUSE = 1_000_000;
    private static final long LONGEST_PAUSE = 1_000_000_000;

    private final Operation operation;
    private final InFlightGate gate = new InFlightGate(this);

    /** The unmapped ranges: free for lookups, reserved for allocation. */
    private Ranges reserved = Ranges.NONE;

    /** The ranges whose VMAs are in flight. */
    private Ranges occupied = Ranges.NONE;

    /* Bounds of all ranges. Each operation checks every range in flight, and is nearly always outside of them. */
    private long low = -1;
    private long high;

    /** Ranges whose pages are changed while their VMAs stay: only operations that name these ranges wait. */
    private Ranges busy = Ranges.NONE;

    private List<Move> moves = List.of();
    private List<PageAction> actions = List.of();

    /** VMAs that left the layout and stay linked to their files until their pages are retired. */
    private List<Vma> linked = List.of();

    /**
     * The gates of the children's copies that ran at publication. The pages that they copy must stay until they end.
     */
    private List<Gate> copies = List.of();

    /** Addresses at which two VMAs may be joined at completion. */
    private List<Join> joins = List.of();

    private @Nullable Counters uncharged;

    /** The bytes to uncharge from the machine. */
    public long bytes;

    /** The shared objects to uncharge, each with its number of removed mappings. */
    public @Nullable IdentityHashMap<SharedAnonymous, Integer> objects;

    private List<Vma> held = List.of();

    /** New mappings over these reservations; they may be used only after this range is complete. */
    private List<InFlightRange> successors = List.of();

    /** Until publication: the ranges in flight over whose reservations this one is stored. */
    private List<InFlightRange> predecessors = List.of();

    /**
     * The number of events before completion: the end of its own retirement, and of each range over whose reservations
     * it was stored.
     */
    private int awaited = 1;

    /** Whether its own retirement has ended and is subtracted from {@code awaited}. */
    private boolean isArrived;

    /** Whether an edit that is not published yet completes it: its VMAs may be joined. */
    private boolean completing;

    /** The task that ends an asynchronous call after completion; null for a synchronous one. */
    private @Nullable Runnable last;

    /* Used by the thread that retires the range, from publication on; the waiting calls hand the range on. */

    /** The retirement of its pages; null for none. */
    private @Nullable Retirement retiring;

    private boolean isTold;

    /** Nanoseconds of the pause after the latest failure; 0 before the first. */
    private long pause;

    /** The end of the pause, as {@link System#nanoTime}; 0 if the latest step did not fail. */
    private long dueNanos;

    /** The exception of the first failed step, until it is reported. */
    private @Nullable Throwable failure;

    public InFlightRange(Operation operation) {
        this.operation = operation;
    }

    public Operation operation() {
        return operation;
    }

    /** Returns the gate of its VMAs; operations that name its ranges wait for it. */
    public InFlightGate gate() {
        return gate;
    }

    /**
     * Opens the gate and clears the lists of objects that may live longer. Returns the waiters. Caller holds the layout
     * lock, and wakes the waiters without it.
     */
    public Gate.@Nullable Waiter complete() {
        copies = List.of();
        joins = List.of();
        successors = List.of();
        moves = List.of();
        actions = List.of();
        return gate.complete();
    }

    public Ranges reserved() {
        return reserved;
    }

    /**
     * Returns whether another mapping may be stored over its reservations before completion. Only those of a {@code
     * munmap} may be: the first of the two operations to reach a page there drops it. The pages that an {@code mremap}
     * has reserved continue elsewhere. A heap, an attachment, a mapping that shrinks, and a space that ends decide
     * again about their ranges.
     */
    public boolean givesUpItsRange() {
        return operation.isMunmap();
    }

    public Ranges occupied() {
        return occupied;
    }

    Ranges busy() {
        return busy;
    }

    public List<Move> moves() {
        return moves;
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
        actions.add(action);
        busy = busy.with(action.start(), action.end());
        widen(action.start(), action.end());
    }

    public void keepLinked(List<Vma> vmas) {
        linked = vmas;
    }

    public void note(List<Gate> underWay) {
        copies = underWay;
    }

    /** Returns whether the retirement removes or moves pages, which a fork may be copying. */
    public boolean takesPagesAway() {
        return !reserved.isEmpty() || stopsFaults();
    }

    /** Waits until the copies that ran at publication have ended. */
    public void awaitCopies() {
        List<Gate> noted = copies;
        for (int i = 0; i < noted.size(); i++) {
            noted.get(i).awaitUninterruptibly(operation);
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

    /** Sets the retirement of its pages. Called before publication. */
    public void retireBy(@Nullable Retirement prepared) {
        retiring = prepared;
    }

    public boolean stopsFaults() {
        return gate.stopsFaults();
    }

    /** Returns the counters of the unmapped VMAs, which count against the limits until completion; null for none. */
    public @Nullable Counters uncharged() {
        return uncharged;
    }

    /** Counts an unmapped VMA against the limits until completion. */
    public void countUnmapped(Vma vma, long pages) {
        if (uncharged == null) {
            uncharged = new Counters();
        }
        uncharged.count(vma, pages, 1);
    }

    /**
     * Returns and forgets the VMAs with opens that left the tree and whose retiring bit is set. A VMA leads to this
     * object, which must not keep others reachable.
     */
    public List<Vma> takeHeld() {
        List<Vma> taken = held;
        held = List.of();
        return taken;
    }

    public void hold(List<Vma> vmas) {
        held = vmas;
    }

    public void reserve(long start, long end) {
        reserved = reserved.with(start, end);
        widen(start, end);
    }

    public void occupy(long start, long end, boolean gated) {
        occupied = occupied.with(start, end);
        widen(start, end);
        if (gated) {
            gate.stopFaults();
        }
    }

    private void widen(long start, long end) {
        low = Long.compareUnsigned(start, low) < 0 ? start : low;
        high = Long.compareUnsigned(end, high) > 0 ? end : high;
    }

    public boolean touches(long start, long end) {
        return Long.compareUnsigned(start, high) < 0
                && Long.compareUnsigned(low, end) < 0
                && (reserved.overlap(start, end) || occupied.overlap(start, end) || busy.overlap(start, end));
    }

    /**
     * Requests that completion tries to join the two VMAs that meet at an address; until then they cannot be joined.
     */
    public void joinLater(long address) {
        addJoin(new Join(address, false));
    }

    /** Takes over a join from another range in flight that is complete. */
    public void joinLater(Join join) {
        addJoin(join);
    }

    /** Records that only this range in flight separates the VMA on both sides of an address. */
    public void addSeam(long address) {
        addJoin(new Join(address, true));
    }

    private void addJoin(Join join) {
        for (int i = 0; i < joins.size(); i++) {
            Join known = joins.get(i);
            if (known.address == join.address) {
                joins.set(i, known.isSeam ? known : join);
                return;
            }
        }
        if (joins.isEmpty()) {
            joins = new ArrayList<>(2);
        }
        joins.add(join);
    }

    public List<Join> joins() {
        return joins;
    }

    /** Sets the ranges in flight over whose reservations this one is stored once it is published. */
    public void follow(List<InFlightRange> others) {
        predecessors = others;
    }

    /** Allocates the capacity for {@link #depart}, which then does not fail. */
    public void prepareToDepart() {
        for (InFlightRange predecessor : predecessors) {
            ArrayList<InFlightRange> more = new ArrayList<>(predecessor.successors.size() + 1);
            more.addAll(predecessor.successors);
            predecessor.successors = more;
        }
    }

    /** Makes this range wait for the ranges over whose reservations it is stored. Called at publication. */
    public void depart() {
        for (int i = 0; i < predecessors.size(); i++) {
            predecessors.get(i).successors.add(this);
            awaited++;
        }
        predecessors = List.of();
    }

    public List<InFlightRange> successors() {
        return successors;
    }

    /** Returns whether it waits for one more event. */
    public boolean isLast() {
        return awaited == 1;
    }

    public void arrive() {
        awaited--;
    }

    /** Records that its own retirement has ended. */
    public void arriveItself() {
        isArrived = true;
        arrive();
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
     * Returns whether completion only clears whole reservations or opens a gate. No VMA may be joined or was stored
     * over a reservation, and no other range in flight waits for it or is waited for.
     */
    public boolean isAlone() {
        boolean untouched = reserved.isEmpty() || !reserved.overlap(occupied);
        return untouched && joins.isEmpty() && successors.isEmpty() && awaited == 1;
    }

    /** Sets the task that a thread of the machine runs after completion. Caller is the operation's thread. */
    public void runAfter(Runnable task) {
        last = task;
    }

    /**
     * Requests that a thread of the machine runs the task after completion, if there is one. Caller has completed this
     * range and holds no lock.
     */
    public void submitLast() {
        if (last != null) {
            submit();
        }
    }

    /** Requests that a thread of the machine runs {@link #run}. */
    public void submit() {
        operation.layout().host().submit(this);
    }

    /**
     * Retires and completes the range on the operation's thread, and waits until it is complete. Called once. Caller
     * must hold no lock.
     */
    public void retireAndWait() {
        boolean isOver = false;
        try {
            isOver = goOn(false);
        } finally {
            if (!isOver) {
                operation.layout().host().waitingCalls().add(this);
            }
        }
        if (!isOver) {
            gate.awaitUninterruptibly(operation);
        }
    }

    /**
     * Retires and completes the range as far as possible without waiting, then adds it to the waiting calls. For a
     * thread of the machine.
     */
    @Override
    public void run() {
        boolean isOver = false;
        try {
            reportFailure();
            if (gate.isOpen()) {
                Objects.requireNonNull(last, "last").run();
                isOver = true;
            } else {
                isOver = goOn(true);
            }
        } finally {
            // Also after an Error: no other thread continues this range.
            if (!isOver) {
                operation.layout().host().waitingCalls().add(this);
            }
        }
    }

    @Override
    protected boolean isReady() {
        Retirement pages = retiring;
        if (gate.isOpen()) {
            return true;
        }
        return dueNanos != 0 ? System.nanoTime() - dueNanos >= 0 : pages == null || pages.isReady();
    }

    /** Continues at the current step; returns whether its own retirement has ended. */
    private boolean goOn(boolean mayRest) {
        try {
            dueNanos = 0;
            if (callsOthers() && !retireAsThisThread(mayRest)) {
                return false;
            }
            for (int i = 0; i < linked.size(); i++) {
                Life.unlink(linked.get(i));
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
        return retiring != null || (!isTold && !operation.layout().notifiers().isEmpty());
    }

    /** Retires with this range as that of the thread, for the code that its callbacks call. */
    private boolean retireAsThisThread(boolean mayRest) {
        InFlightRange outer = RetiringThread.range();
        try {
            RetiringThread.set(this);
            return retire(mayRest);
        } finally {
            RetiringThread.set(outer);
        }
    }

    private boolean end() {
        try {
            Completion.of(this);
            return true;
        } catch (Throwable thrown) {
            if (isArrived) {
                // The range has ended; only the tasks after it have failed.
                report(thrown);
                return true;
            }
            fail(thrown);
            return false;
        }
    }

    /**
     * Schedules another attempt after a pause. The thread of that attempt reports the first failure: this thread may be
     * at the end of its stack.
     */
    private void fail(Throwable thrown) {
        boolean isFirst = pause == 0;
        pause = isFirst ? FIRST_PAUSE : Math.min(2 * pause, LONGEST_PAUSE);
        // Never 0: 0 means that there is no pause.
        dueNanos = System.nanoTime() + pause | 1;
        if (isFirst) {
            failure = thrown;
        }
        Retirement pages = retiring;
        if (pages != null) {
            pages.rest();
        }
    }

    private void reportFailure() {
        Throwable first = failure;
        if (first != null) {
            failure = null;
            String what = "the retirement of " + operation + " has failed, and is tried again until it succeeds";
            operation.layout().host().report(Report.Kind.RETIREMENT_FAILED, what, first);
        }
    }

    /** Notifiers run first: no secondary MMU uses the pages after they are retired. */
    private boolean retire(boolean mayRest) {
        if (!isTold) {
            isTold = true;
            tell();
        }
        Retirement pages = retiring;
        return pages == null || pages.advance(mayRest);
    }

    private void tell() {
        List<MmuNotifier> notifiers = operation.layout().notifiers();
        for (int i = 0; i < notifiers.size(); i++) {
            invalidate(notifiers.get(i));
        }
    }

    private void invalidate(MmuNotifier notifier) {
        invalidate(notifier, reserved, MmuNotifier.Reason.UNMAPPED);
        invalidate(notifier, busy, MmuNotifier.Reason.DISCARDED);
        invalidate(notifier, occupied, stopsFaults() ? MmuNotifier.Reason.REPLACED : MmuNotifier.Reason.PROTECTED);
    }

    /** Calls a notifier for each range; an exception for one range is reported and does not prevent the others. */
    private void invalidate(MmuNotifier notifier, Ranges ranges, MmuNotifier.Reason reason) {
        for (int i = 0; i < ranges.size(); i++) {
            try {
                notifier.invalidate(ranges.start(i), ranges.end(i), reason);
            } catch (Throwable thrown) {
                report(thrown);
            }
        }
    }

    private void report(Throwable thrown) {
        operation.layout().host().report(Report.Kind.CALLBACK_FAILED, "retiring of " + operation, thrown);
    }

    @Override
    public String toString() {
        return operation + ", in transit at " + reserved + (reserved.size() == 0 || occupied.size() == 0 ? "" : ", ")
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

    /**
     * An address at which two VMAs may be joined.
     *
     * @param address the boundary of the two VMAs
     * @param isSeam whether the rules allowed the two to be one VMA when this was published
     */
    public record Join(long address, boolean isSeam) {}
}
