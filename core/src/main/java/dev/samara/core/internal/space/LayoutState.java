// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.maple.MapleTree;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The state of a {@code Layout} that belongs to no district: the tree that lookups use while the layout is undivided,
 * whether the space is closed, its limits and privileges, its listeners, its page table and its lifetime. {@code
 * Layout} extends this class, which saves a lookup one load to find the tree.
 */
public abstract class LayoutState {
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
            TREE = MethodHandles.lookup().findVarHandle(LayoutState.class, "tree", MapleTree.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    private final MachineState host;
    private final Origin origin;
    private final Geometry geometry;
    private final ReentrantLock lock;

    /**
     * The tree of the whole layout; null while the layout is divided. Written under the layout lock. The field is in
     * this class so that a lookup needs no further load.
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

    private final LayoutListeners listeners;
    private final long mmapBase;

    private final Privileges privileges;
    private final DenyWriteExec denyWriteExec;

    /** Mappings above the user's part, ascending; no call can change them. */
    private final List<VmArea> above;

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

    /* Guarded by the layout lock, like their contents. */

    /**
     * Words: {@code limits} and its contents of {@code LayoutState}, {@code Limits}.
     * Written: holder of the layout lock (plain).
     * Read: holder of the layout lock (plain).
     * Invariant: none, because a limit may be lower than what is in use.
     */
    private final Limits limits;

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
    private final List<Gate> copies = new ArrayList<>(0);

    /**
     * The number of operations that wait for a fork's copy, or have waited and have not made an attempt since.
     *
     * <p>Written: such an operation, first under the layout lock (get-and-add).
     * Read: a fork, under the layout lock (volatile).
     * Invariant: no instant of a fork follows while it is not 0, apart from forks that have waited long for that, forks
     *     that a retirement calls, and forks with a ticket, for which operations wait.
     */
    private final AtomicInteger copyWaiters = new AtomicInteger();

    /** Null if the machine has no memory. */
    private final @Nullable MachineMemory memory;

    private final @Nullable PageTable pages;
    private final Lifetime lifetime;
    private final Reaping reaping = new Reaping();
    private final MappedPages mapped = new MappedPages();

    /**
     * Creates the state of a layout with an empty tree, in which the guards are reserved.
     *
     * @param end the teardown, which runs after the last user is gone
     */
    LayoutState(
            MachineState host,
            TlbContext.Teardown end,
            Origin origin,
            @Nullable MachineMemory memory,
            Limits limits,
            int held,
            int mdwe,
            List<VmArea> above,
            long brk,
            long inheritedBase) {
        this.host = host;
        this.origin = origin;
        this.memory = memory;
        this.limits = limits;
        privileges = new Privileges(held);
        denyWriteExec = new DenyWriteExec(mdwe);
        this.above = above;
        this.brk = brk;
        geometry = origin.geometry();
        lock = host.newLock();
        MapleTree<VmArea> empty = new MapleTree<>(lock);
        tree = empty;
        listeners = new LayoutListeners(host);
        lifetime = new Lifetime(
                new Identity(origin.name(), geometry.pageSize(), origin.isCollected()), geometry, end, host, memory);
        LayoutLock.identify(lock, lifetime.identity());
        pages = lifetime.pages();
        if (pages != null) {
            pages.limitTables(limits.bytes(Resource.PAGE_TABLES));
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

    /** Returns the layout lock. */
    ReentrantLock layoutLock() {
        return lock;
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

    public Limits limits() {
        return limits;
    }

    /** Returns the privileges, which change without the layout lock. */
    public Privileges privileges() {
        return privileges;
    }

    /** Returns the setting that forbids making mappings executable. */
    public DenyWriteExec denyWriteExec() {
        return denyWriteExec;
    }

    public LayoutListeners listeners() {
        return listeners;
    }

    /** Returns the gates of the fork copies that are running; guarded by the layout lock. */
    public List<Gate> copies() {
        return copies;
    }

    /**
     * Returns the gate of a fork's copy, which an operation awaits before it publishes or lists a range in flight, and
     * another fork before its instant; null if there is none, or if a retirement called the operation or the fork. The
     * caller holds the layout lock.
     */
    public @Nullable Gate copyToAwait() {
        return copies.isEmpty() || InFlightOperation.retiring() != null ? null : copies.get(copies.size() - 1);
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

    /** Returns the counts of references to this space. */
    public Lifetime lifetime() {
        return lifetime;
    }

    /** Returns the reaping state of the space. */
    public Reaping reaping() {
        return reaping;
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

    /** Returns the page table; null if the machine has no memory. */
    @Nullable
    PageTable pagesOrNull() {
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
            long limit = host().tableBudget().limit();
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

    /**
     * Adopts the counters that an edit published. Caller holds the lock of the district.
     *
     * @param range the range in flight of the edit; null if there is none
     */
    public void adopt(District district, LayoutCounters published, @Nullable InFlightOperation range) {
        // The pages that the range unmaps are counted until its completion, which notes the peak itself.
        if (published.total < district.counters().total) {
            mapped.beforeFall();
        }
        district.adopt(published, range);
        charge(district);
    }

    /** Uncharges the memory that a completed range in flight unmapped. Caller holds the lock of the district. */
    public void uncharge(District district, LayoutCounters unmapped) {
        mapped.beforeFall();
        district.uncharge(unmapped);
        charge(district);
    }

    /**
     * Sets the charge of a whole layout. A part already set its own charge, and must not write words that other parts
     * also write.
     */
    private void charge(District district) {
        if (!district.isPart()) {
            lifetime.identity().charged(district.counters().accounted);
            mapped.set(district.counters().total);
        }
    }

    MappedPages mapped() {
        return mapped;
    }

    /** Records the number of mapped pages before the layout is divided. */
    void notePeak() {
        mapped.beforeFall();
    }

    /**
     * Sets the counts of the parts, which count their mapped pages separately from now on; null after a join. The
     * caller holds the layout lock.
     */
    void countIn(@Nullable ChargedPages parts) {
        mapped.countIn(parts);
        if (pages != null) {
            pages.setInParts(parts != null);
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
     * Returns whether the space is closed. Unless the caller holds the layout lock, an open space may be closed
     * concurrently.
     */
    public boolean isClosed() {
        // The tree shows whether the store was made, so that a thread that is refused finds no mapping afterwards.
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

    /** Closes the space forever, with the next store of the tree. Caller holds the layout lock. */
    public void close() {
        isClosing = true;
    }
}
