// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;

/**
 * The blocks of one file: aligned groups of pages that are always in memory together, in consecutive frames. So a
 * translation of the first page of a block can cover the whole block.
 *
 * <p><b>The state of a block.</b> A block is <em>in memory</em> if its first page is in the index. Then each page of
 * the block that is within the file is in the index, and the block owns a whole aligned run of frames, from the frame
 * of its first page on. The frame of a page beyond the end of the file is <em>reserved</em>: it has one use, of the
 * block, and is not in the index. A block that is not in memory has no page in the index and no frame. No other word is
 * needed.
 *
 * <ol>
 *   <li><em>A read or a write inserts a whole block</em> ({@link #put}) in one section of the content lock, with the
 *       first page last. So a thread without the lock that finds the first page finds all others. A write that covers
 *       all bytes of a block that are within the file reads none of them; any other write reads the block first.
 *   <li><em>Growth</em> brings pages of the last block into the file. Their reserved frames contain zeros: whoever
 *       inserts the block fills them first, because growth that has begun may not have found the block; and growth
 *       fills those that a truncation cut off, before the file grows. They are inserted in the section that sets the
 *       size ({@link #beginGrowth}, {@link #endGrowth}).
 *   <li><em>A truncation</em> within a block keeps the frames that it cuts off, by one more use of each, which the drop
 *       at the end of the removal leaves ({@link #takeOut}). All other removals are of whole blocks.
 *   <li><em>An eviction</em> takes out all pages of a block or none, puts back all or none ({@link Eviction}), and then
 *       drops the reserved frames ({@link #dropReserved}). A dirty, pinned or locked page keeps its whole block.
 *   <li><em>A write-back</em> writes whole blocks, of which at least one page is dirty ({@link WriteBack}). If another
 *       program has truncated the file within a block, it writes the dirty pages one by one.
 * </ol>
 *
 * <p><b>Pages apart.</b> If a page that was cut off stays pinned until the file grows again, its frame cannot become
 * the new page, because the holder of the pin would see it. Then the page is read into another frame when it is used.
 * It is <em>apart</em> from its block until the block is evicted. Its reserved frame stays reserved. While an
 * eviction has chosen the block, no such page is inserted, because it would stay behind alone.
 *
 * <p><b>Frames.</b> If no aligned run is free, pages are reclaimed until one is. An evicted block leaves such a run.
 *
 * <p>The first page of a block is never apart and never cut off alone. All changes hold the content lock; growth and
 * removals also have the inode lock exclusively, so they find no eviction under way.
 */
final class Blocks {
    /** The number of pages of a block: 4 or 16. */
    final int pages;

    private final FilePages.CachedPages cached;
    private final MachineMemory memory;
    private final Frames frames;

    Blocks(FilePages.CachedPages cached, int pages) {
        this.cached = cached;
        this.pages = pages;
        memory = cached.memory;
        frames = memory.frames;
    }

    /** Returns the first page of the block of a page. */
    long firstOf(long page) {
        return page & -pages;
    }

    /** Returns whether the block of a page is in memory. */
    boolean isIn(long page) {
        return cached.frameAt(firstOf(page)) != Frames.NONE;
    }

    /** Returns the last page of the smallest range of whole blocks that contains a page. */
    long lastOf(long page) {
        return page | pages - 1;
    }

    /**
     * Allocates the frames of a block, with arbitrary content, as frames that are filled for the cache.
     *
     * @param wanted the number of frames of this block and of those that follow it in one read
     * @param after the last frame of the block before this one in the read, so that one call of the host reads both
     *     where possible; or {@link Frames#NONE} for the first one, for which pages are reclaimed until a run of frames
     *     is free
     * @return the first frame, or {@link Frames#NONE} if no run is free
     */
    int allocate(int wanted, int after) {
        boolean isFirst = after == Frames.NONE;
        int next = isFirst ? Frames.NONE : after + 1;
        int first = frames.allocateAligned(pages, wanted, next);
        // Each reclaim may free another part of what becomes a run.
        int reclaims = isFirst ? Math.max(MachineMemory.MOST_RECLAIMS, frames.most()) : 0;
        while (first == Frames.NONE && reclaims > 0) {
            reclaims = memory.reclaim() ? reclaims - 1 : 0;
            first = frames.allocateAligned(pages, wanted, next);
        }
        for (int i = 0; first != Frames.NONE && i < pages; i++) {
            frames.prepare(first + i, cached.number);
        }
        return first;
    }

    /** Frees the frames of {@link #allocate} if they were not inserted. */
    void free(int base) {
        drop(base, 0, false);
    }

    /**
     * Inserts a block that is not in memory. Its pages within the file are those of the present size. If memory runs
     * out, nothing changes. The caller holds the content lock.
     *
     * @param first the first page
     * @param base the first of the frames that {@link #allocate} returned, those of pages beyond the end with zeros
     */
    void put(long first, int base) {
        // Afterwards the index has room for all pages of the block, until the block is removed.
        cached.put(lastOf(first), Frames.NONE);
        int within = (int) Math.min(pages, cached.pages() - first);
        // The first page last: a thread that finds it finds all.
        for (int i = within - 1; i >= 0; i--) {
            frames.assign(base + i, cached.number, first + i);
            cached.put(first + i, base + i);
        }
        count(pages - within);
    }

    /** Changes the number of reserved frames, which count as pages in memory. */
    private void count(int change) {
        cached.uncount(-change);
    }

    /**
     * Fills the reserved frames of pages that growth brings into the file with zeros. The caller has the inode lock.
     *
     * @param bytes the new size
     */
    void beginGrowth(long bytes) {
        long from = cached.pages();
        int base = baseBefore(from);
        long to = Math.min(cached.pages(bytes), lastOf(from) + 1);
        for (long page = from; base != Frames.NONE && page < to; page++) {
            int frame = base + (int) (page - firstOf(page));
            // Otherwise it was cut off, and is still pinned.
            if (frames.isSole(frame)) {
                frames.renew(frame, cached.number);
                frames.store.fill(frame, 0, frames.pageSize, (byte) 0);
            }
        }
    }

    /**
     * Inserts the pages that growth has brought into the file, after {@link #beginGrowth} and the store of the size.
     * The caller has the inode lock, and holds the content lock.
     *
     * @param from the old size in pages
     */
    void endGrowth(long from) {
        int base = baseBefore(from);
        long to = Math.min(cached.pages(), lastOf(from) + 1);
        for (long page = from; base != Frames.NONE && page < to; page++) {
            int frame = base + (int) (page - firstOf(page));
            if (frames.isPrepared(frame, cached.number)) {
                frames.assign(frame, cached.number, page);
                cached.put(page, frame);
                count(-1);
            }
        }
    }

    /** Returns the first frame of the block that contains a page and the page before it, if it is in memory. */
    private int baseBefore(long page) {
        return page == firstOf(page) ? Frames.NONE : cached.frameAt(firstOf(page));
    }

    /**
     * Returns the frame that {@link #beginGrowth} will prepare for a page beyond the end of the file; {@link
     * Frames#NONE} if the page's block is not in memory, or its frame is still pinned. The caller has the inode lock.
     */
    int reservedFor(long page) {
        int base = baseBefore(page);
        int frame = base + (int) (page - firstOf(page));
        return base != Frames.NONE && frames.isSole(frame) ? frame : Frames.NONE;
    }

    /**
     * Prepares a removal: keeps the frames that a truncation cuts off from a block, and drops the reserved frames of
     * blocks that are removed. May be called again after a failure. The caller has the inode lock, or is the only one
     * to use the cache, and holds the content lock.
     */
    void takeOut(Truncation.Removal removal) {
        long cut = firstOf(removal.first);
        int base = cut == removal.first ? Frames.NONE : cached.frameAt(cut);
        for (long page = removal.first; base != Frames.NONE && page <= lastOf(cut); page++) {
            int frame = base + (int) (page - cut);
            if (cached.frameAt(page) == frame && frames.share(frame)) {
                cached.index.clear(page);
                count(1);
            }
        }
        for (int i = 0; i < removal.count; i++) {
            int frame = removal.frames[i];
            long page = frames.pageOf(frame);
            if (page == firstOf(page) && cached.frameAt(page) == frame) {
                int used = 0;
                for (int k = 0; k < pages; k++) {
                    used |= cached.frameAt(page + k) == frame + k ? 1 << k : 0;
                }
                cached.index.clear(page);
                drop(frame, used, true);
            }
        }
    }

    /**
     * Drops the reserved frames of the blocks that an eviction has taken out and will not put back. Other threads may
     * already have read these blocks again, into other frames.
     */
    void dropReserved(PageBatch batch) {
        for (int i = 0, to; i < batch.count; i = to) {
            to = batch.unitEnd(i);
            if (batch.isOut[i]) {
                int base = batch.taken[i];
                int used = 0;
                for (int k = i; k < to; k++) {
                    int at = (int) (batch.pages[k] - batch.pages[i]);
                    used |= batch.taken[k] == base + at ? 1 << at : 0;
                }
                drop(base, used, true);
            }
        }
    }

    /**
     * Drops the frames of a block that are reserved.
     *
     * @param used the frames that are those of pages, as a mask
     * @param isCounted whether they count as pages in memory
     */
    private void drop(int base, int used, boolean isCounted) {
        VirtualMachineError failure = null;
        int dropped = 0;
        for (int i = 0; i < pages; i++) {
            if ((used & 1 << i) == 0) {
                try {
                    dropped++;
                    frames.drop(base + i);
                } catch (VirtualMachineError exhausted) {
                    // May be thrown by the frame store. The remaining frames are dropped before it is rethrown.
                    failure = exhausted;
                }
            }
        }
        if (isCounted) {
            count(-dropped);
        }
        if (failure != null) {
            throw failure;
        }
    }
}
