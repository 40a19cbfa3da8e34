// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.vma.VmArea;
import java.util.Arrays;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The pages that an eviction processes together, in ascending order, and the state of each page. Its arrays are created
 * once per file, so that later evictions create no garbage. Guarded by the inode lock.
 */
final class EvictionBatch {
    private static final int MOST = 64;

    /**
     * The maximum distance between two neighbouring pages of a batch that are removed from the mappings in one walk.
     */
    private static final int GAP = 256;

    private final Frames frames;
    private final FilePages.CachedPages cached;

    /* Guarded by the content lock; the other fields are guarded by the inode lock. */

    private final EvictionCursor cursor;
    private final RecentReads recent;
    private final PagesUnderEviction out;

    /* Empty before the first collection, because most files of a machine with many files are never evicted. */

    private long[] pages = {};
    private int[] taken = {};

    /** Whether a page was removed from the index. */
    private boolean[] isOut = {};

    private boolean[] isMapped = {};

    /** Whether a page stays because memory that maps it is locked, or may have been locked in the meantime. */
    private boolean[] isLocked = {};

    /**
     * Whether the pages were collected by the cursor, and not from the recent reads or from a range.
     *
     * <p>Words: {@code isOfCursor}, {@code count}, {@code pages}, {@code taken}, {@code isOut}, {@code isMapped},
     *     {@code isLocked}.
     * Written: an eviction, holding {@code inodeLock} (plain).
     * Read: an eviction, holding {@code inodeLock} (plain).
     * Invariant: the batch of the eviction under way.
     */
    private boolean isOfCursor;

    private int count;

    EvictionBatch(
            Frames frames,
            FilePages.CachedPages cached,
            EvictionCursor cursor,
            RecentReads recent,
            PagesUnderEviction out) {
        this.frames = frames;
        this.cached = cached;
        this.cursor = cursor;
        this.recent = recent;
        this.out = out;
    }

    int size() {
        return count;
    }

    long page(int i) {
        return pages[i];
    }

    int pageShift() {
        return cached.pageShift;
    }

    /**
     * Collects the next pages. They stay in the cache, because the caller holds the inode lock.
     *
     * @param ofRecent whether to collect pages of the recent reads
     * @return the number of pages
     */
    int collect(boolean ofRecent) {
        makeRoom();
        ReentrantLock content = cached.content;
        isOfCursor = !ofRecent;
        count = 0;
        content.lock();
        try {
            count = ofRecent
                    ? recent.collect(cached.index, cached.pages(), pages, taken)
                    : cursor.collect(pages, taken);
        } finally {
            content.unlock();
        }
        return begin();
    }

    /** Collects the next pages of a range, inclusive, as {@link #collect(boolean)} does. Returns their number. */
    int collect(long first, long last) {
        makeRoom();
        ReentrantLock content = cached.content;
        isOfCursor = false;
        count = 0;
        content.lock();
        try {
            count = cached.index.collect(first, pages, taken);
            while (count > 0 && pages[count - 1] > last) {
                count--;
            }
        } finally {
            content.unlock();
        }
        return begin();
    }

    /** Creates the arrays. If memory runs out, the next call retries. */
    private void makeRoom() {
        if (isLocked.length == 0) {
            pages = new long[MOST];
            taken = new int[MOST];
            isOut = new boolean[MOST];
            isMapped = new boolean[MOST];
            isLocked = new boolean[MOST];
        }
    }

    private int begin() {
        Arrays.fill(isMapped, 0, count, false);
        Arrays.fill(isLocked, 0, count, false);
        Arrays.fill(isOut, 0, count, false);
        return count;
    }

    /** Finds the pages that a locked VMA maps. The caller holds the page table. */
    void findLocked(ReverseMap.Link link) {
        VmArea vma = link.vma();
        int shift = cached.pageShift;
        long span = vma.length() >>> shift;
        for (int i = 0; i < count; i++) {
            long at = pages[i] - vma.pageOffset();
            if (at >= 0 && at < span && !isLocked[i]) {
                isLocked[i] = Pte.isPresent(CachedEntry.of(link.table(), vma.start() + (at << shift), taken[i]));
            }
        }
    }

    /**
     * Removes the pages to be freed from the index.
     *
     * @param isLastChance whether pages get no second chance
     */
    void takeOut(boolean isLastChance) {
        ReentrantLock content = cached.content;
        content.lock();
        try {
            out.set(pages, count);
            cached.beginRemoval();
            try {
                for (int i = 0; i < count; i++) {
                    isOut[i] = (isLastChance || frames.isInactive(taken[i])) && !isLocked[i] && !isInUse(taken[i]);
                    if (isOut[i]) {
                        frames.remove(taken[i]);
                        cached.index.clear(pages[i]);
                    }
                }
            } finally {
                cached.endRemoval();
            }
        } finally {
            content.unlock();
        }
    }

    private boolean isInUse(int frame) {
        return frames.isDirty(frame) || frames.isPinned(frame);
    }

    boolean areSomeOut() {
        for (int i = 0; i < count; i++) {
            if (isOut[i]) {
                return true;
            }
        }
        return false;
    }

    /** Returns the (exclusive) end of the pages, from {@code from} on, that are close enough together for one walk. */
    int partEnd(int from) {
        int to = from + 1;
        while (to < count && pages[to] - pages[to - 1] <= GAP) {
            to++;
        }
        return to;
    }

    /** Returns whether all pages from {@code from} to {@code to}, exclusive, are known to be locked. */
    boolean areAllLocked(int from, int to) {
        for (int i = from; i < to; i++) {
            if (!isLocked[i]) {
                return false;
            }
        }
        return true;
    }

    /**
     * Returns the index of the page that an entry maps; negative if the page is not in this batch, or is known to be
     * locked.
     */
    int indexOf(long page, long pte) {
        int at = Arrays.binarySearch(pages, 0, count, page);
        return at < 0 || !Pte.isCached(pte) || Pte.frame(pte) != taken[at] || isLocked[at] ? -1 : at;
    }

    void setMapped(int at) {
        isMapped[at] = true;
    }

    /**
     * Marks a page as locked, so that it is not freed.
     *
     * @param isPast whether the VMA was detached. Its successor, which the lookup may have missed, may or may not lock
     *     the page
     */
    void keep(int at, boolean isPast) {
        isLocked[at] = true;
        if (isPast) {
            // Notifies the cursor here too, because the unlinking of the VMA, which notifies it, may already have
            // happened.
            cursor.noteUnlocked();
        }
    }

    /**
     * Puts back the removed pages that must stay, and marks the pages that were not removed as inactive. No thread
     * could find a removed page in the meantime, and the dirty mark of its frame shows whether a CPU stored to it
     * before.
     *
     * @param isLastChance whether to free also pages that were mapped again after they were marked inactive
     * @param areAll whether all pages must stay, after a failure
     */
    void putBack(boolean isLastChance, boolean areAll) {
        ReentrantLock content = cached.content;
        content.lock();
        try {
            for (int i = 0; i < count; i++) {
                if (!isOut[i]) {
                    frames.setInactive(taken[i], true);
                } else if (areAll || isLocked[i] || isInUse(taken[i]) || (isMapped[i] && !isLastChance)) {
                    frames.restore(taken[i]);
                    frames.setInactive(taken[i], false);
                    cached.index.put(pages[i], taken[i]);
                    isOut[i] = false;
                }
            }
            out.set(pages, 0);
            if (isOfCursor) {
                judge(areAll);
            }
        } finally {
            content.unlock();
        }
    }

    /** Reports the pages to the cursor. After a failure their state is unknown, so all of them count as evictable. */
    private void judge(boolean hasFailed) {
        for (int i = 0; i < count; i++) {
            if (isOut[i] || hasFailed) {
                cursor.judgeEvictable(pages[i]);
            } else {
                cursor.judge(pages[i], taken[i], isLocked[i]);
            }
        }
        cursor.endBatch();
    }

    /** Unlinks the nodes of the index that are empty without the freed pages. May need memory. */
    void prune() {
        ReentrantLock content = cached.content;
        content.lock();
        try {
            for (int from = 0; from < count; ) {
                int to = partEnd(from);
                cached.index.prune(pages[from], pages[to - 1]);
                from = to;
            }
        } finally {
            content.unlock();
        }
    }

    /** Returns the maximum number of pages of a batch. */
    static int most() {
        return MOST;
    }

    /**
     * Subtracts the removed pages from the number of cached pages, and hands over their frames.
     *
     * @param freed receives the frames in ascending order, so that one call later fills several consecutive frames
     * @return the number of frames
     */
    int handOver(int[] freed) {
        int size = 0;
        for (int i = 0; i < count; i++) {
            if (isOut[i]) {
                insertSorted(freed, size++, taken[i]);
            }
        }
        cached.uncount(size);
        return size;
    }

    private static void insertSorted(int[] sorted, int size, int frame) {
        // An insertion sort, because the sort of the JDK may allocate.
        int at = size;
        while (at > 0 && sorted[at - 1] > frame) {
            sorted[at] = sorted[at - 1];
            at--;
        }
        sorted[at] = frame;
    }
}
