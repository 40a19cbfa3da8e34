// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.pagewalk;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.tlb.TlbGather;

/**
 * Makes the entries of pages clean before their bytes are saved ({@code page_mkclean}). A page stays mapped and may be
 * written. The next store through a translation that is filled after the flush marks its entry dirty again.
 *
 * <p>An entry that a {@link DirtyScan} has not reported yet keeps {@link Pte#SOFT_DIRTY}.
 */
public final class CleanPages {
    /** The pages whose entries are made clean. */
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

    private CleanPages() {}

    /**
     * Makes entries of a range clean. Also defers the flush of a leaf that another operation changed and may not have
     * flushed yet, because a page may still be written through a translation of a removed entry.
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
        int stop = walk.endIndex();
        boolean isDeferred = false;
        Leaf.lock(leaf);
        try {
            if (Leaf.isDead(leaf)) {
                return;
            }
            if (Leaf.hasPendingFlush(leaf)) {
                deferFlush(walk, gather);
                isDeferred = true;
            }
            for (int i = walk.first(); i < stop; i++) {
                long pte = Leaf.get(leaf, i);
                while (isDirty(pte) && pages.takes(walk.addressOf(i), Pte.frame(pte))) {
                    if (!isDeferred) {
                        deferFlush(walk, gather);
                        isDeferred = true;
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

    private static void deferFlush(PageWalk walk, TlbGather gather) {
        gather.deferFlush(walk.table(), walk.leaf(), walk.start(), walk.end(), MmuNotifier.Reason.OBSERVED);
    }

    private static boolean isDirty(long pte) {
        return Pte.has(pte, Pte.PRESENT | Pte.DIRTY) && Pte.isCached(pte);
    }
}
