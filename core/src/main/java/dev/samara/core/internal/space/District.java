// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.maple.MapleTree;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A part of a layout, with its own lock under which operations change it. An undivided layout is one district. A
 * district contains a tree of its VMAs, counters, and its operations in flight.
 *
 * <p>No VMA and no range in flight crosses a border. The tree of a part contains reservations everywhere outside the
 * part, so an edit that leaves the part is refused. {@link Districts} divides a layout and joins its parts again. A
 * district that was divided or joined is dead, and its tree never changes again.
 *
 * <p>The counters of a part start at an upper bound of what the layout can reach while this part stays as it is, and
 * the part may grow up to a cap. So a limit that a part's counters stay below is not exceeded, no matter how the other
 * parts change. A part alone cannot decide that a limit is exceeded ({@link BeyondDistrict}).
 *
 * <p>Everything except {@link #tree} is guarded by the district's lock.
 */
public final class District {
    /**
     * The number of operations of a part between two checks of the other parts; a power of two. These operations take
     * longer than a thread usually waits for a CPU, so a part is not joined merely because its thread is not running.
     */
    static final int LOOK = 1 << 15;

    /**
     * A part counts as no longer used if it has no operation while another part has this many; a power of two. While a
     * part executes this many operations, the operating system runs each runnable thread.
     */
    static final int IDLE = 1 << 18;

    /** What a thread with a CPU in GUEST must not do, for messages. */
    static final String LOCKING = "a call that takes the lock of a space";

    private static final VarHandle OPERATIONS;

    static {
        try {
            OPERATIONS = MethodHandles.lookup().findVarHandle(District.class, "operations", long.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    /**
     * Words: the tree.
     * Written: {@code Edit.publish}, by one commit, holding the lock of the district (release: the store of {@code root}
     *     in {@code PublishedRoot}).
     * Read: any thread, in the modes of {@code root} in {@code PublishedRoot}.
     * Invariant: each VMA's range is the range of its entry, and the VMA is attached ({@code validate()}). No VMA
     *     returns to a tree, on which {@code Layout.findPrevious} relies. The tree of a dead district does not change.
     */
    private final ReentrantLock lock;

    /** The district covers {@code [start, end)}; a whole layout covers all addresses. */
    private final long start;

    private final long end;
    private final boolean isPart;
    private final MapleTree<VmArea> tree;
    private final Limits limits;
    private final InFlightOperations inFlight = new InFlightOperations();
    private final EditLists lists = new EditLists();
    private final LockHoldTimes holdTimes;

    /**
     * Words: {@code counters}, {@code spare}, {@code moves}, {@code changes}, {@code lists}, {@code inFlight}, {@code
     *     seen}, {@code seenOf} and their contents of {@code District}, {@code LayoutCounters}.
     * Written: holder of the lock of the district (plain).
     * Read: holder of the lock of the district; a join, holding the locks of all parts (plain).
     * Invariant: the counters of a whole layout are equal to a recount of the tree and of the ranges in flight ({@code
     *     validate()}). The counters of a part are what the layout would reach if the other parts grew to their caps,
     *     and never exceed the part's cap. Between edits, {@code spare} and the lists of an edit contain nothing that
     *     is used. {@code moves} only grows, in the same hold of the lock in which a move is published. {@code changes}
     *     only grows; for a whole layout it counts from the creation of the space.
     */
    private LayoutCounters counters;

    /** The draft of the next edit. */
    private LayoutCounters spare = new LayoutCounters();

    /** The counters with which a part started, and the counters up to which it may grow; null for a whole layout. */
    private final @Nullable LayoutCounters first;

    private final @Nullable LayoutCounters cap;

    /** The charges and mapped pages of all parts, and this part's number in them; null for a whole layout. */
    private final @Nullable ChargedPages charged;

    private final int number;

    /** The number of operations that were published with pages to move. */
    private long moves;

    /**
     * How often the lock was taken. Written under the lock; other threads read it without the lock.
     *
     * <p>Written: holder of the lock of the district (opaque).
     * Read: holder of that lock (plain); an operation of another part that checks which parts are in use, a division
     *     and a join (opaque).
     * Invariant: only grows. Racy, benign because it only decides when parts are divided and joined.
     */
    @SuppressWarnings("UnusedVariable") // through OPERATIONS
    private long operations;

    /** The argument of the last call of {@link #seesNoMore}. */
    private long seen = -1;

    /** The argument of the last call of {@link #idleSince}. */
    private long @Nullable [] seenOf;

    private final LockContention contention = new LockContention();

    /** The number of publications that changed a VMA; for a whole layout, since the space was created. */
    private long changes;

    /**
     * Whether the layout was divided or joined after this district was created.
     *
     * <p>Written: a division or a join, holding the lock of the district (plain).
     * Read: holder of that lock, after it has taken the lock (plain).
     * Invariant: final once true.
     */
    private boolean isDead;

    /** Creates the district of an undivided layout. */
    District(
            ReentrantLock lock,
            MapleTree<VmArea> tree,
            Limits limits,
            LayoutCounters counters,
            LockHoldTimes holdTimes,
            long moves,
            long changes) {
        this.lock = lock;
        this.tree = tree;
        this.limits = limits;
        this.counters = counters;
        this.holdTimes = holdTimes;
        this.moves = moves;
        this.changes = changes;
        start = 0;
        end = -1;
        isPart = false;
        first = null;
        cap = null;
        charged = null;
        number = 0;
    }

    /**
     * Creates a part of a layout.
     *
     * @param start the first address
     * @param end the (exclusive) end
     * @param counters an upper bound of what the layout reaches if this part stays as it is
     * @param cap the counters up to which this part may grow
     * @param charged the charges and mapped pages of all parts
     * @param number the number of this part, from 0
     */
    District(
            ReentrantLock lock,
            MapleTree<VmArea> tree,
            Limits limits,
            long start,
            long end,
            LayoutCounters counters,
            LayoutCounters cap,
            ChargedPages charged,
            int number) {
        this.lock = lock;
        this.tree = tree;
        this.limits = limits;
        this.start = start;
        this.end = end;
        this.counters = counters;
        this.cap = cap;
        this.charged = charged;
        this.number = number;
        first = counters.copy();
        holdTimes = new LockHoldTimes();
        isPart = true;
    }

    /** Takes the lock, even if the district is dead. */
    void lock() {
        ThreadCpus.checkMayWait(LOCKING);
        lock.lock();
        boolean isBegun = false;
        try {
            begin();
            isBegun = true;
        } finally {
            if (!isBegun) {
                lock.unlock();
            }
        }
    }

    /** Returns whether a thread holds a lock or is parked for it. Racy, benign because it affects only speed. */
    static boolean isContended(ReentrantLock lock) {
        return lock.isLocked() || lock.hasQueuedThreads();
    }

    boolean isContended() {
        return isContended(lock);
    }

    /** Starts a hold of the lock, which {@link #unlock} ends. */
    void begin() {
        count();
        holdTimes.begin();
    }

    public void unlock() {
        try {
            holdTimes.end();
        } finally {
            lock.unlock();
        }
    }

    boolean isLockedByThisThread() {
        return lock.isHeldByCurrentThread();
    }

    ReentrantLock layoutLock() {
        return lock;
    }

    /**
     * Returns whether the layout was divided or joined after this district was created; final once true. Caller holds
     * the lock.
     */
    boolean isDead() {
        return isDead;
    }

    /** Marks the district as dead, because another district now contains its VMAs. Caller holds the lock. */
    void die() {
        isDead = true;
    }

    /** Returns whether this is a part of a divided layout. */
    public boolean isPart() {
        return isPart;
    }

    long start() {
        return start;
    }

    long end() {
        return end;
    }

    /** Returns whether an address is in this district. */
    public boolean contains(long address) {
        return !isPart || Addresses.contains(start, end, address);
    }

    /** Returns whether this district contains a whole range or, if the range is empty, its address. */
    public boolean contains(long from, long to) {
        return contains(from) && !Addresses.isAbove(to, end) && !Addresses.isBelow(to, from);
    }

    /** Returns the tree, which any thread may read. */
    public MapleTree<VmArea> tree() {
        return tree;
    }

    /** Returns the limits. A part alone cannot decide that the layout exceeds a limit. */
    public Limits limits() {
        return limits;
    }

    public LayoutCounters counters() {
        return counters;
    }

    /** Returns a copy of the counters for the one open edit. */
    public LayoutCounters draftCounters() {
        spare.set(counters);
        return spare;
    }

    public InFlightOperations inFlight() {
        return inFlight;
    }

    public EditLists lists() {
        return lists;
    }

    LockHoldTimes holdTimes() {
        return holdTimes;
    }

    /** Returns how often the lock was taken. Racy, benign because it affects only speed. */
    long operations() {
        return (long) OPERATIONS.getOpaque(this);
    }

    private void count() {
        OPERATIONS.setOpaque(this, operations + 1);
    }

    /** Returns whether the owner of the lock should check the other parts now: once in {@link #LOOK} operations. */
    boolean isDueForLook() {
        return (operations & LOOK - 1) == 0;
    }

    /** Returns whether the previous call had the same argument. */
    boolean seesNoMore(long others) {
        boolean isSame = others == seen;
        seen = others;
        return isSame;
    }

    /**
     * Returns whether the owner of the lock should now check which parts are idle: once in {@link #IDLE} operations.
     */
    boolean isDueForIdle() {
        return (operations & IDLE - 1) == 0;
    }

    /**
     * Returns the parts, one bit each, that had no operation since the previous call.
     *
     * @param others how many operations each part had; the caller must not change the array afterwards
     */
    int idleSince(long[] others) {
        long[] before = seenOf;
        int idle = 0;
        for (int i = 0; before != null && i < others.length; i++) {
            idle |= before[i] == others[i] ? 1 << i : 0;
        }
        seenOf = others;
        return idle;
    }

    /** Returns the contention for the lock of this part. */
    LockContention contention() {
        return contention;
    }

    /** Returns the number of operations that were published with pages to move. */
    long moves() {
        return moves;
    }

    /**
     * Checks that the counters of an edit do not exceed the part's cap.
     *
     * @param range the range in flight of the edit; null if there is none
     * @throws BeyondDistrict if they do
     */
    public void checkCap(LayoutCounters draft, @Nullable InFlightOperation range) {
        LayoutCounters most = cap;
        if (most == null) {
            return;
        }
        LayoutCounters unmapped = range == null ? null : range.uncharged();
        if (draft.maps > most.maps
                || draft.total + (unmapped == null ? 0 : unmapped.total) > most.total
                || draft.data + (unmapped == null ? 0 : unmapped.data) > most.data
                || draft.locked > most.locked) {
            throw new BeyondDistrict();
        }
    }

    /** Counts a publication that changed a VMA. */
    public void countChange() {
        changes++;
    }

    /** Returns the number of publications that changed a VMA. */
    long changes() {
        return changes;
    }

    /** Adopts the counters that an edit published. */
    void adopt(LayoutCounters published, @Nullable InFlightOperation range) {
        if (range != null && !range.moves().isEmpty()) {
            moves++;
        }
        LayoutCounters uncharged = range == null ? null : range.uncharged();
        if (uncharged != null) {
            published.add(uncharged);
        }
        spare = counters;
        counters = published;
        charge();
    }

    /** Uncharges the memory that a completed range in flight unmapped. */
    void uncharge(LayoutCounters unmapped) {
        counters.subtract(unmapped);
        charge();
    }

    private void charge() {
        ChargedPages ofParts = charged;
        LayoutCounters began = first;
        if (ofParts != null && began != null) {
            ofParts.set(number, counters.accounted - began.accounted, counters.total - began.total);
        }
    }

    /** Adds the growth of this part since its start to the counters of a layout. */
    void addGainTo(LayoutCounters whole) {
        LayoutCounters began = first;
        if (began != null) {
            whole.addAll(counters);
            whole.subtractAll(began);
        }
    }

    @Override
    public String toString() {
        return isPart
                ? "the part from " + Long.toHexString(start) + " to " + Long.toHexString(end)
                : "the whole layout";
    }
}
