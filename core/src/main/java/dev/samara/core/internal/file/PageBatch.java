// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.vma.VmArea;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Pages of one file that are in memory and that an operation processes together, in ascending order, with one mark for
 * each page whose meaning the operation defines. Frames of a page cache do not count their mappings, so a batch finds
 * the mappings of its pages in the reverse map. For one thread at a time.
 */
final class PageBatch {
    private final FilePages.CachedPages cached;
    private final ReverseMap mappings;

    /* Only the first {@link #count} elements are valid. Empty before the first call of makeRoom. */

    long[] pages = {};
    int[] taken = {};
    boolean[] isMarked = {};
    int count;

    /** The mappings that the last {@link #links} found. */
    private final ArrayList<ReverseMap.Link> links = new ArrayList<>(0);

    private final ReverseMap.Visitor addition = links::add;

    PageBatch(FilePages.CachedPages cached, ReverseMap mappings) {
        this.cached = cached;
        this.mappings = mappings;
    }

    /** Makes room for {@code most} pages. If memory runs out, the next call retries. */
    void makeRoom(int most) {
        if (isMarked.length == 0) {
            pages = new long[most];
            taken = new int[most];
            isMarked = new boolean[most];
        }
    }

    /**
     * Collects the next pages of a range, inclusive, and resets their marks.
     *
     * @return the page at which the next batch starts, or -1 if there are no more pages
     */
    long collect(long first, long last) {
        int found = first > last ? 0 : cached.index.collect(first, pages, taken);
        long next = found < pages.length || pages[found - 1] >= last ? -1 : pages[found - 1] + 1;
        while (found > 0 && pages[found - 1] > last) {
            found--;
        }
        begin(found);
        return next;
    }

    /** Resets the marks of pages that were just written to the arrays. */
    void begin(int found) {
        count = found;
        Arrays.fill(isMarked, 0, found, false);
    }

    /** Copies a page of this batch to a smaller index. */
    void move(int from, int to) {
        pages[to] = pages[from];
        taken[to] = taken[from];
        isMarked[to] = isMarked[from];
    }

    /**
     * Returns the mappings of the pages from index {@code from} to index {@code to}, exclusive; of pages between them,
     * too. They are valid until the next call or {@link #forgetLinks}, and are processed after the lookup, which must
     * not wait.
     */
    List<ReverseMap.Link> links(int from, int to) {
        links.clear();
        mappings.visit(pages[from], pages[to - 1], addition);
        return links;
    }

    void forgetLinks() {
        links.clear();
    }

    /** Returns the address at which a mapping's range of the pages from one index to another, inclusive, starts. */
    long startIn(VmArea vma, int from) {
        return vma.start() + (Math.max(pages[from] - vma.pageOffset(), 0) << cached.pageShift);
    }

    /** Returns the (exclusive) end of a mapping's range of the pages up to an index, inclusive. */
    long endIn(VmArea vma, int last) {
        long behind = pages[last] - vma.pageOffset() + 1;
        return vma.start() + (Math.min(behind, vma.length() >>> cached.pageShift) << cached.pageShift);
    }

    /** Returns the page of the file that a mapping maps at an address. */
    long pageAt(VmArea vma, long address) {
        return vma.pageOffset() + ((address - vma.start()) >>> cached.pageShift);
    }

    /** Returns the index of a page; negative if the frame does not belong to a page of this batch. */
    int indexOf(long page, int frame) {
        int at = Arrays.binarySearch(pages, 0, count, page);
        return at < 0 || taken[at] != frame ? -1 : at;
    }

    /** Returns whether a mapping contains a page. */
    boolean isIn(VmArea vma, int i) {
        long at = pages[i] - vma.pageOffset();
        return at >= 0 && at < vma.length() >>> cached.pageShift;
    }

    /**
     * Returns the entry of a mapping that maps a page, present or busy, read under the lock of its leaf; {@link
     * Pte#NONE} if the mapping does not map this frame as a page of a cache. The caller holds the page table.
     *
     * @param ofDead the result if the leaf is dead, i.e. was empty, and may have been replaced by another leaf
     */
    long entry(ReverseMap.Link link, int i, long ofDead) {
        if (!isIn(link.vma(), i)) {
            return Pte.NONE;
        }
        PageTable table = link.table();
        long address = startIn(link.vma(), i);
        long[] leaf = table.leaf(address);
        if (leaf == null) {
            return Pte.NONE;
        }
        Leaf.lock(leaf);
        try {
            if (Leaf.isDead(leaf)) {
                return ofDead;
            }
            long pte = Leaf.get(leaf, table.indexOf(address));
            boolean hasFrame = Pte.kindOf(pte) != Pte.NO_PAGE && Pte.isCached(pte) && Pte.frame(pte) == taken[i];
            return hasFrame ? pte : Pte.NONE;
        } finally {
            Leaf.unlock(leaf);
        }
    }
}
