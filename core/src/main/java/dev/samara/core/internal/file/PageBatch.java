// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.vma.VmArea;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Pages of one file that are in memory and that an operation processes together, in ascending order, with one mark for
 * each page whose meaning the operation defines. Frames of a page cache do not count their mappings, so a batch finds
 * the mappings of its pages in the reverse map. For one thread at a time.
 */
final class PageBatch {
    /** The maximum distance between two neighbouring pages that are processed in one walk. */
    private static final int GAP = 256;

    /** The pages and the mappings of the file; null while this belongs to no file. */
    private FilePages.@Nullable CachedPages of;

    private @Nullable ReverseMap mappings;
    private final Frames frames;

    /* Only the first elements, as many as the count, are valid. Empty before the first call of makeRoom. */

    long[] pages = {};
    int[] taken = {};
    boolean[] isMarked = {};

    /** Whether a page was taken out of the index. */
    boolean[] isOut = {};

    int count;

    /** The number of pages that are out of the index. */
    int out;

    /** The mappings that the last {@link #links} found. */
    private final ArrayList<ReverseMap.Link> links = new ArrayList<>(0);

    private final Consumer<ReverseMap.Link> addition = links::add;

    /** Creates a batch of no file, which {@link #attach} gives one. */
    PageBatch(Frames frames) {
        this.frames = frames;
    }

    PageBatch(FilePages.CachedPages cached, ReverseMap mappings) {
        this(cached.frames);
        attach(cached, mappings);
    }

    /** Makes this a batch of pages of a file. */
    void attach(FilePages.CachedPages cached, ReverseMap mappings) {
        of = cached;
        this.mappings = mappings;
        count = 0;
    }

    /** Makes this a batch of no file, so that it keeps no file reachable. */
    void detach() {
        of = null;
        mappings = null;
    }

    private FilePages.CachedPages cached() {
        return Objects.requireNonNull(of, "a batch of a file");
    }

    /** Makes room for {@code most} pages. If memory runs out, the next call retries. */
    void makeRoom(int most) {
        if (isMarked.length == 0) {
            pages = new long[most];
            taken = new int[most];
            isOut = new boolean[most];
            isMarked = new boolean[most];
        }
    }

    /**
     * Collects the next pages of a range, inclusive, and resets their marks.
     *
     * @return the page at which the next batch starts, or -1 if there are no more pages
     */
    long collect(long first, long last) {
        int found = first > last ? 0 : cached().index.collect(first, pages, taken, 0, pages.length);
        long next = found < pages.length || pages[found - 1] >= last ? -1 : pages[found - 1] + 1;
        Blocks blocks = cached().blocks;
        if (blocks != null && next >= 0) {
            // The last block, of which there may be more pages, is left to the next batch.
            next = blocks.firstOf(next);
            while (pages[found - 1] >= next) {
                found--;
            }
        }
        while (found > 0 && pages[found - 1] > last) {
            found--;
        }
        begin(found);
        return next;
    }

    /** Resets the marks of pages that were just written to the arrays. */
    void begin(int found) {
        count = found;
        out = 0;
        Arrays.fill(isOut, 0, found, false);
        Arrays.fill(isMarked, 0, found, false);
    }

    /** Returns the index of the first page at or after a page, or the count if there is none. */
    int at(long page) {
        int at = Arrays.binarySearch(pages, 0, count, page);
        return at >= 0 ? at : -1 - at;
    }

    /**
     * Returns the (exclusive) end of the pages, from {@code from} on, that stay in memory or leave it together: the
     * pages of a block, or one page of a file without blocks.
     */
    int unitEnd(int from) {
        int to = from + 1;
        Blocks blocks = cached().blocks;
        if (blocks != null) {
            long last = blocks.lastOf(pages[from]);
            while (to < count && pages[to] <= last) {
                to++;
            }
        }
        return to;
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
        Objects.requireNonNull(mappings, "a batch of a file").visit(pages[from], pages[to - 1], addition);
        return links;
    }

    void forgetLinks() {
        links.clear();
    }

    /** Returns the address at which a mapping's range of the pages from one index to another, inclusive, starts. */
    long startIn(VmArea vma, int from) {
        return vma.start() + (Math.max(pages[from] - vma.pageOffset(), 0) << cached().pageShift);
    }

    /** Returns the (exclusive) end of a mapping's range of the pages up to an index, inclusive. */
    long endIn(VmArea vma, int last) {
        long behind = pages[last] - vma.pageOffset() + 1;
        return vma.start() + (Math.min(behind, vma.length() >>> cached().pageShift) << cached().pageShift);
    }

    /** Returns the page of the file that a mapping maps at an address. */
    long pageAt(VmArea vma, long address) {
        return vma.pageOffset() + ((address - vma.start()) >>> cached().pageShift);
    }

    /** Returns the index of a page; negative if the frame does not belong to a page of this batch. */
    int indexOf(long page, int frame) {
        int at = Arrays.binarySearch(pages, 0, count, page);
        return at < 0 || taken[at] != frame ? -1 : at;
    }

    /** Returns whether a mapping contains a page. */
    boolean isIn(VmArea vma, int i) {
        long at = pages[i] - vma.pageOffset();
        return at >= 0 && at < vma.length() >>> cached().pageShift;
    }

    /**
     * Returns the entry of a mapping that maps a page, present or busy, read under the lock of its leaf; {@link
     * Pte#NONE} if the mapping does not map this frame as a page of a cache. The caller holds the page table.
     *
     * @param ofDead the result if the leaf is dead, i.e. was empty, and may have been replaced by another leaf
     */
    long entry(ReverseMap.Link link, int i, long ofDead) {
        if (!isIn(link.vma, i)) {
            return Pte.NONE;
        }
        PageTable table = link.table;
        long address = startIn(link.vma, i);
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

    /** Records that a VMA with the lock flag, which may map pages of this batch, is not linked any more. */
    void noteUnlocked() {
        Eviction eviction = cached().eviction;
        if (eviction != null) {
            eviction.cursor.noteUnlocked();
        }
    }

    /** Returns whether a page is dirty or pinned. */
    boolean isInUse(int i) {
        return frames.isDirty(taken[i]) || frames.isPinned(taken[i]);
    }

    /**
     * Removes a page from the index, so no thread can find it from now on, and marks its frame removed. The caller has
     * or shares the inode lock, so the frame is still that of the page, and holds the content lock.
     */
    void takeOut(int i) {
        frames.remove(taken[i]);
        cached().index.clear(pages[i]);
        isOut[i] = true;
        out++;
    }

    /** Undoes {@link #takeOut}. Needs no memory. */
    void putBack(int i) {
        frames.restore(taken[i]);
        cached().index.put(pages[i], taken[i]);
        isOut[i] = false;
        out--;
    }

    /**
     * Subtracts the pages that were taken out from the number of cached pages, and passes on their frames. Cannot fail.
     *
     * @param freed receives the frames
     * @return the number of frames
     */
    int handOver(int[] freed) {
        int size = 0;
        for (int i = 0; i < count; i++) {
            if (isOut[i]) {
                freed[size++] = taken[i];
            }
        }
        cached().uncount(size);
        return size;
    }

    /**
     * Unlinks the nodes of the index that are empty without the pages that were taken out. Called only after the
     * hand-over of the frames, because an index that becomes empty is replaced, which needs memory, and a failure must
     * not lose the frames. Leaves of which an eviction may put a page back stay, because that needs no memory only as
     * long as they are linked. The last of these evictions unlinks them.
     */
    void prune() {
        FilePages.CachedPages cached = cached();
        cached.content.lock();
        try {
            for (int from = 0; from < count; ) {
                int to = at(PageIndex.lastOfLeaf(pages[from]) + 1);
                if (!cached.isEvicting(PageIndex.firstOfLeaf(pages[from]), PageIndex.lastOfLeaf(pages[from]))) {
                    cached.index.prune(pages[from], pages[to - 1]);
                }
                from = to;
            }
        } finally {
            cached.content.unlock();
        }
    }

    /** Returns the (exclusive) end of the pages, from {@code from} on, that are close enough together for one walk. */
    int partEnd(int from) {
        int to = from + 1;
        while (to < count && pages[to] - pages[to - 1] <= GAP) {
            to++;
        }
        return to;
    }
}
