// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.pagewalk;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.CheckpointLog;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.page.Watches;
import dev.samara.core.internal.page.Watches.WatchedRange;
import dev.samara.core.internal.pagewalk.PageWalk.VmaLookup;
import dev.samara.core.internal.sync.Gate.WaitReporter;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.internal.tlb.TlbGather.HeldTables;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.vma.Geometry;
import org.jspecify.annotations.Nullable;

/**
 * The walks that change each entry of a range in one step, leaf by leaf. A walk locks one leaf at a time, defers the
 * flush of its part of the range to a {@link TlbGather}, and then changes the entries. A leaf that is dead when it is
 * locked is empty. {@link DiscardPages} and {@link DirtyScan} need several steps for an entry.
 *
 * <ul>
 *   <li>{@link #unmap} empties a range that is no longer mapped, or that a closed gate protects ({@code
 *       unmap_page_range}, {@code free_pgtables}). The caller has already marked the VMAs as detached. A full fence
 *       separates the marks from the walk. The walk takes over busy entries with their frames. The compare-and-set of
 *       an entry's former owner then fails, and the former owner frees only frames that it allocated itself.
 *   <li>{@link #emptyUntilFull} removes the pages of a private anonymous VMA while the VMA stays mapped, and while
 *       threads run in its space ({@code __oom_reap_task_mm}). The caller has already marked the space unstable, so no
 *       fault fills the emptied entries again. An operation that replaces the VMA, and so may lock its pages, stops the
 *       walk. The walk claims each entry, and empties it only if the VMA is still attached after the claim; otherwise
 *       it restores the page. So a page that {@code mlock} found stays locked in memory.
 *   <li>{@link #narrow} removes rights that the VMAs of a range lost ({@code change_protection}). {@code
 *       Mprotect.change} decides whether they lost rights. A call that only grants rights needs no walk; later faults
 *       add the granted rights.
 *   <li>{@link #clean} makes entries clean before the bytes of their pages are saved ({@code page_mkclean}).
 *   <li>{@link #watch} changes no entry. Afterwards no CPU has a translation through which it could access a watched
 *       range unnoticed.
 *   <li>{@link #removeGuards} empties the entries that are guard markers ({@code MADV_GUARD_REMOVE}); {@link
 *       DiscardPages#guard} installs them.
 * </ul>
 *
 * <p>{@link TlbGather#take} takes over the frame of an entry, and marks the frame dirty if the entry was dirty.
 */
public final class LeafWalks {
    private LeafWalks() {}

    /**
     * Returns the rights that every page of a VMA has: READ and EXEC, as far as the space's protection map permits
     * them. The right to write depends on the page, so the fault of a store grants it.
     */
    public static long rights(VmArea vma, Geometry geometry) {
        return maxRights(vma, geometry) & ~Pte.WRITE;
    }

    /** Returns the maximum rights that a VMA's pages may have, as bits of {@link Pte#RIGHTS}. */
    public static long maxRights(VmArea vma, Geometry geometry) {
        return (long) geometry.protectionMap().rights((int) vma.flags()) << Pte.RIGHTS_SHIFT;
    }

    /**
     * Empties a range. Empty leaves are unhooked with the invalidation. When the gather is full, this method
     * invalidates and frees the pages gathered so far, and so waits.
     *
     * @param walk a cursor of the page table
     * @param start the first address
     * @param end the end of the range, exclusive
     * @param gather collects the pages
     */
    public static void unmap(PageWalk walk, long start, long end, TlbGather gather) {
        long at = emptyUntilFull(walk, null, start, end, gather);
        while (gather.isFull()) {
            gather.invalidate();
            gather.free();
            at = emptyUntilFull(walk, null, at, end, gather);
        }
    }

    /**
     * Empties a range as far as the gather has capacity; a range that is reaped only as long as its VMA is attached.
     * Needs no memory if the gather has some capacity and is not {@linkplain TlbGather#isFull full}. Does not wait for
     * CPUs or grace periods.
     *
     * @param walk a cursor of the page table
     * @param reaped the private anonymous VMA that is reaped; null if the range is unmapped
     * @param start the first address
     * @param end the end of the range, exclusive
     * @param gather collects the pages
     * @return the end of the emptied part, exclusive: {@code end} if the range is empty; less if the gather is full, or
     *     if the reaped VMA is detached. The caller continues there after it has invalidated and freed the gathered
     *     pages
     */
    public static long emptyUntilFull(PageWalk walk, @Nullable VmArea reaped, long start, long end, TlbGather gather) {
        walk.over(start, end);
        walk.table().beforeRemoval(Math.min((end - start) >>> walk.table().pageShift, TlbGather.MOST));
        while (!gather.isFull() && walk.next()) {
            long reached = empty(walk, reaped, gather);
            if (reached != walk.end()) {
                return reached;
            }
        }
        return walk.end();
    }

    /** Empties a part of one leaf as far as the gather has capacity; returns the end of the emptied part, exclusive. */
    private static long empty(PageWalk walk, @Nullable VmArea reaped, TlbGather gather) {
        long[] leaf = walk.leaf();
        int first = walk.first();
        // Ensured before an entry is emptied, because adding its page to the gather must not fail.
        int last = first + gather.tryEnsureCapacity(walk.endIndex() - first);
        if (last == first) {
            return walk.start();
        }
        int emptied = last;
        try {
            Leaf.lock(leaf);
            try {
                if (Leaf.isDead(leaf)) {
                    return walk.end();
                }
                // Deferred even if all entries are empty, because a thread that emptied them may not have flushed yet.
                MmuNotifier.Reason reason = reaped == null ? MmuNotifier.Reason.UNMAPPED : MmuNotifier.Reason.DISCARDED;
                gather.deferFlush(walk.table(), leaf, walk.start(), walk.addressOf(last), reason);
                if (reaped == null) {
                    unmap(walk, last, gather);
                } else {
                    emptied = Leaf.nextFilled(leaf, first, last);
                    while (emptied < last && !reaped.isDetached() && reap(reaped, walk, emptied, gather)) {
                        emptied = Leaf.nextFilled(leaf, emptied + 1, last);
                    }
                }
            } finally {
                Leaf.unlock(leaf);
            }
        } finally {
            if (reaped != null) {
                // A fault that read an entry while it was busy may be waiting for this owner.
                gather.memory.contexts.leave(gather.context());
            }
        }
        return walk.addressOf(emptied);
    }

    private static void unmap(PageWalk walk, int last, TlbGather gather) {
        long[] leaf = walk.leaf();
        for (int i = Leaf.nextFilled(leaf, walk.first(), last); i < last; i = Leaf.nextFilled(leaf, i + 1, last)) {
            long pte = Leaf.empty(leaf, i);
            if (Pte.isPresent(pte) || Pte.isBusy(pte)) {
                gather.take(walk.table(), walk.addressOf(i), pte);
            } else if (pte == Pte.GUARD) {
                CheckpointLog.changeOrLose(walk.table(), walk.addressOf(i), pte, gather.room());
            }
        }
    }

    /**
     * Empties an entry. Returns false and does not change the entry if the VMA is detached, because {@code mlock} may
     * have locked its range and found the page. The caller holds the lock of the leaf until each claimed entry is
     * decided.
     */
    private static boolean reap(VmArea vma, PageWalk walk, int index, TlbGather gather) {
        long[] leaf = walk.leaf();
        long pte = Leaf.get(leaf, index);
        for (; ; pte = Leaf.get(leaf, index)) {
            if (Pte.isBusy(pte)) {
                // The entry is busy, so no mlock found a page in it, and the VMA need not be checked. Keeps the guard
                // bit, because the owner of the entry may have requested a guard.
                if (Leaf.empty(leaf, index, pte, pte & Pte.GUARD)) {
                    gather.take(walk.table(), walk.addressOf(index), pte);
                    return true;
                }
            } else if (Pte.isPresent(pte)) {
                long busy = Pte.busy(pte, gather.context().owner, false);
                if (Leaf.claim(leaf, index, pte, busy)) {
                    return decide(vma, walk, index, pte, busy, gather);
                }
            } else {
                return true;
            }
        }
    }

    /** Empties a claimed entry, or restores its page. */
    private static boolean decide(VmArea vma, PageWalk walk, int index, long pte, long busy, TlbGather gather) {
        long[] leaf = walk.leaf();
        // A volatile read, after the compare-and-set. Pairs with VmArea.detach, after which mlock looks for pages.
        // Either mlock finds the entry busy and waits, or this thread finds the VMA detached.
        if (vma.isDetached()) {
            Leaf.settle(leaf, index, busy, pte);
            return false;
        }
        if (Leaf.empty(leaf, index, busy, Pte.NONE)) {
            gather.take(walk.table(), walk.addressOf(index), pte);
        }
        return true;
    }

    /**
     * Narrows each entry to the rights of the VMA that covers it now. Each leaf of the range is flushed, whether or not
     * an entry changed. Does not wait; the gather may become full.
     *
     * @param walk a cursor of the page table
     * @param start the first address
     * @param end the end of the range, exclusive
     * @param vmas the VMAs of the space
     * @param geometry the geometry of the space
     * @param gather collects the pending flushes
     */
    public static void narrow(
            PageWalk walk, long start, long end, VmaLookup vmas, Geometry geometry, TlbGather gather) {
        walk.over(start, end);
        while (walk.next()) {
            narrow(walk, vmas, geometry, gather);
        }
    }

    /** The VMAs are looked up under the lock of the leaf. */
    private static void narrow(PageWalk walk, VmaLookup vmas, Geometry geometry, TlbGather gather) {
        long[] leaf = walk.leaf();
        int stop = walk.endIndex();
        Leaf.lock(leaf);
        try {
            if (Leaf.isDead(leaf)) {
                return;
            }
            walk.deferFlush(gather, MmuNotifier.Reason.PROTECTED);
            VmArea vma = null;
            for (int i = Leaf.nextFilled(leaf, walk.first(), stop); i < stop; i = Leaf.nextFilled(leaf, i + 1, stop)) {
                long address = walk.addressOf(i);
                if (vma == null || !vma.contains(address)) {
                    vma = vmas.find(address);
                }
                narrow(walk.table(), address, leaf, i, vma == null ? 0 : maxRights(vma, geometry));
            }
        } finally {
            Leaf.unlock(leaf);
        }
    }

    private static void narrow(PageTable table, long address, long[] leaf, int index, long most) {
        long pte = Leaf.get(leaf, index);
        for (; ; pte = Leaf.get(leaf, index)) {
            long narrowed;
            if (Pte.isPresent(pte)) {
                narrowed = pte & ~(Pte.RIGHTS & ~most);
            } else if (Pte.has(pte, Pte.BUSY | Pte.COPY)) {
                // Takes the entry from a thread that is copying the page: the page is unchanged since the copy started,
                // and that thread will drop its copy. An entry that is busy for an unmap is left to the unmap.
                narrowed = Pte.unclaimed(pte) | (most & ~Pte.WRITE);
            } else {
                return;
            }
            if (narrowed == pte) {
                return;
            }
            if (Leaf.narrow(leaf, index, pte, narrowed)) {
                if (Pte.isBusy(pte)) {
                    CheckpointLog.undone(table, address, narrowed);
                }
                return;
            }
        }
    }

    /** The pages whose entries {@link #clean} makes clean. */
    @FunctionalInterface
    public interface CleanedPages {
        /**
         * Returns whether to make an entry clean; if so, records its page as written. Called under the lock of the
         * entry's leaf.
         *
         * @param address the address of the entry's page
         * @param frame the frame of the entry, which is dirty
         */
        boolean takes(long address, int frame);
    }

    /**
     * Makes entries of a range clean. A page stays mapped and may be written. The next store through a translation that
     * is filled after the flush marks its entry dirty again. An entry that a {@link DirtyScan} has not reported yet
     * keeps {@link Pte#SOFT_DIRTY}.
     *
     * <p>Also defers the flush of a leaf that another operation changed and may not have flushed yet, because a page
     * may still be written through a translation of a removed entry.
     *
     * @param walk a cursor, of any page table
     * @param table the page table of a space
     * @param start the first address
     * @param end the end of the range, exclusive
     * @param pages chooses the entries, and records their pages
     * @param gather collects the pending flushes
     */
    public static void clean(
            PageWalk walk, PageTable table, long start, long end, CleanedPages pages, TlbGather gather) {
        walk.over(table, start, end);
        while (walk.next()) {
            clean(walk, pages, gather);
        }
    }

    private static void clean(PageWalk walk, CleanedPages pages, TlbGather gather) {
        long[] leaf = walk.leaf();
        int first = walk.first();
        int stop = walk.endIndex();
        Leaf.lock(leaf);
        try {
            if (Leaf.isDead(leaf)) {
                return;
            }
            boolean isDeferred =
                    gather.deferIfPending(walk.table(), leaf, walk.start(), walk.end(), MmuNotifier.Reason.OBSERVED);
            for (int i = Leaf.nextFilled(leaf, first, stop); i < stop; i = Leaf.nextFilled(leaf, i + 1, stop)) {
                long pte = Leaf.get(leaf, i);
                while (Pte.has(pte, Pte.PRESENT | Pte.DIRTY)
                        && Pte.isCached(pte)
                        && pages.takes(walk.addressOf(i), Pte.frame(pte))) {
                    if (!isDeferred) {
                        gather.deferFlush(walk.table(), leaf, walk.addressOf(i), MmuNotifier.Reason.OBSERVED);
                    }
                    if (Leaf.narrow(leaf, i, pte, (pte & ~Pte.DIRTY) | Pte.SOFT_DIRTY)) {
                        break;
                    }
                    pte = Leaf.get(leaf, i);
                }
            }
        } finally {
            Leaf.unlock(leaf);
        }
    }

    /**
     * Adds a watch, and waits until no TLB contains a translation of its pages from before the watch. The caller holds
     * no lock and has no CPU in GUEST. If this throws, the watch is removed again.
     *
     * @param table the page table of a space
     * @param watches the watches of the table: for writes, or for reads
     * @param start the first address of the watch's first page
     * @param end the end of the watch's last page, exclusive
     * @param most the maximum number of watches of the space
     * @throws MmException with ENOSPC if the space already has {@code most} watches
     */
    @SuppressWarnings("try") // the resource is only closed
    public static void watch(
            MachineMemory memory,
            PageTable table,
            Watches watches,
            WatchedRange watch,
            long start,
            long end,
            int most) {
        StackReserve.check(HeldTables.DEPTH);
        HeldTables held = new HeldTables();
        boolean isHeld = held.hold(table);
        boolean done = false;
        // WRITE also for a watch of reads, because the checker considers the rights of an access and the watches of
        // writes, but not the watches of reads.
        try (AccessChecker.Revocation revocation = AccessChecker.beginIfChecked(
                        memory.accessChecker, "watch", AccessChecker.WRITE, table.number(), start, end);
                TlbGather gather = new TlbGather(memory)) {
            if (!watches.add(watch, most)) {
                throw new MmException("watch", Errno.ENOSPC);
            }
            // The fence of the walk separates the store of the watch from the loads of the leaves and, later, the
            // cpumasks. Pairs with a thread that links a leaf, or adds its CPU to a cpumask, and then reads the
            // watches.
            PageWalk walk = new PageWalk(table).over(start, end);
            // If the table could not be held, the space was torn down and contains no page.
            while (isHeld && walk.next()) {
                Leaf.lock(walk.leaf());
                try {
                    if (!Leaf.isDead(walk.leaf())) {
                        walk.deferFlush(gather, MmuNotifier.Reason.OBSERVED);
                    }
                } finally {
                    Leaf.unlock(walk.leaf());
                }
                if (gather.isFull()) {
                    gather.checkHeld();
                    gather.invalidate();
                }
            }
            gather.checkHeld();
            gather.invalidate();
            done = true;
        } finally {
            held.release();
            if (!done) {
                watches.remove(watch);
            }
        }
    }

    /**
     * Empties the entries of a range that are guards. Waits for the owner of an entry that is becoming a guard.
     *
     * @param walk a cursor of the page table
     * @param start the first address
     * @param end the end of the range, exclusive
     * @param gather the gather of the operation
     * @param reporter is notified of a long wait
     */
    public static void removeGuards(PageWalk walk, long start, long end, TlbGather gather, WaitReporter reporter) {
        walk.over(start, end);
        while (walk.next()) {
            long[] leaf = walk.leaf();
            int stop = walk.endIndex();
            for (int i = Leaf.nextFilled(leaf, walk.first(), stop); i < stop; i = Leaf.nextFilled(leaf, i + 1, stop)) {
                long pte = Leaf.get(leaf, i);
                while (Pte.has(pte, Pte.BUSY | Pte.GUARD)) {
                    // A truncation may have taken over an entry that is to become a guard marker. Waits until it has
                    // released the entry.
                    gather.memory.contexts.await(leaf, i, pte, reporter);
                    pte = Leaf.get(leaf, i);
                }
                if (pte == Pte.GUARD) {
                    CheckpointLog.changeOrLose(walk.table(), walk.addressOf(i), pte, gather.room());
                }
                Leaf.empty(leaf, i, Pte.GUARD, Pte.NONE);
            }
        }
    }
}
