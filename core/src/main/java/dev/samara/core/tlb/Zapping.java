// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.tlb;

import dev.samara.core.page.Leaf;
import dev.samara.core.page.PageTable;
import dev.samara.core.page.Pte;
import dev.samara.core.vma.MmuNotifier;

/**
 * Emptying ranges in which nothing is mapped any more, or which wait behind a gate ({@code unmap_page_range}, {@code
 * free_pgtables}). Caller has marked the VMAs detached before; a full fence is between
 * that and the walk.
 *
 * <p>Entries in transit are taken over with their frame: the operation that was at one finds its compare-and-set fail, and
 * frees nothing but what it has made itself.
 */
public final class Zapping {
    private Zapping() {}

    /**
     * Empties a range; leaves that are empty are unhooked once that is invalidated. Pages may be freed before the end.
     *
     * @param table the space's
     * @param start the first address
     * @param end behind the last
     * @param gather what collects the pages
     */
    public static void zap(PageTable table, long start, long end, TlbGather gather) {
        long at = table.nextLeaf(start, end);
        while (Long.compareUnsigned(at, end) < 0) {
            long stop = table.leafEnd(at);
            boolean isLast = Long.compareUnsigned(stop, end) >= 0 || stop == 0;
            long[] leaf = table.leaf(at);
            if (leaf != null) {
                zap(table, leaf, at, isLast ? end : stop, gather);
            }
            if (gather.isFull()) {
                gather.invalidate();
                gather.free();
            }
            at = isLast ? end : table.nextLeaf(stop, end);
        }
    }

    private static void zap(PageTable table, long[] leaf, long start, long end, TlbGather gather) {
        int first = table.indexOf(start);
        int behind = table.indexOf(end);
        int last = behind == 0 ? table.entries() : behind;
        // Nothing must fail between the unhooking of a page and its noting.
        gather.makeRoom(last - first);
        Leaf.lock(leaf);
        try {
            if (Leaf.isDead(leaf)) {
                return;
            }
            // Also if all of it is empty: who has emptied it may not have come to his flush.
            gather.owe(table, leaf, start, end, MmuNotifier.Reason.UNMAPPED);
            for (int i = first; i < last; i++) {
                if (Leaf.get(leaf, i) != Pte.NONE) {
                    long pte = Leaf.getAndSet(leaf, i, Pte.NONE);
                    if (Pte.isPresent(pte) || Pte.isInTransit(pte)) {
                        gather.take(pte);
                    }
                }
            }
        } finally {
            Leaf.unlock(leaf);
        }
    }
}
