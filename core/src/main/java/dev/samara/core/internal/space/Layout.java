// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.ChangeOrder;
import dev.samara.core.event.LayoutListener;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.Registration;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.pagewalk.VmaLookup;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.maple.MapleTree;
import dev.samara.maple.Snapshot;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The layout of one address space: its VMAs, counters, limits and ranges in flight. Operations change it under the
 * layout lock. {@link #find} and {@link #snapshot} take no lock and may be called by any thread at any time.
 */
public final class Layout extends LayoutState implements VmaLookup {
    private final Spaces spaces;
    private final SpaceEnd end;
    private final Districts districts;
    private final RegisteredNotifiers notifiers;

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
                new SpaceEnd(spaces),
                origin,
                spaces.host().memory(origin.geometry().pageShift()),
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
            SpaceEnd end,
            Origin origin,
            @Nullable MachineMemory memory,
            Limits limits,
            int held,
            int mdwe,
            List<VmArea> above,
            long brk,
            long inheritedBase) {
        super(spaces.host(), end, origin, memory, limits, held, mdwe, above, brk, inheritedBase);
        this.spaces = spaces;
        this.end = end;
        end.of(this);
        notifiers = new RegisteredNotifiers(spaces.host().firstNotifiers());
        districts = new Districts(this);
    }

    /** Returns the spaces of the machine. */
    public Spaces spaces() {
        return spaces;
    }

    /** Called when the machine has listed the space and given it a number. No other thread knows the space yet. */
    void registered(Spaces.RegisteredSpace entry, long number) {
        lifetime().numbered(number);
        end.registered(entry);
    }

    /** Takes the layout lock, and joins the parts of a divided layout, so that the caller has locked all of it. */
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
     * As {@link #lockWhole()}, for an operation that needs more than the part that contains its range.
     *
     * @param start the first address
     * @param end the (exclusive) end
     */
    public District lockBeyond(long start, long end) {
        return districts.lockBeyond(start, end);
    }

    /**
     * Takes the lock of the part that contains a range, or the layout lock if there is no such part.
     *
     * @param start the first address
     * @param end the (exclusive) end
     * @return a locked district that contains the range; the caller unlocks it
     */
    public District lockDistrict(long start, long end) {
        return districts.lockDistrict(start, end);
    }

    /**
     * Lets a thread that is waiting for the layout lock take it first. For callers that take the lock many times in a
     * row. Waits briefly for that thread. Caller does not hold the lock.
     */
    public void letOthersIn() {
        LayoutLock.letOthersIn(layoutLock());
    }

    /** Returns whether the calling thread holds the lock of this layout or of one of its parts. */
    public boolean isLockedByThisThread() {
        return districts.isLockedByThisThread();
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
    public LayoutCounters counters() {
        return districts.whole().counters();
    }

    /** Returns the operations in flight of the whole layout. Caller holds the layout lock. */
    public InFlightOperations inFlight() {
        return districts.whole().inFlight();
    }

    /** Returns the number of operations that were published with pages to move. Caller holds the layout lock. */
    long moves() {
        return districts.whole().moves();
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

    /** Returns the highest VMA that ends at or below an address, or null if there is none. Lock-free. */
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
            limits().set(resource, bytes);
            PageTable pages = pagesOrNull();
            if (pages != null) {
                pages.limitTables(limits().bytes(Resource.PAGE_TABLES));
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

    /** Returns the highest hold time, in nanoseconds, that a bucket of {@link #holdTimes} counts. */
    public static long highestOfBucket(int bucket) {
        return LockHoldTimes.highest(bucket);
    }

    /**
     * Adds a listener. It is called for each later change that is published before its registration is closed. The
     * calls for the last of these changes may come after the close.
     */
    public Registration addListener(LayoutListener listener, ChangeOrder order) {
        lock();
        try {
            checkNotClosed("addListener");
            ChangeDelivery added = listeners().add(listener, order, whole().changes());
            return new LayoutRegistration(districts, listener, () -> listeners().remove(added), added::schedule);
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
            return new LayoutRegistration(districts, notifier, notifiers.add(notifier), () -> {});
        } finally {
            unlock();
        }
    }

    /** Returns the notifiers of revocations; the list is never changed. */
    public List<MmuNotifier> notifiers() {
        return notifiers.all();
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
                spaces,
                new SpaceEnd(spaces),
                origin(),
                memoryOrNull(),
                limits().copy(),
                privileges().held(),
                denyWriteExec().inherited(),
                above(),
                brk(),
                mmapBase());
        child.closed = closed;
        child.chargeRoot("fork");
        return child;
    }

    /**
     * Creates a layout with the same bounds that is closed forever, and that no CPU or thread uses. Closed references
     * lead to it.
     */
    Layout closedTwin() {
        Geometry geometry = geometry();
        Origin bounds =
                new Origin(null, geometry, Set.of(), Map.of(), true, 0, 0, 0, 0, geometry.limit(), false, false);
        Layout twin = new Layout(
                spaces,
                new SpaceEnd(spaces),
                bounds,
                memoryOrNull(),
                new Limits(geometry, Map.of()),
                0,
                0,
                List.of(),
                0,
                0);
        twin.close();
        twin.lifetime().users().put();
        return twin;
    }

    /** Returns the layout to which closed references of this space lead. Allocates nothing. */
    public Layout closed() {
        return closed;
    }

    /** Returns whether an operation or a fork's copy is in flight. */
    boolean isInFlight() {
        lock();
        try {
            return !inFlight().isEmpty() || !copies().isEmpty();
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
            tree().validate();
            LayoutInvariants.check(geometry(), whole(), this);
            districts.requireNoFailure();
        } finally {
            unlock();
        }
    }
}
