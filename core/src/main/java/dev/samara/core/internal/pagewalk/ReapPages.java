// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.pagewalk;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.tlb.TlbGather;
import dev.samara.core.internal.vma.VmArea;

/**
 * Takes the pages of a private anonymous VMA away while the VMA stays, and threads run in its space ({@code
 * __oom_reap_task_mm}). The caller has marked the space unstable before: no fault fills the emptied entries again.
 *
 * <p>The VMA is checked under the lock of each leaf. An operation that replaces it, and so may lock its pages or map
 * something else, either finds the entries of that leaf empty or stops the walk before them.
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
        // After an entry is emptied, adding its page to the gather must not fail.
        int capacity = gather.tryEnsureCapacity(wanted);
        if (capacity == 0) {
            return start;
        }
        int first = table.indexOf(start);
        long reached = capacity == wanted ? end : start + ((long) capacity << table.pageShift());
        Leaf.lock(leaf);
        try {
            if (Leaf.isDead(leaf)) {
                return end;
            }
            if (vma.isDetached()) {
                return start;
            }
            // Also if all entries are empty: a thread that has emptied them may not have flushed yet.
            gather.deferFlush(table, leaf, start, reached, MmuNotifier.Reason.DISCARDED);
            for (int i = first; i < first + capacity; i++) {
                empty(leaf, i, gather);
            }
            return reached;
        } finally {
            Leaf.unlock(leaf);
        }
    }

    private static void empty(long[] leaf, int index, TlbGather gather) {
        long pte = Leaf.get(leaf, index);
        while (Pte.isPresent(pte) || Pte.isBusy(pte)) {
            // The owner of a busy entry may have asked for a guard.
            if (Leaf.compareAndSet(leaf, index, pte, Pte.isBusy(pte) ? pte & Pte.GUARD : Pte.NONE)) {
                gather.take(pte);
                return;
            }
            pte = Leaf.get(leaf, index);
        }
    }
}
