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
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * An operation between publication and completion: the ranges that belong to it, and what completion has to do.
 *
 * <p>It is the owner of its reservations in the tree, and its VMAs there have its gate. Nobody else merges with those,
 * cuts them or replaces them; who names such a range waits for the gate. Everything in it is guarded by the layout
 * lock, but for what is said to be otherwise. Once it is complete, nothing that lives on leads to it.
 *
 * <p><b>Retirement cannot fail half-way.</b> What it needs is taken before publication: a bounded depth of stack, a
 * worker, a first block of room that is used again and again, and the place in the list of waiting calls, which is this
 * object. The worker stays until the last page action is done. If a worker is missing the operation is refused with
 * {@code EAGAIN}, for want of memory or stack with {@code ENOMEM}; nothing has changed then. What an embedder's code
 * throws is caught call by call and reported. If a step fails all the same, the range stays in flight, with its VMAs
 * linked to their files; that is reported once, and a thread of the machine goes on where the step began, after pauses
 * that grow up to a second. The caller of a synchronous operation waits for that, and a future completes only after it.
 *
 * <p>An asynchronous operation keeps no thread and no worker while it waits for a CPU, a copy, a page or a grace
 * period: it is one of the {@linkplain WaitingCalls waiting calls} then.
 */
public final class InFlightRange extends WaitingCall {
    /** The operation whose pages this thread is retiring: whoever that calls must not wait. */
    private static final ThreadLocal<@Nullable InFlightRange> RETIRING = new ThreadLocal<>();

    private static final long FIRST_PAUSE = 1_000_000;
    private static final long LONGEST_PAUSE = 1_000_000_000;

    private final Operation operation;
    private final InFlightGate gate = new InFlightGate(this);

    /** Where something was unmapped: free for look-ups, reserved for allocation. */
    private Ranges reserved = Ranges.NONE;

    /** Where VMAs lie that are in transit. */
    private Ranges occupied = Ranges.NONE;

    /* Bounds of both: every operation elsewhere asks every transit, and is nearly always outside of them. */
    private long low = -1;
    private long high;

    /** Ranges whose pages are changed, while what is mapped there stays as it is: only who names them waits. */
    private Ranges busy = Ranges.NONE;

    private List<Move> moves = List.of();
    private List<PageAction> actions = List.of();

    /** VMAs that have left the layout and are linked to their files until their pages are retired. */
    private List<Vma> linked = List.of();

    /**
     * Of the copies for children that were under way at publication: what they copy must not be taken away under them.
     */
    private List<Gate> copies = List.of();

    /** Addresses at which two VMAs may become one at completion. */
    private List<Join> joins = List.of();

    private @Nullable Counters uncharged;

    /** Bytes to give back to the host. */
    public long bytes;

    /** Shared objects that are mapped less often. */
    public @Nullable IdentityHashMap<SharedAnonymous, Integer> objects;

    private List<Vma> held = List.of();

    /** New mappings over these reservations, which may be used only once this is complete. */
    private List<InFlightRange> successors = List.of();

    /** Until publication: over whose reservations this is stored. */
    private List<InFlightRange> predecessors = List.of();

    /**
     * What has to end before this is complete: its own retiring, and transits over whose reservations it was stored.
     */
    private int awaited = 1;

    /** Whether its own part is over: retired, and counted so. */
    private boolean isArrived;

    /** Whether it is being completed, in an edit that is not published yet: its VMAs may be joined. */
    private boolean completing;

    private @Nullable CompletableFuture<Long> future;

    /* Of the thread that retires it, from publication on; handed on by the list of waiting calls. */

    /** What it does to pages; null where there are none. */
    private @Nullable Retirement retiring;

    private boolean isTold;

    /** How long it pauses after its latest failure; 0 before the first. */
    private long pause;

    /** Until when; 0 if the latest step has not failed. */
    private long dueNanos;

    /** What the first step that failed has thrown, until it is reported. */
    private @Nullable Throwable failure;

    public InFlightRange(Operation operation) {
        this.operation = operation;
    }

    /** The innermost transit whose retiring runs on this thread, or null. */
    public static @Nullable InFlightRange ofThisThread() {
        return RETIRING.get();
    }

    /** What is in transit, for people. */
    public Operation operation() {
        return operation;
    }

    /** What its VMAs are behind, and operations that name its ranges. */
    public InFlightGate gate() {
        return gate;
    }

    /**
     * Opens the gate, and lets go of what others may need longer than this. Caller wakes the waiters without a lock.
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
     * Whether another mapping may be stored over its reservations before it is complete: they are a {@code munmap}'s,
     * so whichever of the two comes first to a page there drops it. The pages that an {@code mremap} has reserved go on
     * elsewhere; a heap, an attachment, a mapping that shrinks and a space that ends decide anew about their ranges.
     */
    public boolean givesUpItsRange() {
        return operation.isMunmap();
    }

    public Ranges occupied() {
        return occupied;
    }

    public List<Move> moves() {
        return moves;
    }

    /** The pages of a range go where another begins. */
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

    /** Whether pages go from where they are: also those that a fork may be copying. */
    public boolean takesPagesAway() {
        return !reserved.isEmpty() || stopsFaults();
    }

    /** Waits for the copies that were under way at publication. */
    public void awaitCopies() {
        List<Gate> noted = copies;
        for (int i = 0; i < noted.size(); i++) {
            noted.get(i).awaitUninterruptibly(operation);
        }
    }

    /** Whether the copies that were under way at publication have ended. */
    public boolean areCopiesOver() {
        List<Gate> noted = copies;
        for (int i = 0; i < noted.size(); i++) {
            if (!noted.get(i).isOpen()) {
                return false;
            }
        }
        return true;
    }

    /** What will retire its pages. Called before publication. */
    public void retireBy(@Nullable Retirement prepared) {
        retiring = prepared;
    }

    public boolean stopsFaults() {
        return gate.stopsFaults();
    }

    /** What was unmapped, as it still counts against the limits; null for nothing. */
    public @Nullable Counters uncharged() {
        return uncharged;
    }

    /** Has a VMA that was unmapped count against the limits until completion. */
    public void countUnmapped(Vma vma, long pages) {
        if (uncharged == null) {
            uncharged = new Counters();
        }
        uncharged.count(vma, pages, 1);
    }

    /**
     * Takes the VMAs that left the tree and were held until completion because they have opens. Whoever finds a VMA of
     * this finds this, so it must not keep them.
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

    /** Two VMAs that meet here are to be tried at completion, because until then they cannot be joined. */
    public void joinLater(long address) {
        addJoin(new Join(address, false));
    }

    /** The same, of two that another transit, complete by now, has cut apart. */
    public void joinLater(Join join) {
        addJoin(join);
    }

    /** What lies on both sides of an address is one VMA but for this transit. */
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

    /** Has this stored over the reservations of others, once it is published. */
    public void follow(List<InFlightRange> others) {
        predecessors = others;
    }

    /** Makes room where {@link #depart} notes this: that does not fail then. */
    public void prepareToDepart() {
        for (InFlightRange predecessor : predecessors) {
            ArrayList<InFlightRange> more = new ArrayList<>(predecessor.successors.size() + 1);
            more.addAll(predecessor.successors);
            predecessor.successors = more;
        }
    }

    /** It is published: from now on it waits for those over whose reservations it was stored. */
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

    /** Whether there is only one thing more to wait for. */
    public boolean isLast() {
        return awaited == 1;
    }

    /** One thing less to wait for. */
    public void arrive() {
        awaited--;
    }

    /** Its own retirement is one of the things that it waits for, and is over. */
    public void arriveItself() {
        isArrived = true;
        arrive();
    }

    public void beginCompletion() {
        completing = true;
    }

    /** The edit that was to complete it is not published. */
    public void undoCompletion() {
        completing = false;
    }

    public boolean isCompleting() {
        return completing;
    }

    /**
     * Whether completion has to clear whole reservations, or open a gate, and nothing else: no VMA may be joined or was
     * stored over a reservation, and no other transit is waited for or waits.
     */
    public boolean isAlone() {
        boolean untouched = reserved.isEmpty() || !reserved.overlap(occupied);
        return untouched && joins.isEmpty() && successors.isEmpty() && awaited == 1;
    }

    /** Has a future completed, with the operation's result, when this is complete. Caller is the operation's thread. */
    public void promise(CompletableFuture<Long> promised) {
        future = promised;
    }

    /**
     * Has a thread of the machine complete the future, if there is one. Caller has completed this, and holds no lock.
     */
    public void keepPromise() {
        if (future != null) {
            submit();
        }
    }

    /** Has a thread of the machine go on with this. */
    public void submit() {
        operation.layout().host().submit(this);
    }

    /** Retires and completes, on the operation's thread. Caller must hold no lock, and call this once. */
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
     * Retires and completes as far as that is possible without waiting; then it is listed. For a thread of the machine.
     */
    @Override
    public void run() {
        boolean isOver = false;
        try {
            reportFailure();
            if (gate.isOpen()) {
                operation.complete(Objects.requireNonNull(future, "future"));
                isOver = true;
            } else {
                isOver = goOn(true);
            }
        } finally {
            // Also after an Error: nobody else goes on with this.
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

    /** Goes on where it is; returns whether its own part is over. */
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

    /** Whether it has pages to retire, or somebody to tell. */
    private boolean callsOthers() {
        return retiring != null || (!isTold && operation.layout().tellsOfTransits());
    }

    /** Retires; for the code of others that is called meanwhile, this thread is the one that does. */
    private boolean retireAsThisThread(boolean mayRest) {
        InFlightRange outer = RETIRING.get();
        try {
            RETIRING.set(this);
            return retire(mayRest);
        } finally {
            if (outer == null) {
                RETIRING.remove();
            } else {
                RETIRING.set(outer);
            }
        }
    }

    private boolean end() {
        try {
            Completion.of(this);
            return true;
        } catch (Throwable thrown) {
            if (isArrived) {
                // It has happened; what has failed are the tasks that it leaves.
                report(thrown);
                return true;
            }
            fail(thrown);
            return false;
        }
    }

    /**
     * Has it tried again after a pause. The first failure is reported by the thread that tries again: this one may be
     * at the end of its stack.
     */
    private void fail(Throwable thrown) {
        boolean isFirst = pause == 0;
        pause = isFirst ? FIRST_PAUSE : Math.min(2 * pause, LONGEST_PAUSE);
        // Never 0, which means that no pause is under way.
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

    /** The notifiers come first: when the pages go, nobody has anything of them any more. */
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
        RetirementHook retirement = operation.layout().host().retirement();
        if (retirement != RetirementHook.NOTHING) {
            retirePages(retirement);
        }
    }

    private void retirePages(RetirementHook retirement) {
        try {
            retirement.retire(this);
        } catch (Throwable thrown) {
            report(thrown);
        }
    }

    private void invalidate(MmuNotifier notifier) {
        invalidate(notifier, reserved, MmuNotifier.Reason.UNMAPPED);
        invalidate(notifier, busy, MmuNotifier.Reason.DISCARDED);
        invalidate(notifier, occupied, stopsFaults() ? MmuNotifier.Reason.REPLACED : MmuNotifier.Reason.PROTECTED);
    }

    /** A range of which a notifier fails to take note does not keep the others from it. */
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

    /** The operation and its ranges. */
    @Override
    public String toString() {
        return operation + ", in transit at " + reserved + (reserved.size() == 0 || occupied.size() == 0 ? "" : ", ")
                + occupied;
    }

    /**
     * Pages that are moved.
     *
     * @param from the first address of where they were
     * @param to the first address of where they will be
     * @param length bytes
     */
    public record Move(long from, long to, long length) {}

    /**
     * Where two VMAs may be joined.
     *
     * @param address where they meet
     * @param isSeam whether they were one, by the rules, when this was published
     */
    public record Join(long address, boolean isSeam) {}
}
