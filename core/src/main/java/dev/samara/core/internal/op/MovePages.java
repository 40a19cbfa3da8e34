// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.TruncationLog;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.page.TableReserve;
import dev.samara.core.internal.pagewalk.DirtyScan;
import dev.samara.core.internal.pagewalk.PageWalk;
import dev.samara.core.internal.space.InFlightOperation.PageMove;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.WaitReporter;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.internal.vma.VmArea;
import org.jspecify.annotations.Nullable;

/**
 * The pages of one move ({@code move_page_tables}): they are removed at the source, and installed at the target after
 * the flush. Until then no fault fills an entry of either range.
 *
 * <p>Both steps may be retried after a failure, and continue where the earlier attempt failed.
 */
final class MovePages {
    private final Layout layout;
    private final PageTable table;
    private final MachineMemory memory;
    private final PageMove move;

    private final MovedEntries moved = new MovedEntries();

    /** The number of entries that were stored at the target, or whose pages were dropped. */
    private int down;

    /** The file's latest truncation when the first page was removed at the source; null if there is no file. */
    private final TruncationLog.@Nullable LoggedTruncation from;

    /** The leaf of the busy entry for whose owner the move waits, at rest; null if the move is not at rest. */
    private long @Nullable [] busyLeaf;

    private int busyIndex;
    private long busyEntry;

    MovePages(Layout layout, MachineMemory memory, PageMove move) {
        this.layout = layout;
        this.memory = memory;
        this.move = move;
        table = layout.pages();
        from = lastTruncation();
    }

    private TruncationLog.@Nullable LoggedTruncation lastTruncation() {
        VmArea target = layout.find(move.to());
        FilePages file = target == null ? null : FilePages.of(target);
        return file == null ? null : file.lastTruncation();
    }

    /** Returns whether the move may continue: it does not rest, or the busy entry has changed. Does not wait. */
    boolean isReady() {
        return busyLeaf == null || Leaf.get(busyLeaf, busyIndex) != busyEntry;
    }

    /**
     * Empties the entries of the source, and records them.
     *
     * @param walk a cursor of the page table
     * @param gather collects the pending flushes
     * @param mayRest whether to return instead of waiting
     * @return whether the source is empty; false only if {@code mayRest}
     */
    boolean pickUp(PageWalk walk, TlbGather gather, boolean mayRest) {
        busyLeaf = null;
        walk.over(move.from(), move.from() + move.length());
        while (walk.next()) {
            if (deferFlush(walk, gather) && !pickUp(walk, mayRest)) {
                return false;
            }
        }
        return true;
    }

    /** Defers the flush of a part of a leaf; returns false if the leaf is dead, and so is empty. */
    private static boolean deferFlush(PageWalk walk, TlbGather gather) {
        long[] leaf = walk.leaf();
        Leaf.lock(leaf);
        try {
            if (Leaf.isDead(leaf)) {
                return false;
            }
            gather.deferFlush(walk.table(), leaf, walk.start(), walk.end(), MmuNotifier.Reason.UNMAPPED);
            return true;
        } finally {
            Leaf.unlock(leaf);
        }
    }

    private boolean pickUp(PageWalk walk, boolean mayRest) {
        long[] leaf = walk.leaf();
        int stop = walk.endIndex();
        int i = walk.first();
        while (i < stop) {
            long pte = Leaf.get(leaf, i);
            if (Pte.isBusy(pte)) {
                // The owner copies the page, or removes it from its cache. The wait is short, unless the owner waits
                // for a CPU.
                if (mayRest) {
                    busyLeaf = leaf;
                    busyIndex = i;
                    busyEntry = pte;
                    return false;
                }
                memory.contexts().await(leaf, i, pte, reporter());
            } else if (pte == Pte.NONE || pickUp(leaf, i, pte, walk.addressOf(i))) {
                i++;
            }
        }
        return true;
    }

    /** Empties and records one entry. Returns false if another thread changed the entry concurrently. */
    private boolean pickUp(long[] leaf, int index, long pte, long address) {
        // An emptied entry must be recorded, so capacity is ensured first.
        moved.ensureCapacity();
        // A page of shared memory need not be marked dirty: no file backs it, so no write-back searches for the page.
        boolean isWritten = Pte.has(pte, Pte.DIRTY) && Pte.isCached(pte) && !Pte.has(pte, Pte.SHMEM);
        if (!(isWritten ? takeWritten(leaf, index, pte) : Leaf.empty(leaf, index, pte, Pte.NONE))) {
            return false;
        }
        moved.add(address - move.from(), pte);
        return true;
    }

    /**
     * Empties the entry of a dirty page of a file. A concurrent write-back finds the entry at neither address, so the
     * frame is marked dirty. This is done under the leaf's lock, under which the frame of a present entry stays in its
     * cache.
     */
    private boolean takeWritten(long[] leaf, int index, long pte) {
        Leaf.lock(leaf);
        try {
            if (Leaf.get(leaf, index) != pte) {
                return false;
            }
            memory.frames().setDirty(Pte.frame(pte));
            return Leaf.empty(leaf, index, pte, Pte.NONE);
        } finally {
            Leaf.unlock(leaf);
        }
    }

    private WaitReporter reporter() {
        return layout.host().busyEntryReporter();
    }

    /**
     * Stores the entries at the target. Drops the pages that no longer belong there.
     *
     * @param tables the tables that the target may lack
     */
    void putDown(TlbGather gather, TableReserve tables) {
        while (down < moved.size()) {
            long distance = moved.distance(down);
            long address = move.to() + distance;
            long pte = moved.pte(down);
            VmArea vma = layout.find(address);
            boolean isPut =
                    vma != null && Addresses.isBelow(distance, move.length()) && putDown(vma, address, pte, tables);
            // Counted before the page is dropped, because it must not be dropped twice.
            down++;
            if (!isPut && Pte.isOwn(pte)) {
                memory.frames().drop(Pte.frame(pte), gather.context().magazine());
            }
        }
    }

    /**
     * Stores an entry at its target; returns false if the page no longer belongs to the file, or if {@link Leaf#fill}
     * returns false.
     */
    private boolean putDown(VmArea vma, long address, long pte, TableReserve tables) {
        for (; ; ) {
            long[] leaf = table.leafFromReserve(address, tables);
            Leaf.lock(leaf);
            try {
                if (Leaf.isDead(leaf)) {
                    continue;
                }
                if (!isStillThere(vma, address, pte)) {
                    return false;
                }
                return Leaf.fill(leaf, table.indexOf(address), DirtyScan.moved(vma, pte));
            } finally {
                Leaf.unlock(leaf);
            }
        }
    }

    private boolean isStillThere(VmArea vma, long address, long pte) {
        FilePages file = FilePages.of(vma);
        if (file == null || from == null || !Pte.isPresent(pte) || vma.isAnonymous()) {
            return true;
        }
        long page = vma.pageOffset() + layout.geometry().pages(address - vma.start());
        // Checked under the leaf's lock, after the leaf was linked. Pairs with a truncation: it adds a link to the
        // truncation log and marks the frames before it walks.
        return Pte.isOwn(pte)
                ? page < file.lowestSince(from)
                : memory.frames().isCached(Pte.frame(pte), file.number(), page);
    }
}
