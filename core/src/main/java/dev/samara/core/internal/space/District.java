// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.space.BorderSearch.LockContention;
import dev.samara.core.internal.space.Districts.LayoutParts;
import dev.samara.core.internal.space.Identity.ChargedPages;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Ranges;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.maple.MapleTree;
import java.lang.invoke.ConstantBootstraps;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
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
     * Thrown by an attempt that works on one part of a layout but needs something outside it: a neighbour, a place for
     * a mapping, or the decision whether a limit is exceeded. The attempt is dropped, and the next one works on the
     * whole layout.
     */
    public static final class BeyondDistrict extends RuntimeException {
        private static final long serialVersionUID = 1L;

        public BeyondDistrict() {
            super(null, null, false, false);
        }
    }

    /**
     * The lists of the one open edit of a district: VMAs taken out, VMAs stored, and ranges claimed. Empty between
     * edits, and reused. Guarded by the district's lock.
     *
     * <p>The list of removed VMAs is exact only after {@link #forgetPutBack}, because a VMA that was stored again stays
     * listed until then. An edit may put many VMAs back, and would otherwise have to search the list for each.
     */
    public static final class EditLists {
        /** Up to this many VMAs that were put back are removed one by one from the list of VMAs taken out. */
        private static final int FEW_PUT_BACK = 8;

        /** The VMAs of the layout that were taken out. */
        public final List<VmArea> gone = new ArrayList<>();

        /** VMAs that were taken out and stored again, and are still listed as taken out. */
        private final List<VmArea> putBack = new ArrayList<>();

        /** The new VMAs that were stored. */
        public final ArrayList<VmArea> fresh = new ArrayList<>();
        /** The VMAs of the layout that may be taken out together. */
        public final List<VmArea> gathered = new ArrayList<>();
        /** The sum of the gathered VMAs' counters, which the caller keeps up to date. */
        public final LayoutCounters gatheredCounters = new LayoutCounters();
        /** The VMAs with an open that were unmapped or replaced, and whose open no new VMA takes over. */
        public final List<VmArea> displaced = new ArrayList<>();
        /** The VMAs that were taken out without an anon_vma. A fault may set their anon_vma until they are detached. */
        public final List<VmArea> withoutAnonVma = new ArrayList<>();
        /** The ranges that the edit claimed. */
        public final Ranges claimed = new Ranges();

        /** Reserves capacity for an approximate number of new VMAs. */
        public void expect(int vmas) {
            fresh.ensureCapacity(vmas);
        }

        public void clearGathered() {
            if (!gathered.isEmpty()) {
                gathered.clear();
                gatheredCounters.addAll(gatheredCounters, -1);
            }
        }

        /**
         * Records that a VMA is stored. The VMA is new, or was taken out; in the latter case the caller later calls
         * {@link #forgetPutBack}.
         */
        public void put(VmArea vma) {
            if (vma.isFresh()) {
                fresh.add(vma);
            } else {
                putBack.add(vma);
            }
        }

        /** Records that a VMA is taken out: one of the layout, or a new one that this edit stored. */
        public void takeOut(VmArea vma) {
            if (vma.isFresh()) {
                removeLast(fresh, vma);
            } else {
                gone.add(vma);
            }
        }

        /** Removes the VMAs that were put back from the list of VMAs taken out. */
        public void forgetPutBack() {
            if (putBack.size() <= FEW_PUT_BACK) {
                for (int i = 0; i < putBack.size(); i++) {
                    removeLast(gone, putBack.get(i));
                }
            } else {
                // In one pass, because an edit may put back every second VMA of a space.
                Set<VmArea> all = Collections.newSetFromMap(new IdentityHashMap<>());
                all.addAll(putBack);
                gone.removeIf(all::contains);
            }
            putBack.clear();
        }

        private static void removeLast(List<VmArea> list, VmArea vma) {
            for (int i = list.size() - 1; i >= 0; i--) {
                if (list.get(i) == vma) {
                    list.remove(i);
                    return;
                }
            }
            throw new IllegalStateException("not known to this edit: " + vma);
        }

        public void clear() {
            claimed.clear();
            gone.clear();
            putBack.clear();
            clearGathered();
            fresh.clear();
            displaced.clear();
            withoutAnonVma.clear();
        }
    }

    /**
     * The hold times of the layout lock of one space, as a histogram of nanoseconds.
     *
     * <p>Each power of two is divided into {@link #STEPS} buckets, so values are accurate to an eighth. Only the lock's
     * holder writes the histogram, so counting contends for no cache line except the lock's own. Only one hold in
     * {@link #PERIOD} is measured, because two clock reads cost as much as a short operation. The period is prime, so
     * that a loop of calls does not always sample the same call.
     */
    public static final class LockHoldTimes {
        static final int PERIOD = 61;

        private static final int STEP_BITS = 3;
        private static final int STEPS = 1 << STEP_BITS;

        /**
         * Allocated at the first hold that is measured; guarded by the layout lock, as are the other fields.
         *
         * <p>Words: all fields.
         * Written: holder of the district's lock (plain).
         * Read: holder of the district's lock (plain).
         * Invariant: none. Counting contends for no cache line except the lock's own.
         */
        private long[] counts = {};

        private int holds;
        private long since;

        /** Starts a hold. Caller just took the lock. If there is no memory for the counts, the hold is not measured. */
        void begin() {
            // The number may exceed the period: a hold that failed to start is counted, but has no end that would reset
            // the number.
            if (++holds >= PERIOD) {
                holds = PERIOD;
                if (counts.length == 0) {
                    allocate();
                }
                since = System.nanoTime();
            }
        }

        private void allocate() {
            try {
                counts = new long[Long.SIZE * STEPS];
            } catch (OutOfMemoryError none) {
                holds = 0;
            }
        }

        /** Ends a hold. Caller is about to unlock. Allocates nothing. */
        void end() {
            if (holds == PERIOD) {
                holds = 0;
                counts[bucket(Math.max(System.nanoTime() - since, 0))]++;
            }
        }

        /** Adds the counts of another lock of this space, whose holder calls this. Allocates nothing. */
        void add(LockHoldTimes other) {
            long[] more = other.counts;
            if (more.length != 0 && counts.length == 0) {
                counts = more;
                return;
            }
            for (int i = 0; i < more.length; i++) {
                counts[i] += more[i];
            }
        }

        long[] copy() {
            return Arrays.copyOf(counts, Long.SIZE * STEPS);
        }

        /**
         * Returns the bucket of a value. Each value below {@link #STEPS} has its own bucket; for higher values, the
         * highest bits select the bucket.
         */
        static int bucket(long nanos) {
            int magnitude = Long.SIZE - 1 - STEP_BITS - Long.numberOfLeadingZeros(nanos | STEPS - 1);
            return magnitude < 0 ? (int) nanos : (magnitude << STEP_BITS) + (int) (nanos >>> magnitude);
        }

        /** Returns the highest value that a bucket counts. */
        public static long highest(int bucket) {
            int magnitude = Math.max(0, (bucket >>> STEP_BITS) - 1);
            long low = (long) (bucket - (magnitude << STEP_BITS)) << magnitude;
            return low + (1L << magnitude) - 1;
        }
    }

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
    public static final String LOCKING = "a call that takes the lock of a space";

    private static final VarHandle OPERATIONS = ConstantBootstraps.fieldVarHandle(
            MethodHandles.lookup(), "operations", VarHandle.class, District.class, long.class);

    /**
     * Words: the tree.
     * Written: {@code Edit.publish}, by one commit, holding the lock of the district (release: the store of {@code
     *     root} in {@code PublishedRoot}).
     * Read: any thread, in the modes of {@code root} in {@code PublishedRoot}.
     * Invariant: each VMA's range is the range of its entry, and the VMA is attached ({@code validate()}). No VMA
     *     returns to a tree, on which {@code Layout.findPrevious} relies. The tree of a dead district does not change.
     */
    final ReentrantLock lock;

    /** The district covers {@code [start, end)}; a whole layout covers all addresses. */
    final long start;

    final long end;
    /** Whether this is a part of a divided layout. */
    public final boolean isPart;
    /** The tree, which any thread may read. */
    public final MapleTree<VmArea> tree;
    /** The limits. A part alone cannot decide that the layout exceeds a limit. */
    public final Limits limits;

    public final InFlightOperations inFlight = new InFlightOperations();
    public final EditLists lists = new EditLists();
    final LockHoldTimes holdTimes;

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

    /** How many operations all other parts had at the last {@linkplain #idle check}. */
    private long seen = -1;

    /** How many operations each part had at the last check for parts that are idle for long; empty before it. */
    private long[] seenOf = BorderSearch.NONE;

    /** The contention for the lock of this part. */
    final LockContention contention = new LockContention();

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
        this(lock, tree, limits, 0, -1, counters, null, null, 0, holdTimes);
        this.moves = moves;
        this.changes = changes;
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
            @Nullable LayoutCounters cap,
            @Nullable ChargedPages charged,
            int number,
            LockHoldTimes holdTimes) {
        this.lock = lock;
        this.tree = tree;
        this.limits = limits;
        this.start = start;
        this.end = end;
        this.counters = counters;
        this.cap = cap;
        this.charged = charged;
        this.number = number;
        this.holdTimes = holdTimes;
        isPart = cap != null;
        first = isPart ? counters.copy() : null;
    }

    /** Takes the lock, even if the district is dead. The caller has checked that this thread may wait. */
    void lock() {
        lock.lock();
        try {
            begin();
        } catch (Throwable thrown) {
            lock.unlock();
            throw thrown;
        }
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

    /** Returns whether an address is in this district. */
    public boolean contains(long address) {
        return !isPart || Addresses.contains(start, end, address);
    }

    /** Returns whether this district contains a whole range or, if the range is empty, its address. */
    public boolean contains(long from, long to) {
        return contains(from) && !Addresses.isAbove(to, end) && !Addresses.isBelow(to, from);
    }

    public LayoutCounters counters() {
        return counters;
    }

    /** Returns a copy of the counters for the one open edit. */
    public LayoutCounters draftCounters() {
        spare.set(counters);
        return spare;
    }

    /** Returns how often the lock was taken. Racy, benign because it affects only speed. */
    long operations() {
        return (long) OPERATIONS.getOpaque(this);
    }

    private void count() {
        OPERATIONS.setOpaque(this, operations + 1);
    }

    /* Which other parts no thread uses. The counts are read without the locks: a wrong answer costs only time. */

    /** Returns whether the owner of the lock should check the other parts now: once in {@link #LOOK} operations. */
    boolean isDueForLook() {
        return (operations & LOOK - 1) == 0;
    }

    /** Returns how many parts may be added, if unused parts make room for new ones. */
    int room(LayoutParts known) {
        return LayoutParts.MOST - known.count() + Integer.bitCount(unusedBeside(known));
    }

    /** Returns the parts, one bit each, that had no operation yet, if this one had many; otherwise none. */
    int unusedBeside(LayoutParts known) {
        int unused = 0;
        for (int i = 0; operations() >= LOOK && i < known.count(); i++) {
            unused |= known.district(i).operations() == 0 ? 1 << i : 0;
        }
        return unused;
    }

    /**
     * Returns the parts, one bit each, that are no longer used. These are all parts but this one, if none of them had
     * an operation since the last check by this one; otherwise the parts without an operation for {@link #IDLE}
     * operations of this one. The caller holds this part's lock, and calls this at each {@linkplain #isDueForLook
     * check}.
     */
    int idle(LayoutParts known) {
        try {
            long[] of = new long[known.count()];
            long ofOthers = 0;
            int others = 0;
            for (int i = 0; i < of.length; i++) {
                of[i] = known.district(i).operations();
                if (known.district(i) != this) {
                    ofOthers += of[i];
                    others |= 1 << i;
                }
            }
            int idle = 0;
            if ((operations & IDLE - 1) == 0) {
                for (int i = 0; seenOf.length != 0 && i < of.length; i++) {
                    idle |= seenOf[i] == of[i] ? 1 << i : 0;
                }
                seenOf = of;
            }
            boolean isSame = ofOthers == seen;
            seen = ofOthers;
            return isSame ? others : idle & others;
        } catch (OutOfMemoryError | StackOverflowError exhausted) {
            return 0;
        }
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
            published.addInFlight(uncharged, 1);
        }
        spare = counters;
        counters = published;
        charge();
    }

    /** Uncharges the memory that a completed range in flight unmapped. */
    void uncharge(LayoutCounters unmapped) {
        counters.addInFlight(unmapped, -1);
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
            whole.addAll(counters, 1);
            whole.addAll(began, -1);
        }
    }

    @Override
    public String toString() {
        return isPart
                ? "the part from " + Long.toHexString(start) + " to " + Long.toHexString(end)
                : "the whole layout";
    }
}
