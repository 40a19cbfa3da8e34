// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.pagewalk;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Watches;
import dev.samara.core.internal.page.Watches.WatchedRange;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.tlb.HeldTables;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;

/**
 * Starts to watch a range. Afterwards, no CPU has a translation through which it could store to, or read, the range
 * unnoticed.
 */
public final class WatchPages {
    private WatchPages() {}

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
    public static void begin(
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
                        memory.accessChecker(), "watch", AccessChecker.WRITE, table.number(), start, end);
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
                deferFlush(table, walk.leaf(), walk.start(), walk.end(), gather);
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

    private static void deferFlush(PageTable table, long[] leaf, long start, long end, TlbGather gather) {
        Leaf.lock(leaf);
        try {
            if (!Leaf.isDead(leaf)) {
                gather.deferFlush(table, leaf, start, end, MmuNotifier.Reason.OBSERVED);
            }
        } finally {
            Leaf.unlock(leaf);
        }
    }
}
