// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.ChangeOrder;
import dev.samara.core.event.LayoutListener;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.Registration;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.UnhookTables;
import dev.samara.core.internal.pagewalk.VmaLookup;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.maple.MapleTree;
import dev.samara.maple.Snapshot;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The layout of one address space: its VMAs, counters, limits and ranges in flight. Operations change it under the
 * layout lock. {@link #find} and {@link #snapshot} take no lock and may be called by any thread at any time.
 */
public final class Layout implements VmaLookup {
    /** The owner of the guards' reservations, which are never cleared. */
    private static final Object GUARD = new Object() {
        @Override
        public String toString() {
            return "the guard at an end of the space";
        }
    };

    private static final VarHandle TREE;

    static {
        try {
            TREE = MethodHandles.lookup().findVarHandle(Layout.class, "tree", MapleTree.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    private final MachineState host;
    private final Origin origin;
    private final Geometry geometry;

    /**
     * The tree of the whole layout; null while the layout is divided. Written under the layout lock. It stands here
     * because a lookup then needs no further load.
     */
    @SuppressWarnings("UnusedVariable") // through TREE
    private @Nullable MapleTree<VmArea> tree;

    private final Districts districts;
    private final Changes changes;
    private final long mmapBase;

    private final Privileges privileges;
    private final DenyWriteExec denyWriteExec;

    /** Mappings above the user's part, ascending; no call can change them. */
    private final List<VmArea> above;

    /** The end of the heap. Written under the lock of the district with the heap's start; read without it too. */
    private volatile long brk;

    /**
     * Whether the store that empties the tree for ever has been made, or is the next one. Set under the layout lock: a
     * reader that finds the tree empty because of the close finds this set.
     */
    private volatile boolean isClosing;

    private final RegisteredNotifiers notifiers;

    /* Guarded by the layout lock, as is everything in them. */

    private final Limits limits;

    /** The lock flags that mlockall set for later mappings. */
    private long defaultLock;

    /** The number of operations and forks that have an age. */
    private final AtomicLong ages = new AtomicLong();

    /** The gates of the children's copies that are running. */
    private final List<Gate> copies = new ArrayList<>(0);

    /** Null if the machine has no memory. */
    private final @Nullable MachineMemory memory;

    private final @Nullable PageTable pages;
    private final Lifetime lifetime;
    private final Reaping reaping = new Reaping();
    private final MappedPages mapped = new MappedPages();

    /** The layout to which closed references lead; this for that layout itself. */
    private Layout closed = this;

    /**
     * Creates a layout with nothing mapped in the user's part.
     *
     * @param origin the initial state
     * @param above the mappings above the user's part, ascending
     */
    public Layout(Origin origin, List<VmArea> above) {
        this(
                origin,
                origin.host().memory(origin.geometry().pageShift()),
                new Limits(origin.geometry(), origin.limits()),
                Privileges.bits(origin.capabilities()),
                0,
                above,
                origin.brk(),
                0);
        closed = host.closed(this);
    }

    private Layout(
            Origin origin,
            @Nullable MachineMemory memory,
            Limits limits,
            int held,
            int mdwe,
            List<VmArea> above,
            long brk,
            long inheritedBase) {
        this.origin = origin;
        this.memory = memory;
        this.limits = limits;
        privileges = new Privileges(held);
        denyWriteExec = new DenyWriteExec(mdwe);
        this.above = above;
        this.brk = brk;
        host = origin.host();
        geometry = origin.geometry();
        ReentrantLock lock = host.newLock();
        notifiers = new RegisteredNotifiers(host.firstNotifiers());
        MapleTree<VmArea> empty = new MapleTree<>(lock);
        tree = empty;
        districts = new Districts(this, lock, empty, limits);
        changes = new Changes(host);
        lifetime = new Lifetime(this, origin.name());
        MachineState.identify(lock, lifetime.identity());
        pages = memory == null
                ? null
                : new PageTable(geometry, new TlbContext(lifetime.users(), lifetime.pageTable()), host.tableBudget());
        if (pages != null) {
            pages.limitTo(limits.bytes(Resource.PAGE_TABLES));
        }
        mmapBase =
                inheritedBase != 0 ? inheritedBase : geometry.mmapBase(limits.bytes(Resource.STACK), stackGuardGap());
        if (origin.lowGuard() != 0) {
            empty.reserve(0, origin.lowGuard() - 1, GUARD);
        }
        if (origin.highGuard() != geometry.limit()) {
            empty.reserve(origin.highGuard(), geometry.limit() - 1, GUARD);
        }
    }

    /** Returns the bounds of the space. */
    public Origin origin() {
        return origin;
    }

    /** Returns the state that all spaces of the machine share. */
    public MachineState host() {
        return host;
    }

    public Geometry geometry() {
        return geometry;
    }

    @SuppressWarnings("unchecked") // of this field
    @Nullable
    MapleTree<VmArea> treeAcquire() {
        return (MapleTree<VmArea>) TREE.getAcquire(this);
    }

    /** Replaces the tree. Pairs with the acquire loads of readers. Caller holds the layout lock. */
    void publishTree(@Nullable MapleTree<VmArea> next) {
        TREE.setRelease(this, next);
    }

    /** Takes the layout lock, and joins the parts of a divided layout: the caller has all of it. */
    public void lock() {
        districts.lockWhole();
    }

    public void unlock() {
        districts.whole().unlock();
    }

    /** As {@link #lock}; returns the whole layout as a district, which the caller unlocks. */
    public District lockWhole() {
        return districts.lockWhole();
    }

    /**
     * As {@link #lockWhole()}, for an operation that needs more than the part that has its range.
     *
     * @param start the first address
     * @param end after the last address
     */
    public District lockBeyond(long start, long end) {
        return districts.lockBeyond(start, end);
    }

    /**
     * Takes the lock of the part that has a range; the layout lock, if there is no such part.
     *
     * @param start the first address
     * @param end after the last address
     * @return a locked district that has the range, for the caller to unlock
     */
    public District lock(long start, long end) {
        return districts.lock(start, end);
    }

    /**
     * Lets a thread that waits for the layout lock take it first, for a caller that takes it many times in a row. Waits
     * for that thread for a short time. Caller does not hold the lock.
     */
    public void letOthersIn() {
        LayoutLock.letOthersIn(districts.layoutLock());
    }

    /** Returns whether the calling thread has the lock of this layout, or of a part. */
    public boolean isLockedByThisThread() {
        return districts.isLockedByThisThread();
    }

    public Limits limits() {
        return limits;
    }

    /** Returns the privileges, which change without the layout lock. */
    public Privileges privileges() {
        return privileges;
    }

    /** Returns what the space refuses to make executable. */
    public DenyWriteExec denyWriteExec() {
        return denyWriteExec;
    }

    Districts districts() {
        return districts;
    }

    /** Returns the whole layout as a district. Caller holds the layout lock. */
    public District whole() {
        return districts.whole();
    }

    /** Returns the tree of the whole layout. Caller holds the layout lock. */
    public MapleTree<VmArea> tree() {
        return districts.whole().tree();
    }

    /** Returns the counters of the whole layout. Caller holds the layout lock. */
    public Counters counters() {
        return districts.whole().counters();
    }

    /** Returns the ranges in flight of the whole layout. Caller holds the layout lock. */
    public InFlightRanges inFlight() {
        return districts.whole().inFlight();
    }

    public Changes changes() {
        return changes;
    }

    /** Returns the gates of the children's copies that are running; guarded by the layout lock. */
    public List<Gate> copies() {
        return copies;
    }

    /** Returns the counts of references to this space. */
    public Lifetime lifetime() {
        return lifetime;
    }

    /** Returns how far private pages have been taken from the space while it is used. */
    public Reaping reaping() {
        return reaping;
    }

    /** Returns the number of operations that were published with pages to move. Caller holds the layout lock. */
    long moves() {
        return districts.whole().moves();
    }

    /**
     * Returns the machine's memory.
     *
     * @throws IllegalStateException if the machine has none
     */
    public MachineMemory memory() {
        if (memory == null) {
            throw new IllegalStateException("this machine was built without memory");
        }
        return memory;
    }

    public @Nullable MachineMemory memoryOrNull() {
        return memory;
    }

    /**
     * Returns the page table.
     *
     * @throws IllegalStateException if the machine has no memory
     */
    public PageTable pages() {
        if (pages == null) {
            throw new IllegalStateException("this machine was built without memory");
        }
        return pages;
    }

    /** Returns an age above all earlier ones. Takes no lock. */
    public long nextAge() {
        return ages.incrementAndGet();
    }

    /**
     * Adopts the counters that an edit has published. Caller holds the lock of the district.
     *
     * @param range the range in flight of the edit; null for none
     */
    public void adopt(District district, Counters published, @Nullable InFlightRange range) {
        if (published.total < district.counters().total || (range != null && range.uncharged() != null)) {
            mapped.beforeFall();
        }
        district.adopt(published, range);
        charge(district);
    }

    /** Uncharges what a completed range in flight has unmapped. Caller holds the lock of the district. */
    public void uncharge(District district, Counters unmapped) {
        mapped.beforeFall();
        district.uncharge(unmapped);
        charge(district);
    }

    /** A part has set its own charge, and writes nothing that other parts write. */
    private void charge(District district) {
        if (!district.isPart()) {
            lifetime.identity().charged(district.counters().accounted);
            mapped.set(district.counters().total);
        }
    }

    MappedPages mapped() {
        return mapped;
    }

    /** Notes the number of mapped pages before the layout is divided. */
    void notePeak() {
        mapped.beforeFall();
    }

    /** Has parts count their mapped pages apart; null after they were joined. The caller holds the layout lock. */
    void countIn(@Nullable ChargedPages parts) {
        mapped.countIn(parts);
        if (pages != null) {
            pages.residents().setInParts(parts != null);
        }
    }

    /** Returns the number of mapped pages. Takes no lock. */
    public long mappedPages() {
        return mapped.count();
    }

    /** Returns the highest number of mapped pages so far. Takes no lock. */
    public long mappedPeak() {
        return mapped.peak();
    }

    /** Sets the end of the heap. Caller holds the lock of the district with the heap's start. */
    public void setBrk(long newBrk) {
        brk = newBrk;
    }

    /** Sets the lock flags of later mappings. Caller holds the layout lock. */
    public void setDefaultLock(long lock) {
        defaultLock = lock;
    }

    public long mmapBase() {
        return mmapBase;
    }

    public long stackGuardGap() {
        return host.stackGuardPages() << geometry.pageShift();
    }

    public long defaultLock() {
        return defaultLock;
    }

    /** Returns the current end of the heap. Takes no lock. */
    public long brk() {
        return brk;
    }

    /**
     * Returns the mappings above the user's part.
     *
     * @return an unmodifiable list, ascending
     */
    public List<VmArea> above() {
        return above;
    }

    /**
     * Returns the VMA that covers an address. Lock-free.
     *
     * @param address any address
     * @return the VMA, or null if nothing is mapped there
     */
    @Override
    public @Nullable VmArea find(long address) {
        MapleTree<VmArea> all = treeAcquire();
        return all != null ? all.get(address) : districts.find(address);
    }

    /** Returns the VMA that covers an address, or else the next one above it; null for none. Lock-free. */
    public @Nullable VmArea findNext(long address) {
        MapleTree<VmArea> all = treeAcquire();
        return all != null ? all.atOrAfter(address) : districts.atOrAfter(address);
    }

    /** Returns the VMA that covers an address, or else the next one below it; null for none. Lock-free. */
    public @Nullable VmArea atOrBefore(long address) {
        MapleTree<VmArea> all = treeAcquire();
        return all != null ? all.atOrBefore(address) : districts.atOrBefore(address);
    }

    /** Returns the highest VMA that ends at or below an address, or null for none. Lock-free. */
    public @Nullable VmArea findPrevious(long address) {
        for (; ; ) {
            VmArea below = address == 0 ? null : atOrBefore(address - 1);
            if (below == null || Addresses.isAtMost(below.end(), address)) {
                return below;
            }
            VmArea previous = below.start() == 0 ? null : atOrBefore(below.start() - 1);
            // A VMA never returns to the tree. If the VMA is still there, it covered the address when its predecessor
            // was read.
            if (find(below.start()) == below) {
                return previous;
            }
        }
    }

    /**
     * Returns the VMA that covers an address, with a reference. Lock-free.
     *
     * @param address any address
     * @return the VMA, of which the caller now has a reference, or null if nothing is mapped there
     */
    public @Nullable VmArea acquire(long address) {
        VmArea vma = find(address);
        while (vma != null && !vma.acquire()) {
            // The VMA was replaced meanwhile: it is marked only after a tree without it has been published.
            vma = find(address);
        }
        return vma;
    }

    /**
     * Returns the layout of this instant. Lock-free, in steps in proportion to the number of parts.
     *
     * @return an immutable view
     */
    public Snapshot<VmArea> snapshot() {
        MapleTree<VmArea> all = treeAcquire();
        return all != null ? all.snapshot() : districts.snapshot();
    }

    /**
     * Sets a limit; mappings that exceed it already stay.
     *
     * @param resource the limited resource
     * @param bytes the soft limit, unsigned; -1 for none
     * @throws MmException with ESRCH if the space is closed
     */
    public void setLimit(Resource resource, long bytes) {
        lock();
        try {
            checkNotClosed("setLimit");
            limits.set(resource, bytes);
            if (pages != null) {
                pages.limitTo(limits.bytes(Resource.PAGE_TABLES));
            }
        } finally {
            unlock();
        }
    }

    /**
     * Returns the counters of one instant.
     *
     * @return the map count, then pages: total, data, exec, stack, locked, accounted
     */
    public long[] usage() {
        lock();
        try {
            Counters counters = counters();
            return new long[] {
                counters.maps,
                counters.total,
                counters.data,
                counters.exec,
                counters.stack,
                counters.locked,
                counters.accounted
            };
        } finally {
            unlock();
        }
    }

    /**
     * Returns a histogram of sampled hold times of the layout lock.
     *
     * @return the number of measured holds by bucket, see {@link #highestOfBucket}
     */
    public long[] holdTimes() {
        lock();
        try {
            return districts.whole().holdTimes().copy();
        } finally {
            unlock();
        }
    }

    /**
     * Returns the highest hold time that a bucket counts.
     *
     * @param bucket an index of {@link #holdTimes}
     * @return nanoseconds
     */
    public static long highestOfBucket(int bucket) {
        return LockHoldTimes.highest(bucket);
    }

    /**
     * Adds a listener. It is called for each later change that is published before its registration is closed; for the
     * last changes perhaps after the close.
     */
    public Registration addListener(LayoutListener listener, ChangeOrder order) {
        lock();
        try {
            checkNotClosed("addListener");
            ChangeDelivery added = changes.add(listener, order, whole().changes());
            return new LayoutRegistration(this, listener, () -> changes.remove(added), added::schedule);
        } finally {
            unlock();
        }
    }

    /**
     * Adds a notifier. Until its registration is closed, it is called for the revocations of each operation that calls
     * its notifiers later.
     */
    public Registration addNotifier(MmuNotifier notifier) {
        lock();
        try {
            checkNotClosed("addNotifier");
            return new LayoutRegistration(this, notifier, notifiers.add(notifier), () -> {});
        } finally {
            unlock();
        }
    }

    /** Returns the notifiers of revocations; the list is never changed. */
    public List<MmuNotifier> notifiers() {
        return notifiers.all();
    }

    /**
     * Charges the topmost page table, which the teardown uncharges. Called once, when nothing but the teardown can
     * follow a failure.
     *
     * @param call the call that makes the space, for the exception
     * @throws MmException with ENOMEM if that would exceed the machine's limit
     */
    public void chargeRoot(String call) {
        if (pages != null && !pages.chargeRoot()) {
            throw new MmException(call, Errno.ENOMEM);
        }
    }

    /**
     * Returns an empty layout with this one's bounds, limits and privileges, for a child. Caller holds the layout lock.
     *
     * @throws MmException with ESRCH if the space is closed, and with ENOMEM if the topmost page table of the child
     *     would exceed the machine's limit
     */
    public Layout emptyChild() {
        checkNotClosed("fork");
        // The parent's memory: the machine might wait for an embedder that creates another one.
        Layout child = new Layout(
                origin, memory, limits.copy(), privileges.held(), denyWriteExec.inherited(), above, brk, mmapBase);
        child.closed = closed;
        child.chargeRoot("fork");
        return child;
    }

    /**
     * Returns whether the space is closed. Only a caller that holds the layout lock knows that an open space is still
     * open afterwards.
     */
    public boolean isClosed() {
        // The tree tells whether the store has been made: no thread that is refused finds a mapping afterwards.
        MapleTree<VmArea> all = isClosing ? treeAcquire() : null;
        return all != null && all.isEmpty();
    }

    /** Returns whether the next store closes the space, or an earlier one did. Caller holds the layout lock. */
    boolean isClosing() {
        return isClosing;
    }

    /**
     * Checks that the space is not closed.
     *
     * @throws MmException with ESRCH if it is
     */
    public void checkNotClosed(String call) {
        if (isClosed()) {
            throw new MmException(call, Errno.ESRCH);
        }
    }

    /** Closes the space for ever, with the next store of the tree. Caller holds the layout lock. */
    public void close() {
        isClosing = true;
    }

    /**
     * Returns a layout with these bounds that is closed for ever, and that no CPU and no thread uses. References lead
     * to it once they are closed.
     */
    Layout closedTwin() {
        Origin bounds = new Origin(host, null, geometry, Set.of(), Map.of(), true, 0, 0, 0, 0, geometry.limit(), false);
        Layout twin = new Layout(bounds, memory, new Limits(geometry, Map.of()), 0, 0, List.of(), 0, 0);
        twin.isClosing = true;
        twin.lifetime.users().put();
        return twin;
    }

    /** Returns the layout to which closed references of this space lead. Allocates nothing. */
    public Layout closed() {
        return closed;
    }

    /** Unhooks the empty tables after a close has unmapped all VMAs. */
    public void unhookTables() {
        if (pages != null) {
            UnhookTables.unhookEmpty(pages);
        }
    }

    /** Returns whether an operation or a fork's copy is in flight. */
    boolean isInFlight() {
        lock();
        try {
            return !inFlight().isEmpty() || !copies.isEmpty();
        } finally {
            unlock();
        }
    }

    /** Prepares that the users' reference to the page table is given up, after the teardown. */
    void endTeardown() {
        if (memory != null && pages != null) {
            memory.cpus().endTeardown(pages.context());
        }
    }

    /** Frees the topmost table and the TLB context, to which there is no reference any more. */
    void freePageTable() {
        if (pages != null) {
            pages.free();
            pages.context().free();
        }
    }

    /** Takes the CPUs offline that are gone, and are users of spaces still. */
    public void releaseDeadCpus() {
        if (memory != null && lifetime.users().cpus() != 0) {
            memory.cpus().releaseDead();
        }
    }

    /** Returns the names of the CPUs that use the space, for messages; LAZY CPUs do not. */
    public List<String> cpus() {
        return memory == null || pages == null || lifetime.users().cpus() == 0
                ? List.of()
                : memory.cpus().usersOf(pages.context());
    }

    /**
     * Checks the tree, and that the VMAs, counters and ranges in flight agree with it.
     *
     * @throws AssertionError if they do not, with the place in its message
     */
    public void validate() {
        lock();
        try {
            tree().validate();
            LayoutInvariants.of(this);
            districts.requireNoFailure();
        } finally {
            unlock();
        }
    }
}
