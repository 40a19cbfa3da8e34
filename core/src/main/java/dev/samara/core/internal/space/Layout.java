// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.LayoutListener;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.Registration;
import dev.samara.core.internal.file.SharedAnonymous;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.pagewalk.PageWalk.VmaLookup;
import dev.samara.core.internal.space.District.LockHoldTimes;
import dev.samara.core.internal.space.Identity.ChargedPages;
import dev.samara.core.internal.space.LayoutListeners.ChangeDelivery;
import dev.samara.core.internal.space.Limits.Privileges;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.CallNotice;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;
import dev.samara.maple.MapleTree;
import dev.samara.maple.RangeEntry;
import dev.samara.maple.Snapshot;
import java.lang.invoke.ConstantBootstraps;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The layout of one address space: its VMAs, counters, limits and ranges in flight. Operations change it under the
 * layout lock, or under the lock of one of its districts. {@link #find} and {@link #snapshot} take no lock and may be
 * called by any thread at any time.
 */
public final class Layout implements VmaLookup {
    /**
     * The bounds of a space, and the settings with which it starts. Addresses are unsigned.
     *
     * @param name the name that the embedder gave the space, or null
     * @param geometry sizes and bounds
     * @param capabilities the privileges with which the space starts
     * @param limits soft limits in bytes; -1 or absent for no limit
     * @param topDown whether placement goes downwards from the mmap base
     * @param heapStart the first address of the heap
     * @param brk the end of the heap
     * @param stackStart an address in the main stack, or 0
     * @param lowGuard the end of the guard that starts at 0, in which nothing can be mapped; 0 if there is no such
     *     guard
     * @param highGuard the start of the guard that ends at the limit, in which nothing can be mapped; equal to the
     *     limit if there is no such guard
     * @param earlyReuse whether a mapping may be stored over the reservation of a munmap in flight
     * @param isCollected whether references to the users may become unreachable without a close
     */
    public record Origin(
            @Nullable String name,
            Geometry geometry,
            Set<Capability> capabilities,
            Map<Resource, Long> limits,
            boolean topDown,
            long heapStart,
            long brk,
            long stackStart,
            long lowGuard,
            long highGuard,
            boolean earlyReuse,
            boolean isCollected) {
        /** Returns the lowest address at which a mapping may be placed. */
        public long lowest() {
            return Addresses.higher(geometry.minimum(), lowGuard);
        }

        /** Returns whether {@code [start, end)} overlaps a guard. */
        public boolean isGuarded(long start, long end) {
            return Addresses.isBelow(start, lowGuard) || Addresses.isAbove(end, highGuard);
        }
    }

    /** The registration of a listener or notifier. Closing it takes the layout lock. */
    private final class LayoutRegistration implements Registration {
        private final @Nullable ChangeDelivery delivery;
        private final @Nullable MmuNotifier notifier;

        LayoutRegistration(@Nullable ChangeDelivery delivery, @Nullable MmuNotifier notifier) {
            this.delivery = delivery;
            this.notifier = notifier;
        }

        @Override
        public void close() {
            // Checked before anything is changed, because the scheduling must not stop half-way.
            StackReserve.check(StackReserve.MANY);
            lock();
            try {
                if (delivery != null) {
                    listeners.remove(delivery);
                } else if (addedNotifiers.remove(this)) {
                    publishNotifiers();
                }
            } finally {
                unlock();
            }
            if (delivery != null) {
                delivery.schedule();
            }
        }

        @Override
        public String toString() {
            Object callback = delivery != null ? delivery.listener : Objects.requireNonNull(notifier);
            return "registration of " + callback.getClass().getName();
        }
    }

    private static final int KNOWN_MDWE = Mman.REFUSE_EXEC_GAIN | Mman.NO_INHERIT;

    /** The owner of the guards' reservations, which are never cleared. */
    private static final Object GUARD = new Object() {
        @Override
        public String toString() {
            return "the guard at an end of the space";
        }
    };

    private static final VarHandle TREE = ConstantBootstraps.fieldVarHandle(
            MethodHandles.lookup(), "tree", VarHandle.class, Layout.class, MapleTree.class);

    /**
     * The counts of references to this space. HotSpot puts the first reference field of a class beside {@code
     * isClosing}, and a thread that enters the space reads both.
     */
    public final Lifetime lifetime;

    /** The spaces of the machine. */
    public final Spaces spaces;
    /** The state that all spaces of the machine share. */
    public final MachineState host;
    /** The bounds of the space. */
    public final Origin origin;

    public final Geometry geometry;

    /** The layout lock. */
    final ReentrantLock lock;

    /** Null if the machine has no memory. */
    private final @Nullable MachineMemory memory;

    private final @Nullable PageTable pages;
    private final Identity identity;
    /** The parts of the layout, or the whole layout as one part, with the locks. */
    public final Districts districts;
    /** The listeners, to which publications deliver changes. */
    public final LayoutListeners listeners;
    /** The notice to the calls of the machine. */
    public final CallNotice notice;

    /** Whether the access checker records which ranges a call may revoke. */
    private final boolean isChecked;

    /** The privileges, which change without the layout lock. */
    public final Privileges privileges;

    public final long mmapBase;

    /** Mappings above the user's part, ascending; no call can change them. */
    public final List<VmArea> above;

    /**
     * The tree of the whole layout; null while the layout is divided. Written under the layout lock.
     *
     * <p>Written: a division and a join, holding the layout lock (release).
     * Read: any thread (acquire).
     * Pairs: with {@code parts}. A division stores {@code parts}, and then null here; a thread that finds null here
     *     finds the parts of that division or of a later one, or null after a later join, and then reads this field
     *     again. A join stores the joined tree here, and then null in {@code parts}.
     * Invariant: the tree of the whole layout; null while the layout is divided. Threads use the parts only if they
     *     found null here. Otherwise an operation in a part would make changes that lookups in the tree do not find.
     */
    @SuppressWarnings("UnusedVariable") // through TREE
    private @Nullable MapleTree<VmArea> tree;

    /**
     * The end of the heap. Written under the lock of the district with the heap's start; also read without that lock.
     *
     * <p>Written: {@code Edit.publish}, holding the lock of the district with the start of the heap (volatile).
     * Read: holder of that lock; {@code snapshot}, to name the heap; a call of {@code brk}, to guess its range
     *     (volatile).
     * Invariant: between the start of the heap and the limit of the space. A snapshot may pair it with the tree of
     *     another instant: racy, benign because it only chooses a name.
     */
    private volatile long brk;

    /**
     * Whether the tree was emptied forever, or the next store of a tree empties it. Set under the layout lock before
     * that store, so that a reader that finds the tree empty because of the close finds this field set.
     *
     * <p>Written: the thread that tears the space down, holding the layout lock, before the store of the tree that
     *     removes all VMAs (volatile).
     * Read: operations, forks, changes of limits and listeners, holding the layout lock; without the lock, calls that
     *     would be refused anyway, {@code mincore} after its walk, {@code collectDirty}, {@code watch}, reads and
     *     writes of the space, and a CPU that is about to switch to the space (volatile).
     * Pairs: with the store of the tree's root: a thread that finds no VMA because of the close finds this field set.
     *     The space is closed if this field is set and the tree is empty, so for readers with and without the lock the
     *     close happens at one instant, that of the store.
     * Invariant: never reset. While it is set, and the layout lock is free, the tree has no VMA.
     */
    private volatile boolean isClosing;

    /**
     * The {@code PR_MDWE_*} bits of {@link Mman}, with which the space refuses mappings that are writable and
     * executable, and changes that make a mapping executable ({@code MMF_HAS_MDWE}, {@code prctl_set_mdwe} in {@code
     * kernel/sys.c}).
     *
     * <p>Written: holder of the layout lock, after it has joined the parts (volatile).
     * Read: an edit, holding the lock of its district, each time that it decides (volatile, as all reads are); any
     *     thread, to return them to its caller.
     * Pairs: ordered by the locks: an edit that is published after the write read the new value. When the bits are
     *     written, all parts with separate locks are dead.
     * Invariant: 0, or the first value that was set. From then on no edit adds the right to execute to a mapping, or
     *     creates a mapping that is writable and executable, no matter when the edit's call started.
     */
    private volatile int mdwe;

    /**
     * Whether private pages may be missing ({@code MMF_UNSTABLE}). Written under the layout lock, so that a fork of the
     * space either precedes the mark completely or is refused.
     *
     * <p>Written: reapers, holding the layout lock, before they read an entry (volatile).
     * Read: a fault that is about to install a private page, under the lock of the leaf, and earlier without that lock;
     *     a fork, holding the layout lock (volatile).
     * Pairs: a reaper sets the mark, fences ({@code PageTable.nextLeaf}), and takes the locks of the leaves. A fault
     *     links the leaf (volatile), takes its lock, reads the mark, and fills the entry. So the reaper finds the
     *     entry, or the fault finds the mark.
     * Invariant: final once set. After a reaper has released the last leaf lock that it takes in a private anonymous
     *     mapping, no page is installed in that mapping.
     */
    private volatile boolean isUnstable;

    /**
     * Whether the machine skips this space when it needs memory ({@code MMF_OOM_SKIP}).
     *
     * <p>Written: the thread that ends a reap, or abandons a reap that hangs (volatile).
     * Read: the thread of a fault that looks for a victim (volatile).
     * Invariant: final once set. It is only a hint, because a space may be reaped again.
     */
    private volatile boolean isReapSkipped;

    /** The registrations of notifiers. Guarded by the layout lock. */
    private final List<LayoutRegistration> addedNotifiers = new ArrayList<>(0);

    /**
     * The notifiers of revocations: those with which the space started, and those that were added.
     *
     * <p>Written: holder of the layout lock (volatile).
     * Read: an operation, when it retires, and a drop of droppable pages, without the lock (volatile).
     * Invariant: a list that is never changed. An operation that publishes after a notifier was added finds it, ordered
     *     by the lock.
     */
    private volatile List<MmuNotifier> notifiers;

    /**
     * Words: {@code limits} and its contents of {@code Layout}, {@code Limits}.
     * Written: holder of the layout lock (plain).
     * Read: holder of the layout lock (plain).
     * Invariant: none, because a limit may be lower than what is in use.
     */
    public final Limits limits;

    /**
     * The lock flags that mlockall set for later mappings.
     *
     * <p>Words: {@code defaultLock}, {@code copies} and their contents.
     * Written: holder of the layout lock, while the layout is not divided (plain).
     * Read: holder of the layout lock, or of the lock of a part (plain).
     * Pairs: a part is published, in {@code parts}, after all writes before its division.
     * Invariant: the gate of a copy is in {@code copies} from the instant of its fork until it opens.
     */
    private long defaultLock;

    /**
     * The number of ages that were assigned to operations and forks.
     *
     * <p>Written: an operation that restarts for the first time, and a fork that leaves a ticket (get-and-add).
     * Read: nowhere else.
     * Invariant: the last age that was assigned.
     */
    private final AtomicLong ages = new AtomicLong();

    /** The gates of the fork copies that are running. */
    public final List<Gate> copies = new ArrayList<>(0);

    /**
     * What the youngest checkpoint keeps of VMAs that leave the layout; null if there is no checkpoint.
     *
     * <p>Written: a checkpoint's cut (volatile).
     * Read: an edit, holding the lock of its district, and a cut (volatile).
     * Pairs: no edit is published while a cut writes it, except one that a retirement calls. Such an edit may read an
     *     older value, and then a backing is asked again.
     * Invariant: an element for each open checkpoint, from the youngest to the oldest.
     */
    private volatile @Nullable KeptOpens keptOpens;

    /**
     * The number of operations that wait for a fork's copy, or have waited and have not made an attempt since.
     *
     * <p>Written: such an operation, first under the layout lock (get-and-add).
     * Read: a fork, under the layout lock (volatile).
     * Invariant: no instant of a fork follows while it is not 0, apart from forks that have waited long for that, forks
     *     that a retirement calls, and forks with a ticket, for which operations wait.
     */
    private final AtomicInteger copyWaiters = new AtomicInteger();

    /**
     * The layout to which closed references lead; in that layout, {@code this}.
     *
     * <p>Written: the thread that creates the layout, before another thread reaches it (plain).
     * Read: any thread (plain).
     * Invariant: does not change once another thread can reach the layout.
     */
    private Layout closed = this;

    /**
     * Creates a layout with nothing mapped in the user's part.
     *
     * @param spaces the spaces of its machine
     * @param origin the initial state
     * @param above the mappings above the user's part, ascending
     */
    public Layout(Spaces spaces, Origin origin, List<VmArea> above) {
        this(
                spaces,
                origin,
                spaces.host.memory(origin.geometry().pageShift()),
                new Limits(origin.geometry(), origin.limits()),
                Privileges.bits(origin.capabilities()),
                0,
                above,
                origin.brk(),
                0);
        closed = spaces.closed(this);
    }

    private Layout(
            Spaces spaces,
            Origin origin,
            @Nullable MachineMemory memory,
            Limits limits,
            int held,
            int mdwe,
            List<VmArea> above,
            long brk,
            long inheritedBase) {
        this.spaces = spaces;
        this.origin = origin;
        this.memory = memory;
        this.limits = limits;
        this.mdwe = mdwe;
        this.above = above;
        this.brk = brk;
        host = spaces.host;
        geometry = origin.geometry();
        notice = host.threads.housekeeping.notice;
        isChecked = memory != null && memory.accessChecker != null;
        privileges = new Privileges(held);
        lock = host.newLock();
        MapleTree<VmArea> empty = new MapleTree<>(lock);
        tree = empty;
        notifiers = host.firstNotifiers();
        listeners = new LayoutListeners(host);
        identity = new Identity(origin.name(), geometry.pageSize(), origin.isCollected());
        lifetime = new Lifetime(this, identity);
        LayoutLock.identify(lock, identity);
        pages = lifetime.pages;
        if (pages != null) {
            pages.limitTables(limits.bytes(Resource.PAGE_TABLES));
        }
        mmapBase =
                inheritedBase != 0 ? inheritedBase : geometry.mmapBase(limits.bytes(Resource.STACK), stackGuardGap());
        // The guards are reserved in the tree, and are never cleared.
        if (origin.lowGuard() != 0) {
            empty.reserve(0, origin.lowGuard() - 1, GUARD);
        }
        if (origin.highGuard() != geometry.limit()) {
            empty.reserve(origin.highGuard(), geometry.limit() - 1, GUARD);
        }
        districts = new Districts(this);
    }

    /**
     * Returns an empty layout with this one's bounds, limits and privileges, for a child. Caller holds the layout lock.
     *
     * @throws MmException with ESRCH if the space is closed, and with ENOMEM if the topmost page table of the child
     *     would exceed the machine's limit
     */
    public Layout emptyChild() {
        checkNotClosed("fork");
        // Uses the parent's memory, because the machine might wait for an embedder that is creating another memory.
        Layout child = new Layout(
                spaces, origin, memory, limits.copy(false), privileges.held(), inheritedMdwe(), above, brk, mmapBase);
        child.closed = closed;
        child.chargeRoot("fork");
        return child;
    }

    /**
     * Creates a layout with the same bounds that is closed forever, and that no CPU or thread uses. Closed references
     * lead to it.
     */
    Layout closedTwin() {
        Origin bounds =
                new Origin(null, geometry, Set.of(), Map.of(), true, 0, 0, 0, 0, geometry.limit(), false, false);
        Layout twin = new Layout(spaces, bounds, memory, new Limits(geometry, Map.of()), 0, 0, List.of(), 0, 0);
        twin.close();
        twin.lifetime.context.put();
        return twin;
    }

    /** Returns the layout to which closed references of this space lead. Allocates nothing. */
    public Layout closed() {
        return closed;
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

    /**
     * Charges the topmost page table, which the teardown uncharges. Called once; after a failure, only the teardown
     * follows.
     *
     * @param call the call that creates the space, for the exception
     * @throws MmException with ENOMEM if that would exceed the machine's limit
     */
    public void chargeRoot(String call) {
        if (pages != null && !pages.chargeRoot()) {
            long limit = host.tableBudget.limit;
            throw new MmException(call + ", which needs a page table beyond pageTableLimit " + limit, Errno.ENOMEM);
        }
    }

    /** Unhooks the empty tables after a close has unmapped all VMAs. */
    public void unhookTables() {
        if (pages != null) {
            pages.unhookEmpty();
        }
    }

    /** Returns an age above all earlier ones. Takes no lock. */
    public long nextAge() {
        return ages.incrementAndGet();
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

    /** Takes the layout lock, and joins the parts of a divided layout, so that the caller has locked all of it. */
    public void lock() {
        districts.lockWhole();
    }

    public void unlock() {
        districts.whole().unlock();
    }

    /**
     * Lets a thread that is waiting for the layout lock take it first. For callers that take the lock many times in a
     * row. Waits briefly for that thread. Caller does not hold the lock.
     */
    public void letOthersIn() {
        LayoutLock.letOthersIn(lock);
    }

    /** Returns the whole layout as a district. Caller holds the layout lock. */
    public District whole() {
        return districts.whole();
    }

    /** Returns the counters of the whole layout. Caller holds the layout lock. */
    public LayoutCounters counters() {
        return districts.whole().counters();
    }

    /** Returns whether there is droppable memory. Caller holds the layout lock. */
    public boolean hasDroppable() {
        return counters().droppable != 0;
    }

    /** Returns the operations in flight of the whole layout. Caller holds the layout lock. */
    public InFlightOperations inFlight() {
        return districts.whole().inFlight;
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

    /** Returns the VMA that covers an address, or else the next one above it; null if there is none. Lock-free. */
    public @Nullable VmArea findNext(long address) {
        MapleTree<VmArea> all = treeAcquire();
        return all != null ? all.atOrAfter(address) : districts.atOrAfter(address);
    }

    /** Returns the VMA that covers an address, or else the next one below it; null if there is none. Lock-free. */
    public @Nullable VmArea atOrBefore(long address) {
        MapleTree<VmArea> all = treeAcquire();
        return all != null ? all.atOrBefore(address) : districts.atOrBefore(address);
    }

    /** Returns the last VMA that starts below an address, or null. Takes no lock. */
    @Nullable
    VmArea before(long address) {
        return address == 0 ? null : atOrBefore(address - 1);
    }

    /** Returns the highest VMA that ends at or below an address, or null if there is none. Lock-free. */
    public @Nullable VmArea findPrevious(long address) {
        for (; ; ) {
            VmArea below = before(address);
            if (below == null || Addresses.isAtMost(below.end(), address)) {
                return below;
            }
            VmArea previous = before(below.start());
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
     * @return the VMA, to which the caller now holds a reference; null if nothing is mapped there
     */
    public @Nullable VmArea acquire(long address) {
        VmArea vma = find(address);
        while (vma != null && !vma.acquire()) {
            // The VMA was replaced concurrently. A VMA is marked only after a tree without it was published, so the
            // next lookup finds another VMA or none.
            vma = find(address);
        }
        return vma;
    }

    /**
     * Returns the layout of one instant of this call. Lock-free; the number of steps is proportional to the number of
     * parts.
     *
     * @return an immutable view
     */
    public Snapshot<VmArea> snapshot() {
        MapleTree<VmArea> all = treeAcquire();
        return all != null ? all.snapshot() : districts.snapshot();
    }

    /**
     * Sets a limit. Mappings that already exceed it stay.
     *
     * @param resource the limited resource
     * @param bytes the soft limit, unsigned; -1 for no limit
     * @throws MmException with ESRCH if the space is closed
     */
    public void setLimit(Resource resource, long bytes) {
        lock();
        try {
            checkNotClosed("setLimit");
            limits.set(resource, bytes);
            if (pages != null) {
                pages.limitTables(limits.bytes(Resource.PAGE_TABLES));
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
            return counters().usage();
        } finally {
            unlock();
        }
    }

    /**
     * Returns a histogram of sampled hold times of the layout lock.
     *
     * @return the number of measured holds by bucket, see {@link LockHoldTimes#highest}
     */
    public long[] holdTimes() {
        lock();
        try {
            return districts.whole().holdTimes.copy();
        } finally {
            unlock();
        }
    }

    /**
     * Adopts the counters that an edit published. Caller holds the lock of the district.
     *
     * @param range the range in flight of the edit; null if there is none
     */
    public void adopt(District district, LayoutCounters published, @Nullable InFlightOperation range) {
        // The pages that the range unmaps are counted until its completion, which notes the peak itself.
        if (published.total < district.counters().total) {
            identity.beforeFall();
        }
        district.adopt(published, range);
        count(district);
    }

    /** Uncharges the memory that a completed range in flight unmapped. Caller holds the lock of the district. */
    public void uncharge(District district, LayoutCounters unmapped) {
        identity.beforeFall();
        district.uncharge(unmapped);
        count(district);
    }

    /**
     * Sets the counts of a whole layout. A part already set its own counts, and must not write words that other parts
     * also write.
     */
    private void count(District district) {
        if (!district.isPart) {
            identity.count(district.counters());
        }
    }

    /**
     * Sets the counts of the parts, which count their pages separately from now on; null after a join. The caller holds
     * the layout lock.
     */
    void countIn(@Nullable ChargedPages parts) {
        identity.countIn(parts);
        if (pages != null) {
            pages.setInParts(parts != null);
        }
    }

    /** Sets the end of the heap. Caller holds the lock of the district with the heap's start. */
    public void setBrk(long newBrk) {
        brk = newBrk;
    }

    /** Sets the lock flags of later mappings. Caller holds the layout lock. */
    public void setDefaultLock(long lock) {
        defaultLock = lock;
    }

    public long stackGuardGap() {
        return host.stackGuardPages << geometry.pageShift();
    }

    public long defaultLock() {
        return defaultLock;
    }

    /** Returns the current end of the heap. Takes no lock. */
    public long brk() {
        return brk;
    }

    /**
     * Returns whether the space is closed. Unless the caller holds the layout lock, an open space may be closed
     * concurrently.
     */
    public boolean isClosed() {
        // The tree shows whether the store was made, so that a thread that is refused finds no mapping afterwards.
        MapleTree<VmArea> all = isClosing ? treeAcquire() : null;
        return all != null && all.isEmpty();
    }

    /**
     * Returns whether a call of the space has to handle something before it starts: the space is closed or about to be,
     * a source posted the {@link CallNotice} of the machine, or the machine is checked.
     */
    public boolean isSpecial() {
        return notice.isPosted || isClosing || isChecked;
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

    /** Closes the space forever, with the next store of the tree. Caller holds the layout lock. */
    public void close() {
        isClosing = true;
    }

    /**
     * Returns the gate of a fork's copy, which an operation awaits before it publishes or lists a range in flight, and
     * another fork before its instant; null if there is none, or if a retirement called the operation or the fork. The
     * caller holds the layout lock.
     */
    public @Nullable Gate copyToAwait() {
        return copies.isEmpty() || InFlightOperation.retiring() != null ? null : copies.get(copies.size() - 1);
    }

    /** Returns what the youngest checkpoint keeps of VMAs that leave the layout; null if there is no checkpoint. */
    public @Nullable KeptOpens keptOpens() {
        return keptOpens;
    }

    /** Sets what the youngest checkpoint keeps. The caller is in a cut, or tears the space down. */
    public void setKeptOpens(@Nullable KeptOpens youngest) {
        keptOpens = youngest;
    }

    /** Keeps the opens of VMAs that an edit is about to take out, if a checkpoint needs them. */
    public void keepOpens(List<VmArea> gone) {
        KeptOpens kept = keptOpens;
        if (kept != null) {
            kept.keep(gone);
        }
    }

    /** Makes later forks wait until {@link #endCopyWait}, which an operation calls after its next attempt. */
    public void beginCopyWait() {
        copyWaiters.getAndIncrement();
    }

    public void endCopyWait() {
        copyWaiters.getAndDecrement();
    }

    /** Returns whether an operation that waited for a fork's copy has to make an attempt first. */
    public boolean hasCopyWaiters() {
        return copyWaiters.get() != 0;
    }

    /** Returns the {@code PR_MDWE_*} bits of {@link Mman}. */
    public int mdwe() {
        return mdwe;
    }

    /** Returns the bits of a child, or of a space that replaces this one ({@code mmf_init_legacy_flags}). */
    private int inheritedMdwe() {
        int own = mdwe;
        return (own & Mman.NO_INHERIT) != 0 ? 0 : own;
    }

    /**
     * Sets the {@code PR_MDWE_*} bits of {@link Mman}, which are never changed afterwards, under the layout lock. So
     * every edit published after this returns obeys them, even if the edit's call started earlier.
     *
     * @return 0, or a negated errno
     */
    public long setMdwe(long wanted) {
        boolean isComplete = (wanted & Mman.NO_INHERIT) == 0 || (wanted & Mman.REFUSE_EXEC_GAIN) != 0;
        lock();
        try {
            if (isClosed()) {
                return Errno.ESRCH.result();
            }
            if ((wanted & ~KNOWN_MDWE) != 0 || !isComplete) {
                return Errno.EINVAL.result();
            }
            if (mdwe != 0 && mdwe != wanted) {
                return Errno.EPERM.result();
            }
            mdwe = (int) wanted;
            return 0;
        } finally {
            unlock();
        }
    }

    /**
     * Passes the {@code PR_MDWE_*} bits of {@link Mman} on to the space that replaces this one, unless that one has
     * bits.
     */
    public void passMdweOn(Layout next) {
        int bits = inheritedMdwe();
        if (bits != 0) {
            // Has no effect if that space already has other bits, which deny as much as these.
            long unused = next.setMdwe(bits);
        }
    }

    /**
     * Returns whether a mapping must not change from flags {@code old} to {@code flags} ({@code map_deny_write_exec} in
     * {@code include/linux/mman.h}). For a new mapping, both are its flags. Caller holds the lock of a district.
     */
    public boolean deniesExec(long old, long flags) {
        if ((flags & VmaFlags.EXEC) == 0 || mdwe == 0) {
            return false;
        }
        return (flags & VmaFlags.WRITE) != 0 || (old & VmaFlags.EXEC) == 0;
    }

    /**
     * Returns whether private pages of the space may be missing. If so, a private mapping receives no more pages, and
     * the space cannot fork. A fault that installs a page calls this under the lock of the leaf.
     */
    public boolean isUnstable() {
        // Pairs with the reaper, which sets the mark, and then walks and takes the locks of the leaves.
        return isUnstable;
    }

    /** Marks the space before the first page is taken from it. The caller holds the layout lock. */
    void setUnstable() {
        // Pairs with a fault that links a leaf, takes its lock and reads the mark.
        isUnstable = true;
    }

    /**
     * Returns whether the machine skips the space when it needs memory, because its pages were already taken, or
     * because an attempt to take them failed.
     */
    boolean isReapSkipped() {
        return isReapSkipped;
    }

    /** Marks the space as one from which no more memory can be taken. */
    public void skipReap() {
        isReapSkipped = true;
    }

    /**
     * Adds a listener. It is called for each later change that is published before its registration is closed. The
     * calls for the last of these changes may come after the close.
     */
    public Registration addListener(LayoutListener listener, LayoutListener.Order order) {
        lock();
        try {
            checkNotClosed("addListener");
            return new LayoutRegistration(listeners.add(listener, order, whole().changes()), null);
        } finally {
            unlock();
        }
    }

    /**
     * Adds a notifier. Until its registration is closed, it is called for the revocations of each operation that calls
     * its notifiers later. A notifier that was added twice has two registrations, which are closed separately.
     */
    public Registration addNotifier(MmuNotifier notifier) {
        lock();
        try {
            checkNotClosed("addNotifier");
            LayoutRegistration added = new LayoutRegistration(null, notifier);
            addedNotifiers.add(added);
            publishNotifiers();
            return added;
        } finally {
            unlock();
        }
    }

    private void publishNotifiers() {
        List<MmuNotifier> all = new ArrayList<>(host.firstNotifiers());
        for (LayoutRegistration each : addedNotifiers) {
            all.add(Objects.requireNonNull(each.notifier));
        }
        notifiers = List.copyOf(all);
    }

    /** Returns the notifiers of revocations; the list is never changed. */
    public List<MmuNotifier> notifiers() {
        return notifiers;
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

    /**
     * Checks the tree, and that the VMAs, counters and ranges in flight agree with it.
     *
     * @throws AssertionError if they do not, with the place in its message
     */
    public void validate() {
        lock();
        try {
            whole().tree.validate();
            LayoutCounters recounted = recount(whole());
            for (InFlightOperation range : inFlight().operations) {
                LayoutCounters uncharged = range.uncharged();
                if (uncharged != null) {
                    recounted.addInFlight(uncharged, 1);
                }
                check(range);
            }
            if (!recounted.sameAs(counters())) {
                throw new AssertionError("counted " + recounted + ", but the layout says " + counters());
            }
            districts.search.requireNoFailure();
        } finally {
            unlock();
        }
    }

    private LayoutCounters recount(District whole) {
        LayoutCounters recounted = new LayoutCounters();
        for (RangeEntry<VmArea> entry : whole.tree.entries()) {
            VmArea vma = entry.value();
            if (vma.start() != entry.first() || vma.end() - 1 != entry.last()) {
                throw new AssertionError(
                        String.format(Locale.ROOT, "tree has %x..%x for VMA %s", entry.first(), entry.last(), vma));
            }
            if (!geometry.isAligned(vma.start()) || !geometry.isAligned(vma.end())) {
                throw new AssertionError("VMA " + vma + " is not aligned");
            }
            if (vma.isDetached()) {
                throw new AssertionError("VMA " + vma + " is in the tree and detached");
            }
            InFlightOperation range = InFlightOperation.of(vma);
            if (range != null && !range.occupied().contain(vma.start())) {
                throw new AssertionError("VMA " + vma + " belongs to " + range + ", which does not know it");
            }
            if (vma.backing() instanceof SharedAnonymous object && object.contentOf(vma) != vma.open()) {
                throw new AssertionError("VMA " + vma + " has no share of its object's content");
            }
            recounted.count(vma, geometry.pages(vma.length()), 1);
        }
        return recounted;
    }

    private void check(InFlightOperation range) {
        if (range.gate().isOpen()) {
            throw new AssertionError(range + " is complete and still listed");
        }
        for (int i = 0; i < range.occupied().size() && !range.isJoining(); i++) {
            VmArea vma = find(range.occupied().start(i));
            if (vma == null || vma.gate() != range.gate()) {
                throw new AssertionError(range + " has lost its VMA: " + vma);
            }
        }
    }
}
