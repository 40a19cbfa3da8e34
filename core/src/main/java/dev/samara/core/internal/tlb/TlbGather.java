// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.cpu.CpuState;
import dev.samara.core.internal.cpu.LazyContext;
import dev.samara.core.internal.cpu.Shootdowns;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.CheckpointLog;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Frames.Magazine;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Housekeeping.RetriedTask;
import dev.samara.core.internal.sync.StackReserve;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
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
 *   <li>{@link #deferFlush} records a leaf, whose number of pending flushes it increments. The caller unhooks pages and
 *       adds each with {@link #take}.
 *   <li>{@link #invalidate()} flushes the leaves: for each space, it advances the generation, reads the cpumasks of the
 *       leaves, logs the ranges that changed, and starts one shootdown, in this order. Ranges that are near each other
 *       are one range ({@link #ranges}). If only the caller's CPU has translations, it drops them instead, without a
 *       generation.
 *   <li>Then it waits for the shootdowns, and for a grace period if one is needed, decrements the numbers of pending
 *       flushes, and unhooks empty leaves.
 *   <li>{@link #free} frees the frames.
 * </ol>
 *
 * <p>Frames that are added after an invalidation need another invalidation. {@link #close} invalidates and frees the
 * rest, after success or failure. If that fails, a thread of the machine retries until it succeeds. Until then, a leaf
 * with a pending flush stays in the page table, and its frames are not freed.
 *
 * <p>An invalidation waits for the CPUs that may have translations of the leaves with a pending flush. Each CPU itself
 * decides how much it drops, in {@link CpuTlb} and {@link SoftTlb#tryFlush}. An invalidation also waits for a grace
 * period if a frame may be accessed without a CPU in GUEST: a page of a cache is offered and read in reader sections,
 * and a private page is read in a reader section while it is copied. All other accesses to a private page use its
 * entry.
 *
 * <p>The retire phase of an operation must not fail halfway. So its gather is created, with a page table context and an
 * initial capacity, before the operation publishes. If there is no memory for more capacity, the gather is {@linkplain
 * #isFull full} earlier. A retire phase that must not wait calls {@link #pollInvalidation} instead, and {@linkplain
 * #rest rests} without a page table context between calls.
 */
public final class TlbGather extends RetriedTask implements AutoCloseable {
    /** The number of frames at which the gather is full. */
    public static final int MOST = 1 << 12;

    /** The number of records of a pending flush at which the gather is full. */
    private static final int MOST_LEAVES = 1 << 10;

    /**
     * The maximum number of ranges of one flush, each of which takes a generation of the log: a CPU that has missed
     * more than half of the log drops all translations of the space.
     */
    private static final int MOST_RANGES = TlbContext.LOG_SIZE / 8;

    /** The number of pages that can be dropped needlessly in the time that another range takes. */
    private static final int WORTH_A_RANGE = 16;

    public final MachineMemory memory;
    private @Nullable PageTableContext context;

    /** The context of a space without users, whose translations no CPU uses any more; null if there is none. */
    private @Nullable TlbContext ended;

    /** The first {@link #leaves} elements are pending; the rest are spare. A leaf may have several. */
    private LeafFlush[] flushes = {};

    /** Visible for tests. */
    int leaves;

    /** The first {@link #size} elements are frames to free. */
    private int[] frames = new int[16];

    private int size;

    /** The first address of some records of pending flushes, and the end, exclusive; see {@link #span}. */
    private long spanStart;

    private long spanEnd;

    /** The room for the records that checkpoints get of the removed pages; null if the operation reserved none. */
    private CheckpointLog.@Nullable Room room;

    /** Whether there was no memory for more capacity. */
    private boolean isStarved;

    /** Whether {@link #pollInvalidation} started an invalidation that is not complete. */
    private boolean isFlushBegun;

    /** The shootdowns of an invalidation for which a CPU got a request; null if there are none. */
    private @Nullable List<Shootdowns.Begun> begun;

    /** The grace period of that invalidation, which starts after its shootdowns; 0 if there is none. */
    private long gracePeriod;

    /**
     * A part of the operation whose end failed, and whose busy entries still name this page table context; null if
     * there is none.
     */
    private @Nullable RetriedTask unfinished;

    /** Whether a thread of the machine ends the operation. Accessed only by the thread that started the operation. */
    private boolean isHandedOn;

    /** Whether an entry was unhooked or narrowed since the last invalidation. */
    private boolean isFlushPending;

    /** Whether a page that reader sections may still access was unhooked since the last invalidation. */
    private boolean needsGracePeriod;

    /** A range of one leaf in which entries changed. Records are reused, because adding one must not fail. */
    private static final class LeafFlush {
        @Nullable
        PageTable table;

        long @Nullable [] leaf;
        long start;
        long end;
        MmuNotifier.Reason reason = MmuNotifier.Reason.UNMAPPED;

        void fill(PageTable ofTable, long[] changed, long from, long to, MmuNotifier.Reason why) {
            table = ofTable;
            leaf = changed;
            start = from;
            end = to;
            reason = why;
        }

        PageTable table() {
            return Objects.requireNonNull(table);
        }

        long[] leaf() {
            return Objects.requireNonNull(leaf);
        }

        long cpumask() {
            PageTable of = table();
            return Leaf.cpumask(leaf(), of.indexOf(start), of.indexOf(end - 1));
        }
    }

    /** Starts an operation. */
    public TlbGather(MachineMemory memory) {
        this(memory, memory.contexts.borrow());
    }

    private TlbGather(MachineMemory memory, @Nullable PageTableContext context) {
        this.memory = memory;
        this.context = context;
    }

    /**
     * Starts an operation with a given page table context, and allocates the initial capacity.
     *
     * @param context a borrowed page table context, which {@link #close} gives back; or null for a gather that is
     *     {@linkplain #resume resumed} later
     */
    public static TlbGather with(MachineMemory memory, @Nullable PageTableContext context) {
        TlbGather made = new TlbGather(memory, context);
        made.ensureCapacity(0);
        return made;
    }

    /**
     * Continues as the teardown of a space without users ({@code tlb_gather_mmu_fullmm}), which sends no request to a
     * CPU and does not advance the generation. CPUs may keep translations of the ended context, but never use them
     * again. If only the users kept the page table alive for CPUs in LAZY, these CPUs lose it first; other CPUs in LAZY
     * hold a reference, or get one after the teardown ({@code LazyContext}). Invalidations wait for grace periods as
     * usual.
     *
     * @param over the context of the space, which has ended
     * @throws IllegalStateException if the space has users; or if a CPU that is not LAZY is in it
     */
    public void leaveOut(TlbContext over) {
        if (!over.isEnded()) {
            throw new IllegalStateException("a space with " + over.users() + " users, " + over.cpus()
                    + " of them CPUs, was to be left without a flush");
        }
        CpuState user = memory.cpus.beginTeardown(over);
        if (user != null) {
            throw new IllegalStateException(user + " is not LAZY, and is in a space that no CPU uses");
        }
        ended = over;
    }

    /**
     * Flushes the translations of one page on every CPU that may have one, and waits for those CPUs ({@code
     * flush_tlb_page}), without a gather, for a page that stays mapped or that the caller frees. The caller changed the
     * page's entry, which does not change again during this call. The caller holds no lock and is not in a reader
     * section.
     *
     * @param table the page table of the space
     * @param leaf the leaf that contains the entry
     * @param address any address of the page
     */
    public static void flushPage(MachineMemory memory, PageTable table, long[] leaf, long address) {
        TlbContext context = table.context;
        int index = table.indexOf(address);
        long size = 1L << table.pageShift;
        long start = address & -size;
        // Orders the change of the entry before the load of the cpumask. Pairs with Leaf.addToCpumask.
        VarHandle.fullFence();
        if (memory.shootdowns.flushLocally(context, Leaf.cpumask(leaf, index, index), start, start + size)) {
            return;
        }
        long generation = context.advance();
        long mask = Leaf.cpumask(leaf, index, index);
        context.log(generation, start, start + size, mask, MmuNotifier.Reason.DISCARDED);
        memory.shootdowns.shoot(context, generation, mask);
    }

    /**
     * Gives the page table context back, unless busy entries name it. The caller calls {@link #resume} or {@link
     * #tryResume} before the next use.
     */
    public void rest() {
        if (unfinished == null && !isHandedOn) {
            giveBackContext();
        }
    }

    private void giveBackContext() {
        PageTableContext resting = context;
        if (resting != null) {
            memory.contexts.giveBack(resting);
            context = null;
        }
    }

    /**
     * Borrows a page table context again after {@link #rest}, and ends the part whose end failed before.
     *
     * @throws IllegalStateException if no page table context is available; nothing is changed then
     */
    public void resume() {
        if (context == null) {
            context = memory.contexts.borrow();
        }
        RetriedTask left = unfinished;
        if (left != null) {
            left.attempt();
            unfinished = null;
        }
    }

    /** Leaves a part of this gather's operation to the next {@link #resume}. */
    public void leave(RetriedTask part) {
        unfinished = part;
    }

    /**
     * Borrows a page table context unless this gather has one.
     *
     * @return false, with nothing changed, if the maximum number of page table contexts is lent
     */
    public boolean tryResume() {
        if (context == null) {
            context = memory.contexts.borrowOrNull();
        }
        return context != null;
    }

    /** Returns the page table context of this operation; there must be one. */
    public PageTableContext context() {
        return Objects.requireNonNull(context, "context");
    }

    /**
     * Records that a reader section may still use an unhooked page, so the next invalidation waits for a grace period.
     */
    public void needGracePeriod() {
        needsGracePeriod = true;
    }

    /**
     * Adds a pending flush, because CPUs may have stale translations of a leaf. The caller holds the leaf's lock, and
     * either is about to change entries, or found entries changed by another thread that may not have flushed yet.
     *
     * @param table the page table of a space
     * @param leaf a leaf of the page table that is not dead
     * @param start the first address, in the leaf
     * @param end the end of the range, exclusive
     * @param reason the reason that is reported for the range
     */
    public void deferFlush(PageTable table, long[] leaf, long start, long end, MmuNotifier.Reason reason) {
        ensureLeaf();
        Leaf.deferFlush(leaf);
        flushes[leaves++].fill(table, leaf, start, end, reason);
        isFlushPending = true;
    }

    /**
     * Adds a pending flush of one page, as {@link #deferFlush(PageTable, long[], long, long, MmuNotifier.Reason)} does.
     * Pages that are near each other are flushed as a range, if the caller adds them in ascending order.
     *
     * @param address the address of the page
     */
    public void deferFlush(PageTable table, long[] leaf, long address, MmuNotifier.Reason reason) {
        long end = address + (1L << table.pageShift);
        LeafFlush last = leaves == 0 ? null : flushes[leaves - 1];
        if (last == null
                || last.leaf != leaf
                || (leaves < MOST_RANGES && (address - last.end) >>> table.pageShift > WORTH_A_RANGE)) {
            deferFlush(table, leaf, address, end, reason);
        } else {
            last.start = Addresses.lower(last.start, address);
            last.end = Addresses.higher(last.end, end);
        }
    }

    /**
     * Adds a pending flush of a range of a leaf if another operation has one there, which changed entries and may not
     * have flushed them yet. The caller holds the leaf's lock.
     *
     * @return whether the range will be flushed
     */
    public boolean deferIfPending(PageTable table, long[] leaf, long start, long end, MmuNotifier.Reason reason) {
        int own = 0;
        while (own < leaves && flushes[leaves - 1 - own].leaf == leaf) {
            own++;
        }
        boolean isPending = Leaf.pendingFlushes(leaf) > own;
        if (isPending) {
            deferFlush(table, leaf, start, end, reason);
        }
        return isPending;
    }

    /**
     * Takes over the page of an entry that the caller replaced by get-and-set or compare-and-set. If the entry was
     * present, the caller holds the lock of its leaf, and held it during the replacement.
     *
     * @param pte the replaced entry, present or busy
     */
    public void take(long pte) {
        isFlushPending = true;
        needsGracePeriod |= Pte.has(pte, Pte.BUSY | Pte.COPY);
        if (Pte.isOwn(pte)) {
            add(Pte.frame(pte));
        } else if (Pte.has(pte, Pte.PRESENT | Pte.DIRTY) && Pte.isCached(pte)) {
            // Not marked for a busy entry, because its frame may contain another page by now, and the thread that made
            // the entry busy already marked the frame dirty. The frame of a present entry belongs to the cache until
            // the leaf is unlocked.
            memory.frames.setDirty(Pte.frame(pte));
        }
    }

    /**
     * Takes over the page of an entry as {@link #take(long)} does, unless a checkpoint of the space keeps the page.
     *
     * @param address the address of the page
     */
    public void take(PageTable table, long address, long pte) {
        int kept = 0;
        if (Pte.isOwn(pte)) {
            for (CheckpointLog log = table.log(); log != null; log = table.log()) {
                kept = log.keeps(address >>> table.pageShift, pte, room);
                if (kept != CheckpointLog.SEALED) {
                    break;
                }
                Thread.onSpinWait();
            }
        }
        if (kept > 0) {
            isFlushPending = true;
        } else {
            take(pte);
        }
    }

    /**
     * Takes over the page of an entry as {@link #take(long)} does, for a droppable page, which no checkpoint keeps.
     *
     * @param address the address of the page
     */
    public void drop(PageTable table, long address, long pte) {
        for (CheckpointLog log = table.log(); log != null; log = table.log()) {
            if (log.drops(address >>> table.pageShift, room)) {
                break;
            }
            Thread.onSpinWait();
        }
        take(pte);
    }

    /** Uses a room for records from now on, which takes over the places of the room that was used before. */
    public void use(CheckpointLog.Room more) {
        CheckpointLog.Room before = room;
        room = more;
        if (before != null && before != more) {
            more.absorb(before);
        }
    }

    /** Returns the room for records; null if the operation reserved none. */
    public CheckpointLog.@Nullable Room room() {
        return room;
    }

    /** Gives back the room for records that is left, after the last removal of the operation. */
    public void endRoom() {
        if (room != null) {
            room.close();
            room = null;
        }
    }

    /** Ensures capacity for {@code more} frames and one leaf. Called before the caller unhooks a page. */
    public void ensureCapacity(int more) {
        ensureLeaf();
        ensureFrames(more);
    }

    private void ensureLeaf() {
        if (leaves == flushes.length) {
            flushes = Arrays.copyOf(flushes, Math.max(4, 2 * leaves));
        }
        if (flushes[leaves] == null) {
            flushes[leaves] = new LeafFlush();
        }
    }

    private void ensureFrames(int more) {
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
            boolean fitsLeaf = leaves < flushes.length && flushes[leaves] != null;
            return fitsLeaf ? Math.min(wanted, frames.length - size) : 0;
        }
    }

    private void add(int frame) {
        // Needs no memory after ensureCapacity. A leaf is not ensured here, because deferFlush may have taken the spare
        // one, and the page is unhooked already.
        ensureFrames(1);
        frames[size++] = frame;
    }

    /**
     * Returns whether the operation should invalidate and free the frames that were collected so far. A caller that
     * holds a lock does so after it has released the lock.
     */
    public boolean isFull() {
        return size >= MOST || leaves >= MOST_LEAVES || isStarved;
    }

    /**
     * Checks, on a checked machine, that no page table of the pending flushes was given back. Called before an
     * invalidation by an operation that holds these page tables but is not a user of their spaces.
     *
     * @throws IllegalStateException if one was given back; another page table may have taken its place
     */
    public void checkHeld() {
        for (int i = 0; i < leaves && memory.accessChecker != null; i++) {
            if (flushes[i].table().context.isGivenBack()) {
                throw new IllegalStateException("I3: an operation walks a page table that was given back");
            }
        }
    }

    /**
     * Waits until no CPU can translate to an unhooked page, and for a grace period if one is needed. The caller is not
     * in a reader section and holds no lock of a leaf.
     */
    public void invalidate() {
        awaitFlush();
        // Called only now, so that if a call above throws, every flush is still pending, and close invalidates again
        // before it frees a frame.
        flushed();
    }

    /**
     * Waits as {@link #invalidate()} does, but leaves the flushes pending, so that no leaf is unhooked until the caller
     * has stored what it puts in place of the pages, and calls {@link #flushed}.
     */
    public void awaitFlush() {
        flush(true);
        if (needsGracePeriod) {
            memory.rcu.synchronize();
        }
    }

    /**
     * Invalidates; calls {@link #pollInvalidation} if the caller may rest instead of waiting.
     *
     * @return whether the invalidation is complete; false only if {@code mayRest}
     */
    public boolean invalidate(boolean mayRest) {
        if (mayRest) {
            return pollInvalidation();
        }
        invalidate();
        return true;
    }

    /**
     * Starts an invalidation, or checks the progress of the current one, without waiting. Until this returns true, the
     * caller adds no page and no pending flush.
     *
     * @return whether the invalidation is complete: no CPU can translate to an unhooked page, and the grace period has
     *     ended if one is needed
     */
    public boolean pollInvalidation() {
        if (!isFlushBegun) {
            flush(false);
            isFlushBegun = true;
        }
        List<Shootdowns.Begun> shootdowns = begun;
        for (int i = 0; shootdowns != null && i < shootdowns.size(); i++) {
            if (!shootdowns.get(i).isDone()) {
                return false;
            }
        }
        if (needsGracePeriod) {
            if (gracePeriod == 0) {
                gracePeriod = memory.rcu.startPoll();
            }
            if (!memory.rcu.poll(gracePeriod)) {
                return false;
            }
        }
        flushed();
        return true;
    }

    /** Flushes the leaves of all spaces. Waits for the CPUs, or starts the shootdowns that {@link #begun} contains. */
    private void flush(boolean waits) {
        isFlushBegun = false;
        begun = null;
        gracePeriod = 0;
        int from = 0;
        while (from < leaves) {
            int behind = from + 1;
            while (behind < leaves && flushes[behind].table == flushes[from].table) {
                behind++;
            }
            flush(from, behind, waits);
            from = behind;
        }
    }

    /** Flushes the leaves of one space, either locally or with a generation for each range. */
    private void flush(int from, int behind, boolean waits) {
        TlbContext context = flushes[from].table().context;
        if (context == ended || context.isGivenBack()) {
            // The page table was already given back, because a retried end may run after the teardown of the space. No
            // CPU is in the space, so nothing is flushed.
            return;
        }
        int ranges = ranges(from, behind);
        boolean mayBeLocal = ranges > 1 || isDroppedByPage(spanEnd - spanStart, flushes[from].table());
        // Orders the changes of the entries before the loads of the cpumasks. Pairs with Leaf.addToCpumask.
        VarHandle.fullFence();
        if (mayBeLocal && flushLocally(context, from, behind, ranges)) {
            return;
        }
        long generation = context.advance(ranges);
        long mask = 0;
        for (int range = 0, at = from; range < ranges; range++) {
            int next = endOf(range, from, behind, ranges);
            long cpus = cpumask(at, next);
            span(at, next);
            context.log(generation - ranges + 1 + range, spanStart, spanEnd, cpus, reason(at, next));
            mask |= cpus;
            at = next;
        }
        if (waits) {
            // Allocates nothing, unlike a shootdown that is polled.
            memory.shootdowns.shoot(context, generation, mask);
            return;
        }
        Shootdowns.Begun shootdown = memory.shootdowns.begin(context, generation, mask);
        if (shootdown != null) {
            if (begun == null) {
                begun = new ArrayList<>(1);
            }
            begun.add(shootdown);
        }
    }

    private boolean flushLocally(TlbContext context, int from, int behind, int ranges) {
        boolean isLocal = true;
        for (int range = 0, at = from; range < ranges && isLocal; range++) {
            int next = endOf(range, from, behind, ranges);
            span(at, next);
            isLocal = memory.shootdowns.flushLocally(context, cpumask(at, next), spanStart, spanEnd);
            at = next;
        }
        return isLocal;
    }

    /**
     * Returns the number of ranges in which records are flushed: 1 if what they span is not much more than they
     * contain, or if the ranges would span so many pages that a CPU drops a space faster; otherwise one for each
     * record, up to the maximum number. Sets the span of all records.
     */
    private int ranges(int from, int behind) {
        long needed = span(from, behind);
        int more = behind - from - 1;
        PageTable table = flushes[from].table();
        if (more == 0 || spanEnd - spanStart - needed <= ((long) more * WORTH_A_RANGE) << table.pageShift) {
            return 1;
        }
        int ranges = Math.min(more + 1, MOST_RANGES);
        long bytes = needed;
        if (ranges <= more && isDroppedByPage(needed, table)) {
            bytes = 0;
            for (int range = 0, at = from; range < ranges; range++) {
                int next = endOf(range, from, behind, ranges);
                span(at, next);
                bytes += spanEnd - spanStart;
                at = next;
            }
            span(from, behind);
        }
        return isDroppedByPage(bytes, table) ? ranges : 1;
    }

    /** Returns whether a CPU drops a number of bytes granule by granule, and not the whole space. */
    private static boolean isDroppedByPage(long bytes, PageTable table) {
        return bytes >>> Math.min(table.pageShift, SoftTlb.GRANULE_SHIFT) < SoftTlb.MOST_DROPPED;
    }

    /** Sets {@link #spanStart} and {@link #spanEnd} for some records. Returns the sum of the bytes in each. */
    private long span(int from, int behind) {
        long start = flushes[from].start;
        long end = flushes[from].end;
        long bytes = 0;
        for (int i = from; i < behind; i++) {
            start = Addresses.lower(flushes[i].start, start);
            end = Addresses.higher(flushes[i].end, end);
            bytes += flushes[i].end - flushes[i].start;
        }
        spanStart = start;
        spanEnd = end;
        return bytes;
    }

    /** Returns the end, exclusive, of the records of a range, of which each has as many. */
    private static int endOf(int range, int from, int behind, int ranges) {
        return from + (behind - from) * (range + 1) / ranges;
    }

    /** Returns the reason, of those of a range, that invalidates most. */
    private MmuNotifier.Reason reason(int from, int behind) {
        MmuNotifier.Reason reason = flushes[from].reason;
        for (int i = from + 1; i < behind; i++) {
            reason = strength(flushes[i].reason) >= strength(reason) ? flushes[i].reason : reason;
        }
        return reason;
    }

    private static int strength(MmuNotifier.Reason reason) {
        return switch (reason) {
            case UNMAPPED -> 6;
            case REPLACED -> 5;
            case DISCARDED -> 4;
            case PROTECTED -> 3;
            case WRITE_PROTECTED -> 2;
            case OBSERVED -> 1;
        };
    }

    private long cpumask(int from, int behind) {
        long mask = 0;
        for (int i = from; i < behind; i++) {
            mask |= flushes[i].cpumask();
        }
        return mask;
    }

    /**
     * Ends an invalidation: decrements the number of pending flushes of each leaf, and unhooks the leaves that are
     * empty. A leaf is removed from the list after its decrement. So after an exception, either the number of a leaf
     * was decremented, or the leaf is in the list for the next call. A leaf whose number was decremented, but that was
     * not unhooked, is left to the next operation there, or to the teardown of the space.
     */
    public void flushed() {
        isFlushBegun = false;
        begun = null;
        isFlushPending = false;
        needsGracePeriod = false;
        while (leaves > 0) {
            LeafFlush last = flushes[leaves - 1];
            PageTable table = last.table();
            boolean isEmpty = Leaf.flushed(last.leaf());
            leaves--;
            // Cleared, so that this record keeps no table reachable.
            last.table = null;
            last.leaf = null;
            if (isEmpty) {
                table.unhookIfEmpty(last.start);
            }
        }
    }

    /**
     * Drops one use of each collected frame, which frees the frame if it was the last use.
     *
     * @throws IllegalStateException if an entry was unhooked or narrowed since the last invalidation; no frame is freed
     *     then
     */
    public void free() {
        if (isFlushPending || needsGracePeriod) {
            throw new IllegalStateException("frames are to be freed before they were invalidated");
        }
        Frames of = memory.frames;
        Magazine magazine = context().magazine;
        while (size > 0) {
            // One lock for as many frames as the magazine has room for. The next one makes room.
            magazine.lock();
            try {
                while (size > 0 && of.mayDropLocked(magazine)) {
                    of.dropLocked(frames[--size], magazine);
                }
            } finally {
                magazine.unlock();
            }
            if (size > 0) {
                of.drop(frames[--size], magazine);
            }
        }
        isStarved = false;
    }

    /**
     * Frees frames that were added after the last invalidation, and for which no CPU can have had a translation since.
     */
    public void freeInvalidated() {
        isFlushPending = false;
        needsGracePeriod = false;
        free();
    }

    /**
     * Ends the operation: waits until no CPU can translate to an unhooked page, and frees the frames. If that fails,
     * this method throws, and a thread of the machine retries until it succeeds. Does nothing if a thread of the
     * machine is already ending the operation.
     */
    @Override
    public void close() {
        if (isHandedOn) {
            return;
        }
        boolean ended = false;
        try {
            attempt();
            ended = true;
        } finally {
            if (!ended) {
                memory.rcu.call(this);
                isHandedOn = true;
            }
        }
        rest();
    }

    @Override
    public boolean attempt() {
        if (context == null || unfinished != null) {
            resume();
        }
        invalidate();
        free();
        return true;
    }

    @Override
    protected void ended() {
        giveBackContext();
    }

    /**
     * The page tables that an operation walks, with a reference to each ({@code mmgrab}). Their spaces may be torn down
     * during the operation, because the operation is not a user of these spaces, and the teardown does not wait for it.
     * Used by one thread at a time.
     */
    public static final class HeldTables {
        /**
         * The stack that {@link #release} needs, in stack frames. A caller that must not lose a reference checks the
         * stack first.
         */
        public static final int DEPTH = StackReserve.around(LazyContext.DROP_DEPTH, 8);

        private @Nullable TlbContext[] held = {};
        private int size;

        /** Creates an empty list. */
        public HeldTables() {}

        /**
         * Acquires a reference to a page table, until {@link #release}.
         *
         * @return false if the page table was already given back, because the space was torn down and has no pages left
         */
        public boolean hold(PageTable table) {
            // Grown first, because an acquired reference must be recorded.
            if (size == held.length) {
                held = Arrays.copyOf(held, Math.max(4, 2 * size));
            }
            TlbContext context = table.context;
            if (!context.tryHold()) {
                return false;
            }
            held[size++] = context;
            return true;
        }

        /**
         * Releases all references, after the flushes of the changes in these tables. References that are not released
         * because of a stack overflow are released by the next call.
         */
        public void release() {
            while (size > 0) {
                StackReserve.check(LazyContext.DROP_DEPTH);
                size--;
                TlbContext last = held[size];
                held[size] = null;
                if (last != null) {
                    last.release();
                }
            }
        }
    }
}
