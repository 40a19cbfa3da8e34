// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.SharedAnonymous.MappingDeltas;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Gate.WaitReporter;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.Ranges;
import dev.samara.core.internal.vma.VmArea;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * An operation in flight, from its publication to its completion.
 *
 * <p>This object owns the operation's reservations in the tree, and the operation's VMAs there refer to its gate. No
 * other operation merges, splits or replaces these VMAs; an operation on a range with such a VMA waits at the gate.
 * After completion no live object refers to this one.
 *
 * <p>The run of the retire phase extends this class; this class only notifies it of the completion. The two are one
 * object, so listing the run as a {@linkplain Housekeeping.RetriedWaiter waiting call} allocates nothing. Lists are
 * allocated when they get their first element, because most operations need none of them.
 */
public abstract class InFlightOperation extends Housekeeping.RetriedWaiter {
    /*
     * The phases of an operation, and what each of them writes. The lock is that of the district.
     *
     * 1. Edit. With the lock held, the operation adds its footprint (the ranges that other operations wait for), the
     *    moves and actions of its retirement, the joins that its completion tries, and what its completion uncharges.
     *    An operation that publishes in batches repeats this with the lock released in between: beginBatch records the
     *    sizes of all lists, and undoBatch returns to them. The operation is listed in InFlightOperations from its
     *    publication on, or from before its first batch.
     *
     * 2. Retirement, without the lock. The footprint, the moves and the actions no longer change. So the thread that
     *    retires the operation reads them without the lock: it published the operation itself, or received it from the
     *    list of waiting calls or the executor. Concurrently, completions of other operations add joins with the lock
     *    held.
     *
     * 3. Completion, with the lock held. The operation clears its reservations, merges VMAs that were kept separate,
     *    uncharges what it unmapped, and opens its gate. Early reuse is the only reason to delay this: a mapping that
     *    was stored over the reservations of munmaps in flight, its predecessors, may be used only after their
     *    retirement has ended. So the mapping's operation completes when its own retirement and those of all its
     *    predecessors have ended, whichever ends last.
     */

    /**
     * Pages that an operation moves.
     *
     * @param from the first address of the source
     * @param to the first address of the target
     * @param length the length in bytes
     */
    public record PageMove(long from, long to, long length) {}

    /**
     * An action of an operation on the pages of a range whose mapping stays.
     *
     * @param kind the action
     * @param start the first address
     * @param end the (exclusive) end
     * @param file the file, for a punched hole
     * @param offset the start of the hole in the file, in bytes, for a punched hole
     */
    public record PageAction(
            Kind kind, long start, long end, @Nullable FilePages file, long offset) {
        public enum Kind {
            /** Removes the pages; the contents of private ones are lost. */
            DISCARD,
            /** Removes the pages of droppable memory that are not pinned. */
            DROP,
            /** Removes the file's pages from all mappings. */
            PUNCH,
            /** Removes the pages and stores guard markers, so that later accesses fault. */
            GUARD,
            /** Removes guard markers. */
            UNGUARD
        }

        /** Returns whether this action continues an earlier one, so that both are one action on a longer range. */
        private boolean continues(PageAction before) {
            return kind == before.kind
                    && start == before.end
                    && file == before.file
                    && (file == null || offset == before.offset + (before.end - before.start));
        }
    }

    /**
     * An address at which an operation's completion tries to merge two VMAs.
     *
     * @param address the boundary of the two VMAs
     * @param isSeam whether the rules allowed the two to be one VMA when the operation was published
     */
    public record PendingJoin(long address, boolean isSeam) {}

    /**
     * The gate of an operation in flight, the only link from a VMA to that operation. A VMA may live as long as its
     * space, so the gate drops its link to the operation at completion.
     */
    private static final class InFlightGate extends Gate {
        /**
         * Null after completion. Guarded by the layout lock; only {@link #toString} reads it without the lock.
         *
         * <p>Written: the operation's completion, holding the district's lock (plain).
         * Read: holder of the district's lock (plain); {@code toString} without the lock: racy, benign because the text
         *     is for people.
         * Invariant: null from the completion on. A VMA therefore retains no completed operation, and no range that was
         *     in flight at the same time.
         */
        private @Nullable InFlightOperation range;

        /**
         * Whether faults also wait at the operation's VMAs, because the operation replaces or moves a mapping. Written
         * only before publication.
         *
         * <p>Written: the operation, before publication (plain).
         * Read: any thread that found one of its VMAs (plain).
         * Invariant: never changes once published.
         */
        private boolean stopsFaults;

        InFlightGate(InFlightOperation range) {
            this.range = range;
        }

        /** Racy without the lock; benign, because the text is only for messages. */
        @Override
        public String toString() {
            InFlightOperation of = range;
            return of == null ? "an operation that is complete" : of.toString();
        }
    }

    /** Up to this many joins of a batch are searched linearly. */
    private static final int FEW = 8;

    private static final int NOT_KNOWN = -1;

    /**
     * Written: its thread (plain: a {@code ThreadLocal}).
     * Read: its thread (plain: a {@code ThreadLocal}).
     * Invariant: the innermost range in flight that this thread retires.
     */
    private static final ThreadLocal<@Nullable InFlightOperation> RETIRING = new ThreadLocal<>();

    private final InFlightGate gate = new InFlightGate(this);

    /* The footprint. */

    /**
     * The unmapped ranges. They are empty for lookups, but reserved for allocation.
     *
     * <p>Words: {@code reserved}, {@code occupied}, {@code busy}, {@code batched}, {@code inFirst}, {@code inOthers},
     *     {@code low}, {@code high}, {@code moves}, {@code actions}, {@code sealedMoves}, {@code sealedActions}.
     * Written: the operation as holder of the district's lock, until its last batch is published (plain); its
     *     completion, which drops the moves and actions, as holder of the lock (plain).
     * Read: holder of the district's lock (plain); after publication the thread that retires the operation, which
     *     published the operation or received it from the list of waiting calls or the executor (plain).
     * Invariant: the fields contain what the published batches added, and, while the operation holds the lock, what the
     *     current batch added. They do not change between the publication of the last batch and the completion.
     */
    private Ranges reserved = Ranges.NONE;

    /** The ranges whose VMAs are in flight. */
    private Ranges occupied = Ranges.NONE;

    /** Ranges whose pages are changed while their VMAs stay. Only operations on these ranges wait. */
    private Ranges busy = Ranges.NONE;

    /**
     * The ranges that the operation keeps to itself until completion because it publishes in batches. They contain all
     * other ranges. None of them is reserved in the tree, so allocation checks {@link InFlightOperations#batchOver}.
     */
    private Ranges batched = Ranges.NONE;

    /**
     * The occupied ranges in the first batched range, and the occupied ranges in the other batched ranges. Each of the
     * two lists ascends, while the occupied ranges of all batches together need not ascend.
     */
    private Ranges inFirst = Ranges.NONE;

    private Ranges inOthers = Ranges.NONE;

    /*
     * Bounds of all ranges. Each operation checks every operation in flight, and nearly always lies outside these
     * bounds.
     */
    private long low = -1;
    private long high;

    /* The page moves that the retirement performs, and its actions on pages whose VMAs stay. */

    private List<PageMove> moves = List.of();
    private List<PageAction> actions = List.of();

    /* The sizes of the lists at the start of the unpublished batch. */
    private int sealedMoves;
    private int sealedActions;
    private int sealedJoins;

    /* The work of the completion. */

    /**
     * The joins that completion tries, at most one per address and batch.
     *
     * <p>Words: {@code joins}, {@code awaited}, {@code completing} and all other fields of {@code InFlightOperation}.
     * Written: holder of the district's lock (plain): the operation, and completions of other operations, which add
     *     joins and count the predecessors down.
     * Read: holder of the district's lock (plain).
     * Invariant: the operation is in the list of {@code InFlightOperations} from publication to completion; an
     *     operation that publishes in batches is in the list from before its first batch.
     */
    private List<PendingJoin> joins = List.of();

    /** The indexes of this batch's joins by address; null as long as there are few. */
    private @Nullable Map<Long, Integer> indexes;

    /** Whether some of the VMAs were joined before the completion. */
    private boolean isJoining;

    /** The counters of the unmapped VMAs; null if there are none. */
    private @Nullable LayoutCounters uncharged;

    /** A copy of {@link #uncharged} from the start of the unpublished batch. */
    private @Nullable LayoutCounters sealedUncharged;

    /** The memory of unmapped private mappings that the machine uncharges at completion. */
    private long unmappedBytes;

    /** The removed mappings of shared objects, whose charge is not settled yet; null if there are none. */
    private @Nullable MappingDeltas unmappedObjects;

    /** Opens when the last batch is published; null for an operation that publishes once. */
    private @Nullable Gate publication;

    /* The order of completions. */

    /** The ranges over whose reservations this one will be stored; empty after publication. */
    private List<InFlightOperation> predecessors = List.of();

    /** The ranges that are stored over this range's reservations. */
    private List<InFlightOperation> successors = List.of();

    /** The number of predecessors whose retirement has not ended. */
    private int awaited;

    /** Whether this operation's own retirement has ended. */
    private boolean isArrived;

    /** Whether an edit that is not published yet completes this range, so that its VMAs may be joined. */
    private boolean completing;

    /**
     * The waiting threads, from the opening of the gate until they are woken. Used only by the thread that opens the
     * gate.
     */
    private Gate.@Nullable Waiter waiting;

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

    /* The links from VMAs and threads. */

    /**
     * Returns the operation in flight to which a VMA belongs; null if there is none or the operation is completing.
     * Caller must hold the layout lock.
     */
    public static @Nullable InFlightOperation of(VmArea vma) {
        InFlightOperation of = vma.gate() instanceof InFlightGate gate ? gate.range : null;
        return of == null || of.completing ? null : of;
    }

    /** Returns whether a VMA is in flight. */
    static boolean isInFlight(VmArea vma) {
        return vma.gate() instanceof InFlightGate gate && !gate.isOpen();
    }

    /** Returns whether faults wait at a VMA, because its operation replaces or moves a mapping and is not complete. */
    public static boolean stopsFaultsAt(VmArea vma) {
        return vma.gate() instanceof InFlightGate gate && gate.stopsFaults && !gate.isOpen();
    }

    /**
     * Returns the innermost range in flight that this thread is retiring, or null. Code that a retirement calls must
     * not wait for operations, so methods that may wait for operations check here whether a retirement called them.
     */
    public static @Nullable InFlightOperation retiring() {
        return RETIRING.get();
    }

    /** Sets the range that this thread retires; null if there is none. */
    public static void setRetiring(@Nullable InFlightOperation range) {
        if (range == null) {
            RETIRING.remove();
        } else {
            RETIRING.set(range);
        }
    }

    /** Returns the gate of the operation's VMAs. Operations on its ranges wait for this gate. */
    public Gate gate() {
        return gate;
    }

    /* Before publication: what the operation adds, in one batch or in several. */

    /** Keeps a range until completion, for an operation that publishes in batches. Called before the first batch. */
    public void keepForBatches(long start, long end) {
        batched = batched.with(start, end);
        widen(start, end);
    }

    /** Sets the gate that opens when the last batch is published; null when it was published. */
    public void publication(@Nullable Gate untilLast) {
        publication = untilLast;
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
        reserved.seal();
        occupied.seal();
        inFirst.seal();
        inOthers.seal();
        busy.seal();
        sealedMoves = moves.size();
        sealedActions = actions.size();
        sealedJoins = joins.size();
        indexes = null;
        sealedUncharged = uncharged == null ? null : uncharged.copy();
    }

    /** Removes what the unpublished batch added; the batched ranges and the bounds stay. Allocates nothing. */
    public void undoBatch() {
        reserved.unseal();
        occupied.unseal();
        inFirst.unseal();
        inOthers.unseal();
        busy.unseal();
        truncate(moves, sealedMoves);
        truncate(actions, sealedActions);
        truncate(joins, sealedJoins);
        indexes = null;
        uncharged = sealedUncharged;
    }

    /** Shortens a list to a size. Allocates nothing. */
    public static void truncate(List<?> list, int size) {
        for (int i = list.size() - 1; i >= size; i--) {
            list.remove(i);
        }
    }

    /** Adds a range that the operation unmaps. */
    public void reserve(long start, long end) {
        reserved = reserved.with(start, end);
        widen(start, end);
    }

    /** Adds a range whose VMAs are in flight. If it is gated, faults also wait there. */
    public void occupy(long start, long end, boolean gated) {
        occupied = occupied.with(start, end);
        if (batched.size() > 1) {
            if (Addresses.contains(batched.start(0), batched.end(0), start)) {
                inFirst = inFirst.with(start, end);
            } else {
                inOthers = inOthers.with(start, end);
            }
        }
        widen(start, end);
        if (gated) {
            gate.stopsFaults = true;
        }
    }

    private void widen(long start, long end) {
        low = Addresses.lower(start, low);
        high = Addresses.higher(end, high);
    }

    public void move(PageMove move) {
        if (moves.isEmpty()) {
            moves = new ArrayList<>(1);
        }
        moves.add(move);
    }

    /**
     * Adds an action, or extends the last action of the batch by it. The pages of its range are changed while the VMAs
     * stay.
     */
    public void act(PageAction action) {
        if (actions.isEmpty()) {
            actions = new ArrayList<>(1);
        }
        int size = actions.size();
        PageAction last = size > sealedActions ? actions.get(size - 1) : null;
        if (last != null && action.continues(last)) {
            actions.set(size - 1, new PageAction(last.kind, last.start, action.end, last.file, last.offset));
        } else {
            actions.add(action);
        }
        busy = busy.with(action.start, action.end);
        widen(action.start, action.end);
    }

    /**
     * Adds a join: one of this operation, or one that is taken over from another range in flight, which is complete. If
     * the batch already has a join at its address, replaces that one, unless it is a seam.
     */
    public void joinLater(PendingJoin join) {
        if (joins.isEmpty()) {
            joins = new ArrayList<>(2);
        }
        int at = indexOf(join.address);
        if (at == NOT_KNOWN) {
            joins.add(join);
            if (indexes != null) {
                indexes.put(join.address, joins.size() - 1);
            }
        } else if (!joins.get(at).isSeam) {
            joins.set(at, join);
        }
    }

    /**
     * Returns the index of the join at an address, or {@link #NOT_KNOWN}. Earlier batches are not searched, because a
     * join that is tried twice has no effect the second time.
     */
    private int indexOf(long address) {
        Map<Long, Integer> known = indexes;
        if (known == null && joins.size() - sealedJoins > FEW) {
            known = new HashMap<>();
            for (int i = sealedJoins; i < joins.size(); i++) {
                known.put(joins.get(i).address, i);
            }
            indexes = known;
        }
        if (known != null) {
            return known.getOrDefault(address, NOT_KNOWN);
        }
        for (int i = sealedJoins; i < joins.size(); i++) {
            if (joins.get(i).address == address) {
                return i;
            }
        }
        return NOT_KNOWN;
    }

    /** Counts unmapped VMAs against the limits until completion. */
    public void countUnmapped(LayoutCounters unmapped) {
        if (uncharged == null) {
            uncharged = new LayoutCounters();
        }
        uncharged.addAll(unmapped, 1);
    }

    /** Returns a copy of {@link #uncharged} from the start of the unpublished batch; null if there is none. */
    public @Nullable LayoutCounters unchargedBefore() {
        return sealedUncharged;
    }

    /** Sets what the machine uncharges at completion: memory of private mappings, and removed mappings of objects. */
    public void unmapped(long bytes, @Nullable MappingDeltas objects) {
        unmappedBytes = bytes;
        unmappedObjects = objects;
    }

    /** Sets the ranges in flight over whose reservations this one is stored once it is published. */
    public void follow(List<InFlightOperation> others) {
        predecessors = others;
    }

    /** Allocates the capacity for {@link #depart}, which then does not fail. */
    public void prepareToDepart() {
        for (InFlightOperation predecessor : predecessors) {
            ArrayList<InFlightOperation> more = new ArrayList<>(predecessor.successors.size() + 1);
            more.addAll(predecessor.successors);
            predecessor.successors = more;
        }
    }

    /** Makes this range wait for the ranges over whose reservations it is stored. Called at publication. */
    public void depart() {
        if (!predecessors.isEmpty()) {
            for (int i = 0; i < predecessors.size(); i++) {
                predecessors.get(i).successors.add(this);
            }
            awaited = predecessors.size();
            predecessors = List.of();
        }
    }

    /* While the operation is in flight: what others wait for, and what the retirement does. */

    /** Returns whether the operation publishes in batches, and so keeps all of its ranges until completion. */
    public boolean isBatched() {
        return !batched.isEmpty();
    }

    /** Returns the ranges that the operation keeps because it publishes in batches; none if it publishes once. */
    public Ranges batched() {
        return batched;
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

    /** Returns the lowest address of all ranges. */
    public long low() {
        return low;
    }

    /** Returns the (exclusive) end of the highest range. */
    public long high() {
        return high;
    }

    /** Returns whether a range overlaps one of the operation's ranges, so that other operations on it wait. */
    public boolean touches(long start, long end) {
        if (!Addresses.overlap(low, high, start, end)) {
            return false;
        }
        return isBatched()
                ? batched.overlap(start, end)
                : reserved.overlap(start, end) || occupied.overlap(start, end) || busy.overlap(start, end);
    }

    /** Returns whether an address is in an occupied range. */
    public boolean occupies(long address) {
        return batched.size() > 1 ? inFirst.contain(address) || inOthers.contain(address) : occupied.contain(address);
    }

    /**
     * Removes, from the first {@code count} elements of an array, the addresses between the operation's ranges; if the
     * operation may add more ranges, removes all these elements. Returns how many remain.
     */
    int leaveOutOf(long[] borders, int count) {
        boolean isKnown = Addresses.isBelow(low, high) && !isBatched();
        return isKnown ? BorderSearch.leaveOut(borders, count, low, high) : 0;
    }

    public List<PageMove> moves() {
        return moves;
    }

    public List<PageAction> actions() {
        return actions;
    }

    /** Returns the moves of the unpublished batch; all moves for an operation that publishes once. */
    public List<PageMove> partMoves() {
        return sealedMoves == 0 ? moves : moves.subList(sealedMoves, moves.size());
    }

    /** Returns the actions of the unpublished batch; all actions for an operation that publishes once. */
    public List<PageAction> partActions() {
        return sealedActions == 0 ? actions : actions.subList(sealedActions, actions.size());
    }

    public boolean stopsFaults() {
        return gate.stopsFaults;
    }

    /** Returns whether the retirement removes or moves pages, which a fork may be copying. */
    public boolean takesPagesAway() {
        return !reserved.isEmpty() || stopsFaults();
    }

    /** Returns whether the retirement has no page to remove, move, narrow or act on, and no notifier to call. */
    public boolean retiresNothing() {
        return reserved.isEmpty() && occupied.isEmpty() && busy.isEmpty() && moves.isEmpty();
    }

    /* The completion. */

    /**
     * Returns whether this range must wait for the completion of another one, or another one for the completion of this
     * range.
     */
    public boolean isOrdered() {
        return !successors.isEmpty() || awaited != 0;
    }

    /** Returns the ranges that are stored over this range's reservations. */
    public List<InFlightOperation> successors() {
        return successors;
    }

    /**
     * Returns whether completion only clears whole reservations or opens a gate. That is so if there is no VMA to join,
     * no VMA was stored over a reservation, and no other range in flight waits for this one or is awaited by it.
     */
    public boolean isAlone() {
        return joins.isEmpty() && !isOrdered() && (isBatched() || !reserved.overlap(occupied));
    }

    /**
     * Returns whether completion waits for only one more event: the end of this operation's own retirement, or of a
     * predecessor's.
     */
    public boolean isLast() {
        return awaited + (isArrived ? 0 : 1) == 1;
    }

    /** Records that the retirement of a predecessor has ended. */
    public void arrive() {
        awaited--;
    }

    /** Records that this operation's own retirement has ended. */
    public void arriveItself() {
        isArrived = true;
    }

    public boolean isArrived() {
        return isArrived;
    }

    /** Returns the joins that completion tries. */
    public List<PendingJoin> joins() {
        return joins;
    }

    /** Forgets the last joins of the list, which were tried before the completion. */
    public void joined(int count) {
        truncate(joins, joins.size() - count);
        sealedJoins = Math.min(sealedJoins, joins.size());
        indexes = null;
        isJoining = true;
    }

    /** Returns whether some of the VMAs were already joined, and so refer to no gate. */
    boolean isJoining() {
        return isJoining;
    }

    /**
     * Returns the counters of the unmapped VMAs, which count against the limits until completion; null if there are
     * none.
     */
    public @Nullable LayoutCounters uncharged() {
        return uncharged;
    }

    /** Returns the memory of unmapped private mappings that the machine uncharges at completion, in bytes. */
    public long unmappedBytes() {
        return unmappedBytes;
    }

    /** Returns the removed mappings of shared objects, which completion settles; null if there are none. */
    public @Nullable MappingDeltas unmappedObjects() {
        return unmappedObjects;
    }

    public void beginCompletion() {
        completing = true;
    }

    /** Reverts {@link #beginCompletion}, because the edit was not published. */
    public void undoCompletion() {
        completing = false;
    }

    /**
     * Opens the gate forever, and clears the references to other objects. Caller holds the layout lock, and calls
     * {@link #wakeWaiters} without it.
     */
    public void complete() {
        moves = List.of();
        actions = List.of();
        joins = List.of();
        indexes = null;
        predecessors = List.of();
        successors = List.of();
        awaited = 0;
        waiting = gate.open();
        gate.range = null;
    }

    /** Wakes the threads that waited for this operation, if its gate is open. Called by the thread that opened it. */
    public void wakeWaiters() {
        Gate.Waiter woken = waiting;
        waiting = null;
        Gate.wake(woken);
    }

    @Override
    public String toString() {
        String and = reserved.isEmpty() || occupied.isEmpty() ? "" : ", ";
        return operation() + ", in flight at " + reserved + and + occupied;
    }
}
