// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.pagewalk;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.tlb.TlbGather;

/**
 * Empties ranges that are no longer mapped, or that a closed gate protects ({@code unmap_page_range}, {@code
 * free_pgtables}). The caller has already marked the VMAs as detached. A full fence separates the marks from the walk.
 *
 * <p>A walk takes over busy entries with their frames. The compare-and-set of an entry's former owner then fails, and
 * the former owner frees only frames that it allocated itself.
 *
 * <p>{@link TlbGather#take} takes over the frame of an entry, and marks the frame dirty if the entry was dirty.
 */
public final class UnmapPages {
    private UnmapPages() {}

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
        long at = unmapUntilFull(walk, start, end, gather);
        while (gather.isFull()) {
            gather.invalidate();
            gather.free();
            at = unmapUntilFull(walk, at, end, gather);
        }
    }

    /**
     * Empties a range as far as the gather has capacity. Needs no memory if the gather has some capacity and is not
     * {@linkplain TlbGather#isFull full}. Does not wait for CPUs or grace periods.
     *
     * @param walk a cursor of the page table
     * @param start the first address
     * @param end the end of the range, exclusive
     * @param gather collects the pages
     * @return the end of the emptied part, exclusive: {@code end} if the range is empty. The caller continues there
     *     after it has invalidated and freed the gathered pages
     */
    public static long unmapUntilFull(PageWalk walk, long start, long end, TlbGather gather) {
        walk.over(start, end);
        walk.table().beforeRemoval(Math.min((end - start) >>> walk.table().pageShift(), TlbGather.MOST));
        while (!gather.isFull() && walk.next()) {
            long reached = unmap(walk.table(), walk.leaf(), walk.start(), walk.end(), gather);
            if (reached != walk.end()) {
                return reached;
            }
        }
        return walk.end();
    }

    /** Empties a range of one leaf; returns the end of the part for which the gather had capacity, exclusive. */
    private static long unmap(PageTable table, long[] leaf, long start, long end, TlbGather gather) {
        int wanted = (int) ((end - start) >>> table.pageShift());
        // Ensured before a page is unhooked, because adding it to the gather must not fail.
        int capacity = gather.tryEnsureCapacity(wanted);
        if (capacity == 0) {
            return start;
        }
        int first = table.indexOf(start);
        int last = first + capacity;
        long reached = capacity == wanted ? end : start + ((long) capacity << table.pageShift());
        Leaf.lock(leaf);
        try {
            if (Leaf.isDead(leaf)) {
                return end;
            }
            // Deferred even if all entries are empty, because a thread that emptied them may not have flushed yet.
            gather.deferFlush(table, leaf, start, reached, MmuNotifier.Reason.UNMAPPED);
            for (int i = first; i < last; i++) {
                if (Leaf.get(leaf, i) != Pte.NONE) {
                    long pte = Leaf.empty(leaf, i);
                    if (Pte.isPresent(pte) || Pte.isBusy(pte)) {
                        gather.take(pte);
                    }
                }
            }
            return reached;
        } finally {
            Leaf.unlock(leaf);
        }
    }
}
