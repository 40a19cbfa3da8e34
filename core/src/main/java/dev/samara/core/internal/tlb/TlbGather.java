// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.cpu.BegunShootdown;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.page.Pte;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Collects unhooked frames, and frees them once no CPU can translate to them ({@code struct mmu_gather}).
 *
 * <p>One object serves one operation and its thread. The order is:
 *
 * <ol>
 *   <li>{@link #deferFlush} notes a leaf ({@code GatheredFlushes.add}). The caller unhooks pages and adds each by
 *       {@link #take}.
 *   <li>{@link #invalidate()} advances the generation, logs the range and shoots ({@code GatheredFlushes.flush}, {@code
 *       Shootdowns.shoot}). It waits for a grace period if it must, then counts off the flushes and unhooks empty
 *       leaves ({@code GatheredFlushes.flushed}).
 *   <li>{@link #free} frees the frames.
 * </ol>
 *
 * <p>Frames that are added after an invalidation need another one. Closing invalidates and frees the rest, on every way
 * out. If that fails, a thread of the machine repeats it until it succeeds. A leaf with a pending flush stays until
 * then, and so do its frames.
 *
 * <p>An invalidation waits for the CPUs that may have translations of the leaves with a pending flush. It does not
 * decide how much a CPU drops: each CPU does, in {@link TlbCatchUp} and {@link SoftTlb#tryFlush}. An invalidation also
 * waits for a grace period where a frame may be accessed without a CPU in GUEST. A page of a cache is offered and read
 * in reader sections, and a private page is read in one while it is copied. All other accesses to a private page go
 * through its entry.
 *
 * <p>The retire phase of an operation must not fail half-way. Its gather is therefore made, with a page-table context
 * and a first capacity, before the operation publishes. Where there is no memory for more capacity, the gather is
 * {@linkplain #isFull full} earlier. A retire phase that must not wait calls {@link #pollInvalidation} instead, and
 * {@linkplain #rest rests} between calls without a page-table context.
 */
public final class TlbGather extends RetriedEnd implements AutoCloseable {
    /** The number of frames at which the gather is full. */
    public static final int MOST = 1 << 12;

    /** The number of leaves with a pending flush at which the gather is full. */
    private static final int MOST_LEAVES = 1 << 10;

    private final MachineMemory memory;
    private @Nullable PageTableContext context;

    private final GatheredFlushes pending;
    private int[] frames = new int[16];
    private int size;

    /** There was no memory for more capacity. */
    private boolean isStarved;

    /** The shootdowns of the invalidation that has begun without waiting; null for none. */
    private @Nullable List<BegunShootdown> begun;

    /** The grace period of that invalidation, which begins after its shootdowns; 0 for none. */
    private long gracePeriod;

    /** A part of the operation that failed to end: its busy entries name this page-table context. Null for none. */
    private @Nullable RetriedEnd unfinished;

    /** A thread of the machine ends the operation. Accessed by the thread that has begun the operation. */
    private boolean isHandedOn;

    /** An entry was unhooked or narrowed since the last invalidation. */
    private boolean isFlushPending;

    /** A page was unhooked since the last invalidation that reader sections may still access. */
    private boolean needsGracePeriod;

    /** Begins an operation. */
    public TlbGather(MachineMemory memory) {
        this(memory, new GatheredFlushes(memory.shootdowns(), null));
    }

    /**
     * Begins the end of a space without users ({@code tlb_gather_mmu_fullmm}): sends no request to a CPU, and begins no
     * generation. CPUs may keep translations of the ended context, which no CPU uses again. If only the users kept the
     * page table for CPUs in LAZY, those lose it first; others have a reference, or get one after the teardown
     * ({@code LazyContext}). Invalidations wait for grace periods as usual.
     *
     * @param ended the context of the space, which {@linkplain TlbContext#isEnded has ended}
     * @throws IllegalStateException if the space has users; or if a CPU that is not LAZY is in it
     */
    public TlbGather(MachineMemory memory, TlbContext ended) {
        this(memory, new GatheredFlushes(memory.shootdowns(), GatheredFlushes.checkOver(memory.cpus(), ended)));
    }

    /** Begins an operation whose flushes are given. Tests leave flushes out by other rules. */
    TlbGather(MachineMemory memory, GatheredFlushes pending) {
        this(memory, pending, memory.contexts().borrow());
    }

    private TlbGather(MachineMemory memory, GatheredFlushes pending, @Nullable PageTableContext context) {
        this.memory = memory;
        this.pending = pending;
        this.context = context;
    }

    /**
     * Begins an operation with a given page-table context, and allocates the first capacity.
     *
     * @param context a borrowed page-table context, which closing gives back; or null for a gather that is
     *     {@linkplain #resume resumed} later
     */
    public static TlbGather with(MachineMemory memory, @Nullable PageTableContext context) {
        GatheredFlushes pending = new GatheredFlushes(memory.shootdowns(), null);
        pending.ensureCapacity();
        return new TlbGather(memory, pending, context);
    }

    /**
     * Continues as the end of a space without users: see {@link #TlbGather(MachineMemory, TlbContext)}.
     *
     * @param ended the context of the space, which has ended
     * @throws IllegalStateException if the space has users; or if a CPU that is not LAZY is in it
     */
    public void leaveOut(TlbContext ended) {
        pending.leaveOut(GatheredFlushes.checkOver(memory.cpus(), ended));
    }

    /**
     * Gives the page-table context back, unless busy entries name it. {@link #resume} or {@link #tryResume} comes
     * before the next use.
     */
    public void rest() {
        if (unfinished == null && !isHandedOn) {
            giveBackContext();
        }
    }

    private void giveBackContext() {
        PageTableContext resting = context;
        if (resting != null) {
            memory.contexts().giveBack(resting);
            context = null;
        }
    }

    /**
     * Borrows a page-table context again after {@link #rest}, and ends the part that failed to end before.
     *
     * @throws IllegalStateException if there is no page-table context; nothing has changed then
     */
    public void resume() {
        if (context == null) {
            context = memory.contexts().borrow();
        }
        RetriedEnd left = unfinished;
        if (left != null) {
            left.end();
            unfinished = null;
        }
    }

    /** Leaves a part of this gather's operation to the next {@link #resume}. */
    public void leave(RetriedEnd part) {
        unfinished = part;
    }

    /**
     * Borrows a page-table context unless this has one.
     *
     * @return false if all page-table contexts that there can be are lent; nothing has changed then
     */
    public boolean tryResume() {
        if (context == null) {
            context = memory.contexts().borrowOrNull();
        }
        return context != null;
    }

    public MachineMemory memory() {
        return memory;
    }

    /** Returns the page-table context of this operation; there must be one. */
    public PageTableContext context() {
        return Objects.requireNonNull(context, "context");
    }

    /** Notes that a reader section may still use an unhooked page: the next invalidation waits for a grace period. */
    public void needGracePeriod() {
        needsGracePeriod = true;
    }

    /**
     * Adds a pending flush: CPUs may have stale translations of a leaf. The caller holds the leaf's lock. The caller is
     * about to change entries, or finds them changed by another thread that may not have flushed yet.
     *
     * @param table the page table of a space
     * @param leaf a leaf of it that is not dead
     * @param start the first address, in the leaf
     * @param end the end of the range, exclusive
     * @param reason the reason that is reported for the range
     */
    public void deferFlush(PageTable table, long[] leaf, long start, long end, MmuNotifier.Reason reason) {
        pending.add(table, leaf, start, end, reason);
        isFlushPending = true;
    }

    /**
     * Takes over the page of an entry that the caller has replaced by get-and-set or compare-and-set. If the entry was
     * present, the caller has held the lock of its leaf since before the replacement.
     *
     * @param pte the replaced entry, present or busy
     */
    public void take(long pte) {
        isFlushPending = true;
        needsGracePeriod |= Pte.has(pte, Pte.BUSY | Pte.COPY);
        if (Pte.isOwn(pte)) {
            add(Pte.frame(pte));
        } else if (Pte.has(pte, Pte.PRESENT | Pte.DIRTY) && Pte.isCached(pte)) {
            // Not for a busy entry: its frame may belong to another page by now, and the thread that made the entry
            // busy has marked the frame dirty. The frame of a present entry belongs to the cache until the leaf is
            // unlocked.
            memory.frames().setDirty(Pte.frame(pte));
        }
    }

    /** Ensures capacity for more frames and one leaf. Callers do this before they unhook a page. */
    public void ensureCapacity(int more) {
        pending.ensureCapacity();
        if (size + more > frames.length) {
            frames = Arrays.copyOf(frames, Math.max(2 * frames.length, size + more));
        }
    }

    /**
     * Ensures capacity for frames and one leaf, if there is memory for it.
     *
     * @param wanted the number of frames
     * @return the number of frames that fit; if that is less than {@code wanted}, this is {@linkplain #isFull full}
     */
    public int tryEnsureCapacity(int wanted) {
        try {
            ensureCapacity(wanted);
            return wanted;
        } catch (OutOfMemoryError exhausted) {
            isStarved = true;
            return pending.hasCapacity() ? Math.min(wanted, frames.length - size) : 0;
        }
    }

    private void add(int frame) {
        ensureCapacity(1);
        frames[size++] = frame;
    }

    /**
     * Returns whether the operation should invalidate and free the frames that are collected so far. A caller that
     * holds a lock does so after it has unlocked.
     */
    public boolean isFull() {
        return size >= MOST || pending.size() >= MOST_LEAVES || isStarved;
    }

    /**
     * Checks, on a checked machine, that no page table of the pending flushes was given back. Called by an operation
     * that keeps these page tables, but has no user in their spaces, before it invalidates.
     *
     * @throws IllegalStateException if one was given back: another page table may have its place by then
     */
    public void checkHeld() {
        if (memory.accessChecker() != null && pending.isLate()) {
            throw new IllegalStateException("I3: an operation walks a page table that was given back");
        }
    }

    /**
     * Waits until no CPU can translate to an unhooked page, and for a grace period if one is needed. The caller is in
     * no reader section and holds no lock of a leaf.
     */
    public void invalidate() {
        pending.flush();
        if (needsGracePeriod) {
            memory.rcu().synchronize();
        }
        // Only now: if a call above throws, every flush is still pending, and close invalidates again before it
        // frees a frame.
        flushed();
    }

    /**
     * Invalidates, by {@link #pollInvalidation} if the caller may rest instead of waiting.
     *
     * @return whether the invalidation is over; false only if {@code mayRest}
     */
    public boolean invalidate(boolean mayRest) {
        if (mayRest) {
            return pollInvalidation();
        }
        invalidate();
        return true;
    }

    private void flushed() {
        begun = null;
        gracePeriod = 0;
        isFlushPending = false;
        needsGracePeriod = false;
        pending.flushed();
    }

    /**
     * Begins an invalidation, or checks the progress of the one that has begun, without waiting. Until this returns
     * true, the caller adds no page and no pending flush.
     *
     * @return whether the invalidation is over: no CPU can translate to an unhooked page, and a grace period that is
     *     needed has ended
     */
    public boolean pollInvalidation() {
        List<BegunShootdown> shootdowns = begun;
        if (shootdowns == null) {
            shootdowns = pending.begin();
            begun = shootdowns;
        }
        for (int i = 0; i < shootdowns.size(); i++) {
            if (!shootdowns.get(i).isDone()) {
                return false;
            }
        }
        if (needsGracePeriod) {
            if (gracePeriod == 0) {
                gracePeriod = memory.rcu().startPoll();
            }
            if (!memory.rcu().poll(gracePeriod)) {
                return false;
            }
        }
        flushed();
        return true;
    }

    /**
     * Frees the collected frames: drops one use of each.
     *
     * @throws IllegalStateException if an entry was unhooked or narrowed since the last invalidation; no frame is freed
     *     then
     */
    public void free() {
        if (isFlushPending || needsGracePeriod) {
            throw new IllegalStateException("frames are to be freed before they were invalidated");
        }
        Frames of = memory.frames();
        while (size > 0) {
            of.drop(frames[--size], context().magazine());
        }
        isStarved = false;
    }

    /** Frees frames that were added after the last invalidation, and for which no CPU can have a translation since. */
    public void freeInvalidated() {
        isFlushPending = false;
        needsGracePeriod = false;
        free();
    }

    /**
     * Ends the operation: waits until no CPU can translate to an unhooked page, and frees the frames. If that fails,
     * this throws, and a thread of the machine tries again until it succeeds. Does nothing if a thread of the machine
     * does so already.
     */
    @Override
    public void close() {
        if (isHandedOn) {
            return;
        }
        boolean ended = false;
        try {
            end();
            ended = true;
        } finally {
            if (!ended) {
                memory.rcu().call(this);
                isHandedOn = true;
            }
        }
        rest();
    }

    @Override
    protected void end() {
        if (context == null || unfinished != null) {
            resume();
        }
        invalidate();
        free();
    }

    @Override
    protected void ended() {
        giveBackContext();
    }
}
