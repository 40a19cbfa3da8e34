// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.LayoutListener;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.fault.Resolve;
import dev.samara.core.internal.op.Call;
import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.Operation;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.syscall.Fork;
import dev.samara.core.internal.syscall.Load;
import dev.samara.core.internal.tlb.Memory;
import dev.samara.core.internal.vma.Life;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Resolution;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.BackingTraits;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.SharedSegment;
import dev.samara.core.vma.Vma;
import dev.samara.maple.MapleTree;
import dev.samara.maple.Snapshot;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * One address space's layout: its VMAs, counters and limits, what is in transit, and the calls that change it.
 *
 * <p>A call is an {@link Operation}, each attempt of which is an {@link Edit} that holds the layout lock. {@link
 * #find}, {@link #snapshot} and {@link #resolve} take no lock and may be called at any time by any thread.
 */
public final class Layout {
    /** The owner of the guards' reservations, which nobody ever clears. */
    private static final Object GUARD = new Object() {
        @Override
        public String toString() {
            return "the guard at an end of the space";
        }
    };

    private final MachineState host;
    private final Origin origin;
    private final Geometry geometry;
    private final ReentrantLock lock;
    private final MapleTree<Vma> tree;
    private final Changes changes;
    private final long mmapBase;

    /** Mappings above the user's part, which no call can change; ascending. */
    private final List<Vma> above;

    /** Written under the layout lock; read without it for showing where the heap ends. */
    private volatile long brk;

    private final Notifiers notifiers = new Notifiers();

    /* Guarded by the layout lock, as is everything in them. */

    private final Limits limits;
    private final InFlightRanges inTransit = new InFlightRanges();
    private final LockHoldTimes holdTimes = new LockHoldTimes();
    private Counters counters = new Counters();

    /** What the next edit works on. */
    private Counters spare = new Counters();

    /** What mlockall asks of later mappings. */
    private long defaultLock;

    /** How many operations have started. */
    private long ages;

    /** It has been closed once; what is mapped in it now was mapped after that. */
    private boolean wasClosed;

    private final EditLists lists = new EditLists();

    /** The gates of the copies for children that are under way. */
    private final List<Gate> copies = new ArrayList<>(0);

    /** Null if the machine has no memory. */
    private final @Nullable Memory memory;

    private final @Nullable PageTable pages;

    /**
     * What a layout begins with.
     *
     * @param host the machine's common part
     * @param geometry sizes and bounds
     * @param capabilities the privileges of its owner
     * @param limits soft limits in bytes; -1 or absent for none
     * @param topDown whether placement goes downwards from the mmap base
     * @param heapStart where the heap begins
     * @param brk where the heap ends
     * @param stackStart an address in the main stack, or 0
     * @param lowGuard up to where, from 0, nothing can ever be mapped; 0 for no such guard
     * @param highGuard from where on, up to the limit, nothing can ever be mapped; the limit for no such guard
     * @param earlyReuse whether a mapping may be stored over what a munmap in flight has unmapped
     */
    public record Origin(
            MachineState host,
            Geometry geometry,
            Set<Capability> capabilities,
            Map<Resource, Long> limits,
            boolean topDown,
            long heapStart,
            long brk,
            long stackStart,
            long lowGuard,
            long highGuard,
            boolean earlyReuse) {}

    /**
     * Makes a layout and loads what is mapped from the start.
     *
     * @param origin what it begins with
     * @param mapped descriptions of mappings, in any order; those above the user's limit can never be changed
     * @throws IllegalArgumentException if a mapping is unaligned, overlaps another or a guard, or crosses the limit
     * @throws MmException with ENOMEM if the commit limit does not allow them, or as a backing refuses
     */
    public Layout(Origin origin, List<Vma> mapped) {
        this(
                origin,
                origin.host().memory(origin.geometry().pageShift()),
                new Limits(origin.geometry(), origin.capabilities(), origin.limits()),
                Load.above(origin.geometry(), mapped),
                origin.brk(),
                0);
        Load.load(this, mapped);
    }

    /** Makes an empty layout. */
    private Layout(
            Origin origin, @Nullable Memory memory, Limits limits, List<Vma> above, long brk, long inheritedBase) {
        this.origin = origin;
        this.memory = memory;
        this.limits = limits;
        this.above = above;
        this.brk = brk;
        host = origin.host();
        geometry = origin.geometry();
        lock = host.newLock();
        tree = new MapleTree<>(lock);
        changes = new Changes(host);
        pages = memory == null ? null : new PageTable(geometry);
        mmapBase =
                inheritedBase != 0 ? inheritedBase : geometry.mmapBase(limits.bytes(Resource.STACK), stackGuardGap());
        if (origin.lowGuard() != 0) {
            tree.reserve(0, origin.lowGuard() - 1, GUARD);
        }
        if (origin.highGuard() != geometry.limit()) {
            tree.reserve(origin.highGuard(), geometry.limit() - 1, GUARD);
        }
    }

    /**
     * The machine's common part.
     *
     * @return always the same
     */
    public MachineState host() {
        return host;
    }

    /**
     * Sizes and bounds.
     *
     * @return the geometry
     */
    public Geometry geometry() {
        return geometry;
    }

    public MapleTree<Vma> tree() {
        return tree;
    }

    public void lock() {
        Cpus.checkMayWait("a call that takes the lock of a space");
        lock.lock();
        holdTimes.begin();
    }

    public void unlock() {
        holdTimes.end();
        lock.unlock();
    }

    public boolean isLockedByThisThread() {
        return lock.isHeldByCurrentThread();
    }

    public Limits limits() {
        return limits;
    }

    public Counters counters() {
        return counters;
    }

    /** A copy of the counters for the one edit that is open. */
    public Counters draftCounters() {
        spare.set(counters);
        return spare;
    }

    public InFlightRanges inTransit() {
        return inTransit;
    }

    public Changes changes() {
        return changes;
    }

    public EditLists lists() {
        return lists;
    }

    /** The gates of the copies for children that are under way; guarded by the layout lock. */
    public List<Gate> copies() {
        return copies;
    }

    /**
     * The machine's memory.
     *
     * @return always the same
     * @throws IllegalStateException if it has none
     */
    public Memory memory() {
        if (memory == null) {
            throw new IllegalStateException("this machine was built without memory");
        }
        return memory;
    }

    public @Nullable Memory memoryOrNull() {
        return memory;
    }

    /**
     * The page table.
     *
     * @return always the same
     * @throws IllegalStateException if the machine has no memory
     */
    public PageTable pages() {
        if (pages == null) {
            throw new IllegalStateException("this machine was built without memory");
        }
        return pages;
    }

    public long nextAge() {
        return ++ages;
    }

    /** Takes over what an edit has published. */
    public void adopt(Counters published, @Nullable InFlightRange transit, long newBrk, long newDefaultLock) {
        Counters uncharged = transit == null ? null : transit.uncharged();
        if (uncharged != null) {
            published.add(uncharged);
        }
        spare = counters;
        counters = published;
        if (brk != newBrk) {
            brk = newBrk;
        }
        defaultLock = newDefaultLock;
    }

    public boolean isTopDown() {
        return origin.topDown();
    }

    public boolean reusesEarly() {
        return origin.earlyReuse();
    }

    /** The lowest address at which a mapping may be placed. */
    public long lowest() {
        return Math.max(geometry.minimum(), origin.lowGuard());
    }

    /** Behind the highest address at which a mapping may be placed. */
    public long highest() {
        return origin.highGuard();
    }

    /** Whether a range reaches into a guard. */
    public boolean isGuarded(long start, long end) {
        return Long.compareUnsigned(start, origin.lowGuard()) < 0 || Long.compareUnsigned(end, origin.highGuard()) > 0;
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

    /**
     * Where the heap begins.
     *
     * @return an address
     */
    public long heapStart() {
        return origin.heapStart();
    }

    /**
     * Where the heap ends now.
     *
     * @return an address
     */
    public long brk() {
        return brk;
    }

    /**
     * An address in the main stack.
     *
     * @return the address, or 0 if there is none
     */
    public long stackStart() {
        return origin.stackStart();
    }

    /**
     * The mappings above the user's part.
     *
     * @return an unmodifiable list, ascending
     */
    public List<Vma> above() {
        return above;
    }

    /**
     * The VMA that covers an address. Lock-free.
     *
     * @param address any address
     * @return the VMA, or null if nothing is mapped there
     */
    public @Nullable Vma find(long address) {
        return tree.get(address);
    }

    /**
     * The VMA that covers an address, kept. Lock-free.
     *
     * @param address any address
     * @return the VMA, of which the caller now has a keep, or null if nothing is mapped there
     */
    public @Nullable Vma keep(long address) {
        Vma vma = tree.get(address);
        while (vma != null && !Life.keep(vma)) {
            // It was replaced since: it is marked only after a tree without it has been published.
            vma = tree.get(address);
        }
        return vma;
    }

    /**
     * Looks up what an access would meet; waits, where that is in transit, until it is not.
     *
     * @param address any address
     * @param access bits of {@code Protection}
     * @return what became of it
     */
    public Resolution resolve(long address, int access) {
        return Resolve.resolve(this, address, access);
    }

    /**
     * The layout of this instant. Lock-free, O(1).
     *
     * @return an immutable view
     */
    public Snapshot<Vma> snapshot() {
        return tree.snapshot();
    }

    /**
     * Sets a limit; what exceeds it already stays.
     *
     * @param resource which
     * @param bytes the soft limit, unsigned; -1 for none
     */
    public void setLimit(Resource resource, long bytes) {
        lock();
        try {
            limits.set(resource, bytes);
        } finally {
            unlock();
        }
    }

    /**
     * The counters by name, of one instant.
     *
     * @return maps, then pages: total, data, exec, stack, locked, accounted
     */
    public long[] usage() {
        lock();
        try {
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
     * How long the layout lock was held, by sample.
     *
     * @return the number of measured holds by bucket, see {@link #highestOfBucket}
     */
    public long[] holdTimes() {
        lock();
        try {
            return holdTimes.copy();
        } finally {
            unlock();
        }
    }

    /**
     * The highest hold time that a bucket counts.
     *
     * @param bucket an index of {@link #holdTimes}
     * @return nanoseconds
     */
    public static long highestOfBucket(int bucket) {
        return LockHoldTimes.highest(bucket);
    }

    /**
     * Has a listener told of each change from now on.
     *
     * @param listener whom
     */
    public void addListener(LayoutListener listener) {
        lock();
        try {
            changes.add(listener);
        } finally {
            unlock();
        }
    }

    /**
     * Has a listener told of no later change.
     *
     * @param listener whom
     */
    public void removeListener(LayoutListener listener) {
        lock();
        try {
            changes.remove(listener);
        } finally {
            unlock();
        }
    }

    /**
     * Has a notifier told of what each operation that begins from now on takes away.
     *
     * @param notifier whom
     */
    public void addNotifier(MmuNotifier notifier) {
        lock();
        try {
            notifiers.add(notifier);
        } finally {
            unlock();
        }
    }

    /**
     * Has a notifier told of no operation that begins after this.
     *
     * @param notifier whom
     */
    public void removeNotifier(MmuNotifier notifier) {
        lock();
        try {
            notifiers.remove(notifier);
        } finally {
            unlock();
        }
    }

    /** Who is told of what is taken away; a list that is never changed. */
    List<MmuNotifier> notifiers() {
        return notifiers.all();
    }

    /** Whether anybody is told of what is taken away. */
    boolean tellsOfTransits() {
        return !notifiers.all().isEmpty() || host.retirement() != RetirementHook.NOTHING;
    }

    // Each call below is documented where it is public, in AddressSpace.

    public long mmap(long address, long length, int protection, int flags, @Nullable Backing backing, long offset) {
        return mapping(address, length, protection, flags, backing, offset).run();
    }

    public CompletableFuture<Long> mmapAsync(
            long address, long length, int protection, int flags, @Nullable Backing backing, long offset) {
        return mapping(address, length, protection, flags, backing, offset).start();
    }

    /** The backing is asked for its traits before anything else, and so without a lock. */
    private Operation mapping(
            long address, long length, int protection, int flags, @Nullable Backing backing, long offset) {
        // A call that is refused asks nothing.
        Cpus.checkMayWait("a call of a space");
        BackingTraits traits = BackingTraits.of(backing);
        return new Operation(this, Call.MMAP, address, length, protection, offset, flags, traits);
    }

    public long munmap(long address, long length) {
        return new Operation(this, Call.MUNMAP, address, length, 0, 0, 0, null).run();
    }

    public CompletableFuture<Long> munmapAsync(long address, long length) {
        return new Operation(this, Call.MUNMAP, address, length, 0, 0, 0, null).start();
    }

    public long mprotect(long address, long length, int protection) {
        return new Operation(this, Call.MPROTECT, address, length, 0, 0, protection, null).run();
    }

    public long mremap(long address, long oldLength, long newLength, int flags, long newAddress) {
        return new Operation(this, Call.MREMAP, address, oldLength, newLength, newAddress, flags, null).run();
    }

    public CompletableFuture<Long> mremapAsync(
            long address, long oldLength, long newLength, int flags, long newAddress) {
        return new Operation(this, Call.MREMAP, address, oldLength, newLength, newAddress, flags, null).start();
    }

    public long brk(long wanted) {
        return new Operation(this, Call.BRK, wanted, 0, 0, 0, 0, null).run();
    }

    public long madvise(long address, long length, int advice) {
        return new Operation(this, Call.MADVISE, address, length, 0, 0, advice, null).run();
    }

    public long mlock2(long address, long length, int flags) {
        return new Operation(this, Call.MLOCK, address, length, 0, 0, flags, null).run();
    }

    public long munlock(long address, long length) {
        return new Operation(this, Call.MUNLOCK, address, length, 0, 0, 0, null).run();
    }

    public long mlockall(int flags) {
        return new Operation(this, Call.MLOCKALL, 0, 0, 0, 0, flags, null).run();
    }

    public long munlockall() {
        return new Operation(this, Call.MUNLOCKALL, 0, 0, 0, 0, 0, null).run();
    }

    public long msync(long address, long length, int flags) {
        return new Operation(this, Call.MSYNC, address, length, 0, 0, flags, null).run();
    }

    public long mseal(long address, long length, long flags) {
        return new Operation(this, Call.MSEAL, address, length, flags, 0, 0, null).run();
    }

    public long shmat(@Nullable SharedSegment segment, long address, int flags) {
        return new Operation(this, Call.SHMAT, address, 0, 0, 0, flags, segment).run();
    }

    public long shmdt(long address) {
        return new Operation(this, Call.SHMDT, address, 0, 0, 0, 0, null).run();
    }

    public long growStack(long address) {
        return new Operation(this, Call.GROW_STACK, address, 0, 0, 0, 0, null).run();
    }

    /**
     * Copies the layout of one instant for a child ({@code dup_mmap} in {@code kernel/fork.c}).
     *
     * @return the child's layout
     * @throws MmException with ENOMEM if the commit limit does not allow a second copy, with EAGAIN if there is no
     *     worker, or as a backing refuses
     */
    public Layout fork() {
        return Fork.fork(this);
    }

    /** An empty layout with this one's bounds and limits, for a child. Caller holds the layout lock. */
    public Layout emptyChild() {
        host.spaces().checkOpen();
        // The parent's memory: to ask the machine for it could mean to wait for an embedder, which makes another one.
        return new Layout(origin, memory, limits.copy(), above, brk, mmapBase);
    }

    /** Takes everything away, seals or not, and gives back what it was charged for. */
    public void close() {
        long result = new Operation(this, Call.CLOSE, 0, 0, 0, 0, 0, null).run();
        if (Errno.isError(result)) {
            throw new IllegalStateException("a space could not be emptied: " + Errno.of(result));
        }
        lock();
        try {
            wasClosed = true;
        } finally {
            unlock();
        }
        if (pages != null) {
            pages.unhookEmpty();
        }
    }

    /** Whether it has not been closed yet, or has been used again and not emptied since. */
    boolean isInUse() {
        lock();
        try {
            return !wasClosed || counters.maps != 0 || !inTransit.isEmpty() || !copies.isEmpty();
        } finally {
            unlock();
        }
    }

    /** The CPUs that have it loaded, for people; LAZY ones have not. */
    List<String> loadedBy() {
        if (memory == null || pages == null) {
            return List.of();
        }
        TlbContext context = pages.context();
        // The count, which a CPU raises before it looks whether the machine is closed; then the words, for their names.
        return context.users() <= 0 ? List.of() : memory.cpus().usersOf(context);
    }

    /**
     * Checks the tree, and that VMAs, counters and what is in transit agree with it.
     *
     * @throws AssertionError if they do not, saying where
     */
    public void validate() {
        lock();
        try {
            tree.validate();
            Validation.of(this);
        } finally {
            unlock();
        }
    }
}
