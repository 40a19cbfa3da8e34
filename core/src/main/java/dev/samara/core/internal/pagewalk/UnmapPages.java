// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.pagewalk;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.tlb.TlbGather;

/**
 * Emptying ranges in which nothing is mapped any more, or which wait behind a gate ({@code unmap_page_range}, {@code
 * free_pgtables}). Caller has marked the VMAs detached before; a full fence is between
 * that and the walk.
 *
 * <p>Entries in transit are taken over with their frame: the operation that was at one finds its compare-and-set fail,
 * and frees nothing but what it has made itself.
 */
public final class UnmapPages {
    private UnmapPages() {}

    /**
     * Empties a range; leaves that are empty are unhooked once that is invalidated. Pages may be freed before the end.
     *
     * @param table the space's
     * @param start the first address
     * @param end behind the last
     * @param gather what collects the pages
     */
    public static void zap(PageTable table, long start, long end, TlbGather gather) {
        long at = zapSome(table, start, end, gather);
        while (gather.isFull()) {
            gather.invalidate();
            gather.free();
            at = zapSome(table, at, end, gather);
        }
    }

    /**
     * Empties a range as far as the gather has room. Needs no memory if the gather has some room and is not {@linkplain
     * TlbGather#isFull full}.
     *
     * @param table the space's
     * @param start the first address
     * @param end behind the last
     * @param gather what collects the pages
     * @return up to where the range has been emptied, {@code end} if all of it; caller goes on from there once it has
     *     invalidated and freed
     */
    public static long zapSome(PageTable table, long start, long end, TlbGather gather) {
        long at = table.nextLeaf(start, end);
        while (Long.compareUnsigned(at, end) < 0 && !gather.isFull()) {
            long stop = table.leafEnd(at);
            boolean isLast = Long.compareUnsigned(stop, end) >= 0 || stop == 0;
            long behind = isLast ? end : stop;
            long[] leaf = table.leaf(at);
            long reached = leaf == null ? behind : zap(table, leaf, at, behind, gather);
            at = reached != behind || isLast ? reached : table.nextLeaf(stop, end);
        }
        return at;
    }

    /** Returns how far there was room. */
    private static long zap(PageTable table, long[] leaf, long start, long end, TlbGather gather) {
        int first = table.indexOf(start);
        int behind = table.indexOf(end);
        int wanted = (behind == 0 ? table.entries() : behind) - first;
        // Nothing must fail between the unhooking of a page and its noting.
        int room = gather.room(wanted);
        if (room == 0) {
            return start;
        }
        int last = first + room;
        long reached = room == wanted ? end : start + ((long) room << table.pageShift());
        Leaf.lock(leaf);
        try {
            if (Leaf.isDead(leaf)) {
                return end;
            }
            // Also if all of it is empty: who has emptied it may not have come to his flush.
            gather.owe(table, leaf, start, reached, MmuNotifier.Reason.UNMAPPED);
            for (int i = first; i < last; i++) {
                if (Leaf.get(leaf, i) != Pte.NONE) {
                    long pte = Leaf.getAndSet(leaf, i, Pte.NONE);
                    if (Pte.isPresent(pte) || Pte.isInTransit(pte)) {
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
