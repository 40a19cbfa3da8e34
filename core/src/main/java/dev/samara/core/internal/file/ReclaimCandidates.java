// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageCaches;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.tlb.HeldTables;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmaFlags;
import java.util.Arrays;

/**
 * Pages of one page cache, in ascending order, that may be reclaimed because they are clean, unpinned and unmapped.
 *
 * <p>A page in the range of a shared mapping that may become writable counts as mapped, whatever its entry contains. It
 * is possible that a store through the entry sets the frame's dirty mark only when the mapping is removed.
 */
final class ReclaimCandidates implements ReverseMap.Visitor {
    private final Frames frames;
    private final long[] pages = new long[PageCaches.BATCH];
    private final int[] taken = new int[PageCaches.BATCH];
    private final boolean[] isBusy = new boolean[PageCaches.BATCH];
    private final HeldTables held = new HeldTables();
    private int count;

    ReclaimCandidates(Frames frames) {
        this.frames = frames;
    }

    /**
     * Collects the next pages in memory.
     *
     * @return the first page of the next batch, 0 if there are no more pages
     */
    long collect(PageIndex index, long from) {
        count = index.collect(from, pages, taken);
        long behind = count < pages.length ? 0 : pages[count - 1] + 1;
        dismiss();
        return behind;
    }

    boolean isEmpty() {
        return count == 0;
    }

    long first() {
        return pages[0];
    }

    long last() {
        return pages[count - 1];
    }

    /** Removes the pages that are mapped, dirty or pinned from this batch. */
    void dismiss() {
        int kept = 0;
        for (int i = 0; i < count; i++) {
            if (!isInUse(i)) {
                pages[kept] = pages[i];
                taken[kept++] = taken[i];
            }
        }
        count = kept;
        Arrays.fill(isBusy, false);
    }

    private boolean isInUse(int i) {
        return isBusy[i] || frames.isDirty(taken[i]) || frames.isPinned(taken[i]);
    }

    int size() {
        return count;
    }

    /**
     * Removes from this batch the pages that were removed from the file since they were collected. The caller holds the
     * inode lock and the content lock.
     */
    void leaveOutGone(PageIndex index) {
        int kept = 0;
        for (int i = 0; i < count; i++) {
            if (index.get(pages[i]) == taken[i]) {
                pages[kept] = pages[i];
                taken[kept++] = taken[i];
            }
        }
        count = kept;
    }

    /**
     * Removes the pages from the index, so no thread can map them from now on. Puts back the pages that turn out to be
     * in use. If the lookup fails, all pages are put back, which needs no memory. The caller holds the inode lock and
     * the content lock.
     *
     * @param lookup marks the pages of this batch that are mapped
     */
    void takeOut(PageIndex index, Runnable lookup) {
        boolean isKnown = false;
        try {
            for (int i = 0; i < count; i++) {
                frames.remove(taken[i]);
                index.clear(pages[i]);
            }
            lookup.run();
            isKnown = true;
        } finally {
            if (!isKnown) {
                Arrays.fill(isBusy, 0, count, true);
            }
            putBack(index);
        }
    }

    /** Puts back the pages that are in use. The other pages stay in the batch. */
    private void putBack(PageIndex index) {
        for (int i = 0; i < count; i++) {
            if (isInUse(i)) {
                frames.restore(taken[i]);
                index.put(pages[i], taken[i]);
                isBusy[i] = true;
            }
        }
        dismiss();
    }

    /** Adds the frames of the remaining pages to a removal, which has room for them. */
    void addTo(Removal removal) {
        for (int i = 0; i < count; i++) {
            removal.add(taken[i]);
        }
        removal.setOut();
    }

    /** Finds the pages that a VMA maps. */
    @Override
    public void visit(ReverseMap.Link link) {
        VmArea vma = link.vma();
        PageTable table = link.table();
        long span = vma.length() >>> table.pageShift();
        boolean mayBeWritten = vma.has(VmaFlags.SHARED) && vma.hasAny(VmaFlags.WRITE | VmaFlags.MAYWRITE);
        if (!held.hold(table)) {
            // The space has ended, so it no longer maps any page.
            return;
        }
        try {
            for (int i = 0; i < count; i++) {
                long at = pages[i] - vma.pageOffset();
                if (at >= 0 && at < span && !isBusy[i]) {
                    isBusy[i] = mayBeWritten || isMapped(table, vma.start() + (at << table.pageShift()), taken[i]);
                }
            }
        } finally {
            held.release();
        }
    }

    private static boolean isMapped(PageTable table, long address, int frame) {
        // The fence in nextLeaf comes after the frame was marked. Pairs with a thread that links a leaf and then reads
        // the mark under the leaf's lock: either the entry is found here, or that thread does not install it.
        if (table.nextLeaf(address, address + 1) != address) {
            return false;
        }
        long[] leaf = table.leaf(address);
        if (leaf == null) {
            return false;
        }
        Leaf.lock(leaf);
        try {
            long pte = Leaf.get(leaf, table.indexOf(address));
            // A leaf that became dead in the meantime was empty. It may have been replaced by another leaf, so the page
            // counts as mapped.
            return Leaf.isDead(leaf) || ((Pte.isPresent(pte) || Pte.isBusy(pte)) && Pte.frame(pte) == frame);
        } finally {
            Leaf.unlock(leaf);
        }
    }
}
