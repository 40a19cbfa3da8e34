// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.pagewalk;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.internal.vma.VmArea;

/**
 * Removes the pages of a private anonymous VMA while the VMA stays mapped, and while threads run in its space ({@code
 * __oom_reap_task_mm}). The caller has already marked the space unstable, so no fault fills the emptied entries again.
 *
 * <p>An operation that replaces the VMA, and so may lock its pages, stops the walk. The walk claims each entry, and
 * empties it only if the VMA is still attached after the claim; otherwise it restores the page. So a page that {@code
 * mlock} found stays locked in memory.
 */
public final class ReapPages {
    private ReapPages() {}

    /**
     * Empties a range of a VMA as far as the gather has capacity, and as long as the VMA is attached. Needs no memory
     * if the gather has some capacity and is not {@linkplain TlbGather#isFull full}. Does not wait for CPUs or grace
     * periods.
     *
     * @param walk a cursor of the page table
     * @param vma a private anonymous VMA
     * @param start the first address
     * @param end the end of the range, exclusive
     * @param gather collects the pages
     * @return the end of the emptied part, exclusive; less than {@code end} if the gather is full, or if the VMA is
     *     detached
     */
    public static long reapUntilFull(PageWalk walk, VmArea vma, long start, long end, TlbGather gather) {
        walk.over(start, end);
        walk.table().beforeRemoval(Math.min((end - start) >>> walk.table().pageShift(), TlbGather.MOST));
        while (!gather.isFull() && walk.next()) {
            long reached = reap(walk.table(), vma, walk.leaf(), walk.start(), walk.end(), gather);
            if (reached != walk.end()) {
                return reached;
            }
        }
        return walk.end();
    }

    private static long reap(PageTable table, VmArea vma, long[] leaf, long start, long end, TlbGather gather) {
        int wanted = (int) ((end - start) >>> table.pageShift());
        // Ensured before an entry is emptied, because adding its page to the gather must not fail.
        int capacity = gather.tryEnsureCapacity(wanted);
        if (capacity == 0) {
            return start;
        }
        int emptied = 0;
        try {
            Leaf.lock(leaf);
            try {
                if (Leaf.isDead(leaf)) {
                    return end;
                }
                // Deferred even if all entries are empty, because a thread that emptied them may not have flushed yet.
                gather.deferFlush(table, leaf, start, end, MmuNotifier.Reason.DISCARDED);
                int first = table.indexOf(start);
                while (emptied < capacity && !vma.isDetached() && empty(vma, leaf, first + emptied, gather)) {
                    emptied++;
                }
            } finally {
                Leaf.unlock(leaf);
            }
        } finally {
            // A fault that read an entry while it was busy may be waiting for this owner.
            gather.memory().contexts().leave(gather.context());
        }
        return start + ((long) emptied << table.pageShift());
    }

    /**
     * Empties an entry. Returns false and does not change the entry if the VMA is detached, because {@code mlock} may
     * have locked its range and found the page. The caller holds the lock of the leaf until each claimed entry is
     * decided.
     */
    private static boolean empty(VmArea vma, long[] leaf, int index, TlbGather gather) {
        long pte = Leaf.get(leaf, index);
        for (; ; pte = Leaf.get(leaf, index)) {
            if (Pte.isBusy(pte)) {
                // The entry is busy, so no mlock found a page in it, and the VMA need not be checked. Keeps the guard
                // bit, because the owner of the entry may have requested a guard.
                if (Leaf.empty(leaf, index, pte, pte & Pte.GUARD)) {
                    gather.take(pte);
                    return true;
                }
            } else if (Pte.isPresent(pte)) {
                long busy = Pte.busy(pte, gather.context().owner(), false);
                if (Leaf.claim(leaf, index, pte, busy)) {
                    return decide(vma, leaf, index, pte, busy, gather);
                }
            } else {
                return true;
            }
        }
    }

    /** Empties a claimed entry, or restores its page. */
    private static boolean decide(VmArea vma, long[] leaf, int index, long pte, long busy, TlbGather gather) {
        // A volatile read, after the compare-and-set. Pairs with VmArea.detach, after which mlock looks for pages.
        // Either mlock finds the entry busy and waits, or this thread finds the VMA detached.
        if (vma.isDetached()) {
            Leaf.settle(leaf, index, busy, pte);
            return false;
        }
        if (Leaf.empty(leaf, index, busy, Pte.NONE)) {
            gather.take(pte);
        }
        return true;
    }
}
