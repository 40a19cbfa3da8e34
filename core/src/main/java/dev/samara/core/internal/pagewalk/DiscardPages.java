// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.pagewalk;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.CheckpointLog;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.PageTable.TableReserve;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.sync.Housekeeping.RetriedTask;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.internal.tlb.TlbGather.HeldTables;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Discards pages while their mapping stays: {@code MADV_DONTNEED} and similar advice, truncation, hole punching.
 *
 * <p>A batch of entries goes through three steps. Each entry becomes busy and keeps its page. The operation waits until
 * no CPU can translate to the page. A compare-and-set empties the entry or makes it a guard, and the page is freed.
 * Faults wait while an entry is busy. If another operation claimed the busy entry before the compare-and-set, the entry
 * and its page belong to that operation. An entry that was to become a guard still becomes one.
 *
 * <p>One object serves one operation on one thread, unless it is created {@linkplain #atRest at rest}. The thread must
 * not hold a lock or be in a reader section, unless a method states otherwise.
 */
public final class DiscardPages extends RetriedTask implements AutoCloseable {
    private static final int BATCH = 1 << 10;

    private final MachineMemory memory;
    private final TlbGather gather;

    /** Whether the gather belongs to an operation that uses the gather again after this walk. */
    private final boolean isLent;

    /** The value that entries get: {@link Pte#NONE} or {@link Pte#GUARD}. */
    private final long replacement;

    /* The entries that this operation made busy, with the busy values that it stored in them. */
    private long[][] claimedLeaves = new long[16][];
    private int[] claimedIndexes = new int[16];
    private long[] claimedValues = new long[16];

    /* The page tables and addresses of the claimed entries that a checkpoint may keep; as long as these need. */
    private @Nullable PageTable[] claimedTables = {};
    private long[] claimedAddresses = {};
    private int claimed;

    /** Whether the pages are droppable ones. All calls of one operation have the same kind of choice. */
    private boolean isDrop;

    private final HeldTables held = new HeldTables();

    /**
     * Created with this object, because a walk over a range must not fail after its pages were removed from their file.
     */
    private final PageWalk walk = new PageWalk();

    /** The first addresses of leaves that are wholly in the range, and may be unhooked ({@code CONFIG_PT_RECLAIM}). */
    private long[] wholes = {};

    private int wholesSize;

    /** Frames to drop once no CPU can translate to them. */
    private int[] dropped = {};

    private int droppedSize;
    private @Nullable PageTable wholesOf;

    /**
     * Starts an operation.
     *
     * @param replacement the value that entries get: {@link Pte#NONE} or {@link Pte#GUARD}
     */
    public DiscardPages(MachineMemory memory, long replacement) {
        this(new TlbGather(memory), false, replacement);
    }

    /**
     * Starts a part of an operation that already has a gather. The operation must not use the gather until this object
     * is closed.
     *
     * @param lent a gather without pending flushes and without frames. If closing this object fails, the next {@link
     *     TlbGather#resume} retries
     * @param replacement the value that entries get: {@link Pte#NONE} or {@link Pte#GUARD}
     */
    public DiscardPages(TlbGather lent, long replacement) {
        this(lent, true, replacement);
    }

    private DiscardPages(TlbGather gather, boolean isLent, long replacement) {
        memory = gather.memory;
        this.gather = gather;
        this.isLent = isLent;
        this.replacement = replacement;
    }

    /**
     * Starts an operation if a page table context is available.
     *
     * @param replacement the value that entries get: {@link Pte#NONE} or {@link Pte#GUARD}
     * @return the operation; null if the maximum number of page table contexts is lent
     */
    public static @Nullable DiscardPages orNull(MachineMemory memory, long replacement) {
        DiscardPages made = atRest(memory, replacement);
        return made.tryBegin() ? made : null;
    }

    /**
     * Returns an object that serves one operation after the other, each from {@link #tryBegin} to {@link #close}.
     *
     * @param replacement the value that entries get: {@link Pte#NONE} or {@link Pte#GUARD}
     */
    public static DiscardPages atRest(MachineMemory memory, long replacement) {
        return new DiscardPages(TlbGather.with(memory, null), false, replacement);
    }

    /**
     * Starts an operation. Called for the first operation, or after a {@link #close} that succeeded.
     *
     * @return false if the maximum number of page table contexts is lent; no operation is started then
     */
    public boolean tryBegin() {
        return gather.tryResume();
    }

    /** Returns the page table context of this operation. */
    public PageTableContext context() {
        return gather.context();
    }

    /**
     * Holds the page table of a space that may be torn down concurrently, until {@link #finish}. Called before an
     * operation that is not a user of that space discards its pages.
     *
     * @return false if the space was torn down, and so contains no page any more
     */
    public boolean hold(PageTable table) {
        return held.hold(table);
    }

    /** Chooses the entries whose pages are discarded. */
    @FunctionalInterface
    public interface Choice {
        /**
         * Returns whether the page of an entry is discarded. Called under the lock of the entry's leaf.
         *
         * @param pte an entry that is present or busy
         * @param address the address of the entry's page
         */
        boolean takes(long pte, long address);

        /** Returns whether a checkpoint loses the chosen pages, too: they count as empty at the checkpoint. */
        default boolean isDrop() {
            return false;
        }

        /**
         * Returns whether a chosen page is kept nevertheless. Called under the lock of the leaf, after the entry became
         * busy.
         *
         * @param pte the original entry, which is restored if the page is kept
         */
        default boolean spares(long pte) {
            return false;
        }
    }

    /** Chooses all entries. */
    public static final Choice EVERY = (pte, address) -> true;

    /**
     * Chooses the pages that droppable memory may lose ({@code try_to_unmap_one} for {@code VM_DROPPABLE}): present
     * pages that no other mapping uses, and that are not pinned.
     */
    public static class DroppedPages implements Choice {
        private final Frames frames;
        private int count;

        public DroppedPages(Frames frames) {
            this.frames = frames;
        }

        /** Returns the number of pages that were chosen and not spared. */
        public int count() {
            return count;
        }

        @Override
        public boolean takes(long pte, long address) {
            return Pte.has(pte, Pte.PRESENT | Pte.OWN | Pte.EXCLUSIVE);
        }

        @Override
        public boolean isDrop() {
            return true;
        }

        /** Subclasses name further reasons in {@link #mustStay}. */
        @Override
        public final boolean spares(long pte) {
            // A volatile read, after the compare-and-set of the claim. Pairs with CpuMemory.pin, which pins and then
            // reads the entry: either this thread sees the pin, or CpuMemory.pin sees the busy entry.
            boolean isSpared = frames.isPinned(Pte.frame(pte)) || mustStay();
            count += isSpared ? 0 : 1;
            return isSpared;
        }

        /** Returns whether a claimed page is kept although it is not pinned. */
        protected boolean mustStay() {
            return false;
        }
    }

    /**
     * Discards the chosen pages of a range. The last pages are discarded by {@link #finish} or {@link #close}.
     *
     * @param table the page table of a space
     * @param start the first address
     * @param end the end of the range, exclusive
     * @param choice chooses the entries
     */
    public void discard(PageTable table, long start, long end, Choice choice) {
        discard(table, start, end, (end - start) >>> table.pageShift, choice);
    }

    /**
     * Discards the chosen pages of a range, as {@link #discard(PageTable, long, long, Choice)} does.
     *
     * @param most the maximum number of pages that are chosen
     */
    public void discard(PageTable table, long start, long end, long most, Choice choice) {
        // Expires notices also where no leaf exists yet. The walk's fence separates the notices from the leaves.
        table.expireNotices(start, end);
        table.beforeRemoval(Math.min(most, (end - start) >>> table.pageShift));
        isDrop = choice.isDrop();
        walk.over(table, start, end);
        while (walk.next()) {
            claim(choice);
            if (walk.isWhole()) {
                noteWhole(table, walk.start());
            }
            finishIfFull();
        }
    }

    private void finishIfFull() {
        if (claimed >= BATCH || gather.isFull()) {
            finishBatch();
        }
    }

    /**
     * Stores guards in all entries of a range, empty or not. Only for an operation whose replacement is a guard.
     *
     * @param table the page table of a space
     * @param start the first address
     * @param end the end of the range, exclusive
     * @param tables the tables that the range may lack
     */
    public void guard(PageTable table, long start, long end, TableReserve tables) {
        table.beforeRemoval((end - start) >>> table.pageShift);
        walk.over(table, start, end);
        while (walk.nextSpan()) {
            while (!guardLeaf(tables)) {
                Thread.onSpinWait();
            }
            finishIfFull();
        }
    }

    /**
     * Stores guards in one leaf; returns false if the leaf is dead. Holds the leaf's lock throughout, so that an entry
     * found empty is not filled before the pages are claimed.
     */
    private boolean guardLeaf(TableReserve tables) {
        long[] leaf = walk.table().leafFromReserve(walk.start(), tables);
        int stop = walk.endIndex();
        Leaf.lock(leaf);
        try {
            if (Leaf.isDead(leaf)) {
                return false;
            }
            gather.deferFlush(walk.table(), leaf, walk.start(), walk.end(), MmuNotifier.Reason.DISCARDED);
            for (int i = walk.first(); i < stop; i++) {
                while (!guardEntry(leaf, i)) {
                    Thread.onSpinWait();
                }
            }
            return true;
        } finally {
            Leaf.unlock(leaf);
        }
    }

    /** Returns false if another thread emptied the entry concurrently. */
    private boolean guardEntry(long[] leaf, int index) {
        long before = Leaf.get(leaf, index);
        if (before != Pte.GUARD && !Pte.isOwn(before)) {
            // The log keeps private pages when they are freed, but nothing of other entries.
            long recorded = Pte.isPresent(before) ? before : Pte.NONE;
            CheckpointLog.changeOrLose(walk.table(), walk.addressOf(index), recorded, gather.room());
        }
        if (Leaf.fill(leaf, index, replacement) || Leaf.get(leaf, index) == replacement) {
            return true;
        }
        claim(leaf, index, walk.addressOf(index), EVERY);
        return Leaf.get(leaf, index) != Pte.NONE;
    }

    private void claim(Choice choice) {
        long[] leaf = walk.leaf();
        int stop = walk.endIndex();
        Leaf.lock(leaf);
        try {
            if (Leaf.isDead(leaf)) {
                return;
            }
            // Deferred even if no entry is claimed, because an earlier operation that claimed the entries may not have
            // flushed yet.
            walk.deferFlush(gather, MmuNotifier.Reason.DISCARDED);
            for (int i = Leaf.nextFilled(leaf, walk.first(), stop); i < stop; i = Leaf.nextFilled(leaf, i + 1, stop)) {
                claim(leaf, i, walk.addressOf(i), choice);
            }
        } finally {
            Leaf.unlock(leaf);
        }
    }

    private void claim(long[] leaf, int index, long address, Choice choice) {
        long pte = Leaf.get(leaf, index);
        while (Pte.isPresent(pte) || Pte.isBusy(pte)) {
            if (!choice.takes(pte, address)) {
                return;
            }
            if (Pte.isBusy(pte) && Pte.owner(pte) == context().owner) {
                return;
            }
            long busy = Pte.busy(pte, context().owner, false) | (replacement == Pte.GUARD ? Pte.GUARD : 0);
            // An entry that becomes busy must be recorded, so capacity is ensured first.
            ensureCapacity();
            gather.ensureCapacity(claimed + 1);
            if (Pte.has(pte, Pte.BUSY | Pte.COPY)) {
                // A grace period is needed, because the thread that copies the page may still be reading it.
                gather.needGracePeriod();
            }
            if (Pte.has(pte, Pte.PRESENT | Pte.DIRTY) && Pte.isCached(pte)) {
                // While the entry is present and the leaf is locked, its page is in the cache. Once the entry is busy,
                // the page may be removed from the cache.
                memory.frames.setDirty(Pte.frame(pte));
            }
            if (Leaf.claim(leaf, index, pte, busy)) {
                // Recorded also if another operation took the entry over in the meantime; the release then skips the
                // entry.
                if (!choice.spares(pte) || !Leaf.settle(leaf, index, busy, pte)) {
                    claimedLeaves[claimed] = leaf;
                    claimedIndexes[claimed] = index;
                    if (claimed < claimedTables.length) {
                        claimedTables[claimed] = walk.table();
                        claimedAddresses[claimed] = address;
                    }
                    claimedValues[claimed++] = busy;
                }
                return;
            }
            pte = Leaf.get(leaf, index);
        }
    }

    /** Ensures capacity for one more claimed entry, so that recording it does not fail. */
    private void ensureCapacity() {
        if (claimed == claimedValues.length) {
            long[] more = Arrays.copyOf(claimedValues, 2 * claimed);
            claimedIndexes = Arrays.copyOf(claimedIndexes, 2 * claimed);
            claimedLeaves = Arrays.copyOf(claimedLeaves, 2 * claimed);
            claimedValues = more;
        }
        if (claimed >= claimedTables.length && walk.table().log() != null) {
            long[] addresses = Arrays.copyOf(claimedAddresses, claimedValues.length);
            claimedTables = Arrays.copyOf(claimedTables, claimedValues.length);
            claimedAddresses = addresses;
        }
    }

    private void noteWhole(PageTable table, long address) {
        if (wholesOf != table) {
            unhookWholes();
            wholesOf = table;
        }
        if (wholesSize == wholes.length) {
            wholes = Arrays.copyOf(wholes, Math.max(16, 2 * wholesSize));
        }
        wholes[wholesSize++] = address;
    }

    /** Unhooks the leaves that are wholly in the range and empty. */
    private void unhookWholes() {
        PageTable of = wholesOf;
        while (of != null && wholesSize > 0) {
            of.unhookIfEmpty(wholes[--wholesSize]);
        }
    }

    /**
     * Ends the last batch: waits until no CPU can translate to its pages, empties its entries or makes them guards, and
     * frees the pages. Releases the references that {@link #hold} acquired.
     */
    public void finish() {
        finishBatch();
        held.release();
    }

    private void finishBatch() {
        gather.checkHeld();
        gather.invalidate();
        release();
        memory.contexts.leave(context());
        unhookWholes();
        // Needs no further invalidation: no CPU could reach these pages after the one above, because their entries
        // stayed busy.
        gather.freeInvalidated();
        if (droppedSize > 0) {
            int size = droppedSize;
            droppedSize = 0;
            memory.frames.dropAll(dropped, size);
        }
    }

    /**
     * Empties the claimed entries, or makes them guards, and adds their pages to the gather. Skips entries that another
     * operation claimed in the meantime.
     */
    private void release() {
        for (int i = 0; i < claimed; i++) {
            long[] leaf = claimedLeaves[i];
            int index = claimedIndexes[i];
            long value = claimedValues[i];
            PageTable table = i < claimedTables.length ? claimedTables[i] : null;
            // Keeps the guard bit, because an earlier owner of the busy entry may have requested a guard.
            if (table != null) {
                release(table, claimedAddresses[i], leaf, index, value);
            } else if (Leaf.empty(leaf, index, value, value & Pte.GUARD)) {
                gather.take(value);
            }
        }
        Arrays.fill(claimedLeaves, 0, claimed, null);
        Arrays.fill(claimedTables, null);
        claimed = 0;
    }

    /** Empties an entry whose page a checkpoint may keep, under the lock that KeptPages holds when it takes a page. */
    private void release(PageTable table, long address, long[] leaf, int index, long value) {
        Leaf.lock(leaf);
        try {
            if (Leaf.empty(leaf, index, value, value & Pte.GUARD)) {
                if (isDrop) {
                    gather.drop(table, address, value);
                } else {
                    gather.take(table, address, value);
                }
            }
        } finally {
            Leaf.unlock(leaf);
        }
    }

    /** Makes the next {@link #finish} wait for a grace period even if no entry was claimed. */
    public void needGracePeriod() {
        gather.needGracePeriod();
    }

    /**
     * Returns an array for {@link #dropWhenFinished} with capacity for {@code count} frames. No frame is to be dropped
     * yet.
     */
    public int[] roomForDrops(int count) {
        if (dropped.length < count) {
            dropped = new int[count];
        }
        return dropped;
    }

    /**
     * Passes on the caller's use counts of frames. The next {@link #finish} drops them, or {@link #close} if it fails.
     * No thread can find the frames any more, and every entry that mapped one of them was claimed.
     *
     * @param frames the frames; the caller no longer uses the array
     * @param count the number of frames in the array, from its start
     */
    public void dropWhenFinished(int[] frames, int count) {
        dropped = frames;
        droppedSize = count;
    }

    /**
     * Ends the operation, as {@link #finish} does. If that fails, this method throws. Then the operation that lent its
     * gather, or else a thread of the machine, retries until the entries are no longer busy. Until then, faults wait
     * for the entries, and no other thread gets the page table context that the entries name as their owner.
     */
    @Override
    public void close() {
        try {
            finish();
        } catch (Throwable failed) {
            if (isLent) {
                gather.leave(this);
            } else {
                memory.rcu.call(this);
            }
            throw failed;
        }
        if (!isLent) {
            gather.close();
        }
        wholesOf = null;
        walk.forget();
    }

    @Override
    public boolean attempt() {
        finish();
        return true;
    }

    @Override
    protected void ended() {
        gather.close();
    }
}
