// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import dev.samara.core.life.Life;
import dev.samara.core.vma.MmuNotifier;
import dev.samara.core.vma.Report;
import dev.samara.core.vma.Vma;
import dev.samara.core.wait.Gate;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * An operation between publication and completion: the ranges that belong to it, and what completion has to do.
 *
 * <p>It is the owner of its reservations in the tree, and the gate of its VMAs there. Nobody else merges with those,
 * cuts them or replaces them; who names such a range waits for the gate. Everything in it is guarded by the layout lock,
 * but for what is said to be otherwise.
 */
public final class Transit extends Gate {
    /** The operation whose pages this thread is retiring: whoever that calls must not wait. */
    private static final ThreadLocal<@Nullable Transit> RETIRING = new ThreadLocal<>();

    private final Operation operation;

    /** Where something was unmapped: free for look-ups, reserved for allocation. */
    private final Ranges reserved = new Ranges();

    /** Where VMAs lie that are in transit. */
    private final Ranges occupied = new Ranges();

    /* Bounds of both: every operation elsewhere asks every transit, and is nearly always outside of them. */
    private long low = -1;
    private long high;

    /** Whether faults wait at the VMAs, too: those replace or move something. Written before publication only. */
    private boolean stopsFaults;

    /** Ranges whose pages are changed, while what is mapped there stays as it is: only who names them waits. */
    private final Ranges busy = new Ranges();

    private List<Move> moves = List.of();
    private List<PageAction> actions = List.of();

    /** VMAs that have left the layout and are linked to their files until their pages are retired. */
    private List<Vma> linked = List.of();

    /** The copies for children that were under way at publication: what they copy must not be taken away under them. */
    private List<Copy> copies = List.of();

    /** Addresses at which two VMAs may become one at completion. */
    private List<Join> joins = List.of();

    private @Nullable Counters uncharged;

    /** Bytes to give back to the host. */
    long bytes;

    /** Shared objects that are mapped less often. */
    @Nullable
    IdentityHashMap<SharedAnonymous, Integer> objects;

    private List<Vma> held = List.of();

    /** New mappings over these reservations, which may be used only once this is complete. */
    private List<Transit> successors = List.of();

    /** Until publication: over whose reservations this is stored. */
    private List<Transit> predecessors = List.of();

    /** What has to end before this is complete: its own retiring, and transits over whose reservations it was stored. */
    private int awaited = 1;

    /** Whether it is being completed, in an edit that is not published yet: its VMAs may be joined. */
    private boolean completing;

    private @Nullable CompletableFuture<Long> future;

    Transit(Operation operation) {
        this.operation = operation;
    }

    /** The innermost transit whose retiring runs on this thread, or null. */
    static @Nullable Transit ofThisThread() {
        return RETIRING.get();
    }

    /** What is in transit, for people. */
    Operation operation() {
        return operation;
    }

    Ranges reserved() {
        return reserved;
    }

    Ranges occupied() {
        return occupied;
    }

    List<Move> moves() {
        return moves;
    }

    /** The pages of a range go where another begins. */
    void move(Move move) {
        if (moves.isEmpty()) {
            moves = new ArrayList<>(1);
        }
        moves.add(move);
    }

    List<PageAction> actions() {
        return actions;
    }

    void act(PageAction action) {
        if (actions.isEmpty()) {
            actions = new ArrayList<>(1);
        }
        actions.add(action);
        busy.add(action.start(), action.end());
        widen(action.start(), action.end());
    }

    void keepLinked(List<Vma> vmas) {
        linked = vmas;
    }

    void note(List<Copy> underWay) {
        copies = underWay;
    }

    /** Whether pages go from where they are: also those that a fork may be copying. */
    boolean takesPagesAway() {
        return !reserved.isEmpty() || stopsFaults;
    }

    /** Waits for the copies that were under way at publication. */
    void awaitCopies() {
        for (Copy copy : copies) {
            copy.awaitUninterruptibly(operation);
        }
    }

    boolean stopsFaults() {
        return stopsFaults;
    }

    /** What was unmapped, as it still counts against the limits; null for nothing. */
    @Nullable
    Counters uncharged() {
        return uncharged;
    }

    /** Has a VMA that was unmapped count against the limits until completion. */
    void countUnmapped(Vma vma, long pages) {
        if (uncharged == null) {
            uncharged = new Counters();
        }
        uncharged.count(vma, pages, 1);
    }

    /**
     * Takes the VMAs that left the tree and were held until completion because they have opens. Whoever finds a VMA of
     * this finds this, so it must not keep them.
     */
    List<Vma> takeHeld() {
        List<Vma> taken = held;
        held = List.of();
        return taken;
    }

    void hold(List<Vma> vmas) {
        held = vmas;
    }

    void reserve(long start, long end) {
        reserved.add(start, end);
        widen(start, end);
    }

    void occupy(long start, long end, boolean gated) {
        occupied.add(start, end);
        widen(start, end);
        stopsFaults |= gated;
    }

    private void widen(long start, long end) {
        low = Long.compareUnsigned(start, low) < 0 ? start : low;
        high = Long.compareUnsigned(end, high) > 0 ? end : high;
    }

    boolean touches(long start, long end) {
        return Long.compareUnsigned(start, high) < 0
                && Long.compareUnsigned(low, end) < 0
                && (reserved.overlap(start, end) || occupied.overlap(start, end) || busy.overlap(start, end));
    }

    /** Two VMAs that meet here are to be tried at completion, because until then they cannot be joined. */
    void joinLater(long address) {
        addJoin(new Join(address, false));
    }

    /** The same, of two that another transit, complete by now, has cut apart. */
    void joinLater(Join join) {
        addJoin(join);
    }

    /** What lies on both sides of an address is one VMA but for this transit. */
    void addSeam(long address) {
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

    List<Join> joins() {
        return joins;
    }

    /** Has this stored over the reservations of others, once it is published. */
    void follow(List<Transit> others) {
        predecessors = others;
    }

    /** It is published: from now on it waits for those over whose reservations it was stored. */
    void depart() {
        for (Transit predecessor : predecessors) {
            if (predecessor.successors.isEmpty()) {
                predecessor.successors = new ArrayList<>(1);
            }
            predecessor.successors.add(this);
            awaited++;
        }
        predecessors = List.of();
    }

    List<Transit> successors() {
        return successors;
    }

    /** One thing less to wait for; true if it was the last. */
    boolean arrive() {
        return --awaited == 0;
    }

    void beginCompletion() {
        completing = true;
    }

    boolean isCompleting() {
        return completing;
    }

    /**
     * Whether completion has to clear whole reservations, or open a gate, and nothing else: no VMA may be joined or was
     * stored over a reservation, and no other transit is waited for or waits.
     */
    boolean isAlone() {
        boolean untouched = reserved.isEmpty() || !reserved.overlap(occupied);
        return untouched && joins.isEmpty() && successors.isEmpty() && awaited == 1;
    }

    /** Has a future completed, with the operation's result, when this is complete. Caller is the operation's thread. */
    void promise(CompletableFuture<Long> promised) {
        future = promised;
    }

    @Nullable
    CompletableFuture<Long> promised() {
        return future;
    }

    /** Retires and completes. Caller must hold no lock, and call this once. */
    void run() {
        Retirement retirement = operation.layout().host().retirement();
        List<MmuNotifier> notifiers = operation.layout().notifiers();
        try {
            boolean hasPages = operation.layout().memoryOrNull() != null;
            if (hasPages || retirement != Retirement.NOTHING || !notifiers.isEmpty()) {
                retire(notifiers, retirement);
            }
        } finally {
            for (Vma vma : linked) {
                Life.unlink(vma);
            }
            linked = List.of();
            Completion.of(this);
        }
    }

    /** The notifiers come first: when the pages go, nobody has anything of them any more. */
    private void retire(List<MmuNotifier> notifiers, Retirement retirement) {
        Transit outer = RETIRING.get();
        RETIRING.set(this);
        try {
            for (MmuNotifier notifier : notifiers) {
                invalidate(notifier);
            }
            try {
                retirePages(retirement);
            } finally {
                Retiring.retire(this);
            }
        } finally {
            if (outer == null) {
                RETIRING.remove();
            } else {
                RETIRING.set(outer);
            }
        }
    }

    private void retirePages(Retirement retirement) {
        try {
            retirement.retire(this);
        } catch (Throwable thrown) {
            report(thrown);
        }
    }

    private void invalidate(MmuNotifier notifier) {
        invalidate(notifier, reserved, MmuNotifier.Reason.UNMAPPED);
        invalidate(notifier, busy, MmuNotifier.Reason.DISCARDED);
        invalidate(notifier, occupied, stopsFaults ? MmuNotifier.Reason.REPLACED : MmuNotifier.Reason.PROTECTED);
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
    record Move(long from, long to, long length) {}

    /**
     * Where two VMAs may be joined.
     *
     * @param address where they meet
     * @param isSeam whether they were one, by the rules, when this was published
     */
    record Join(long address, boolean isSeam) {}
}
