// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.sync.NoWaiting;
import dev.samara.core.vma.PageCache;
import org.jspecify.annotations.Nullable;

/**
 * Allocates frames for consecutive pages of one file that are read into its cache, and inserts them, several at a time
 * ({@code page_cache_ra_unbounded}). A new frame has arbitrary content, and becomes a page only after it was read
 * completely.
 */
final class ReadPages {
    /** Keeps the cache reachable. */
    private final PageCache file;

    private final MachineMemory memory;
    private final Frames frames;
    private final CachedPages cached;

    /** Guarded by the content lock. */
    private final RecentReads recent;

    /** Guarded by the content lock. */
    private final PagesUnderEviction out;

    ReadPages(PageCache file, MachineMemory memory, CachedPages cached, RecentReads recent, PagesUnderEviction out) {
        this.out = out;
        this.recent = recent;
        this.file = file;
        this.memory = memory;
        this.cached = cached;
        frames = memory.frames();
    }

    /**
     * Allocates frames. Reclaims memory only for the first frame, because the pages of the other frames are not needed
     * yet.
     *
     * @param page the page that is needed
     * @param fresh receives the frames; contains only {@link Frames#NONE} before
     * @param most the maximum number of frames
     * @return the number of frames; 0 if there is no memory
     */
    int allocate(long page, int[] fresh, int most) {
        int count = tryAllocate(page, fresh, most);
        int reclaims = MachineMemory.MOST_RECLAIMS;
        while (count == 0 && reclaims > 0) {
            reclaims = memory.reclaim() ? reclaims - 1 : 0;
            count = tryAllocate(page, fresh, 1);
        }
        return count;
    }

    private int tryAllocate(long page, int[] fresh, int most) {
        if (cached.isClosed()) {
            throw new IllegalStateException(file + " is closed");
        }
        if (!cached.mayGet(page)) {
            return 0;
        }
        PageTableContext context = memory.contexts().borrow();
        try {
            int count = 0;
            while (count < most) {
                int frame = frames.allocateDirty(context.magazine());
                if (frame == Frames.NONE) {
                    break;
                }
                frames.prepare(frame, cached.number());
                fresh[count++] = frame;
            }
            return count;
        } finally {
            memory.contexts().giveBack(context);
        }
    }

    /**
     * Inserts pages that are not in memory. Each frame that becomes a page is replaced by {@link Frames#NONE} in the
     * array; the caller {@linkplain #free frees} the remaining frames.
     *
     * @param read the read of the pages, which has not ended. Pages that were changed since it started are not inserted
     * @param fresh the frames of the pages
     * @param isScan whether the pages after the first one follow the accessed page, and are read ahead with it
     * @return the frame of the first page, even if it was in memory before; {@link Frames#NONE} if the page is beyond
     *     the end; {@link NoFrame#STALE} if the page was changed since the read started, in which case no page is
     *     inserted; {@link NoFrame#EVICTED} if an eviction may put the first page back
     */
    int insert(ReadsUnderWay.PageRead read, int[] fresh, boolean isScan) {
        long first = read.page();
        int count = read.count();
        NoWaiting.check("an insertion into a page cache");
        cached.content().lock();
        try {
            if (cached.isClosed()) {
                throw new IllegalStateException(file + " is closed");
            }
            if (read.isStale(first) && cached.frameAt(first) == Frames.NONE) {
                return NoFrame.STALE;
            }
            if (isScan && count > 1 && cached.frameAt(first) == Frames.NONE && !out.contains(first)) {
                recent.add(first, count, cached.pages());
            }
            for (int i = 0; i < count && first + i < cached.pages(); i++) {
                long page = first + i;
                if (!read.isStale(page) && cached.frameAt(page) == Frames.NONE && !out.contains(page)) {
                    insert(page, fresh, i);
                }
            }
            int frame = cached.frameAt(first);
            return frame == Frames.NONE && out.contains(first) ? NoFrame.EVICTED : frame;
        } finally {
            cached.content().unlock();
        }
    }

    private void insert(long page, int[] fresh, int at) {
        int frame = fresh[at];
        frames.assign(frame, cached.number(), page);
        try {
            cached.put(page, frame);
        } finally {
            if (cached.frameAt(page) == frame) {
                fresh[at] = Frames.NONE;
            } else {
                frames.prepare(frame, cached.number());
            }
        }
    }

    /**
     * Starts a read that bypasses the cache, of consecutive pages that are neither in memory nor in an eviction.
     *
     * @param least the minimum number of pages of such a read
     * @param most the maximum number of pages
     * @return the read; null if there are fewer than {@code least} such pages from the first one on
     */
    ReadsUnderWay.@Nullable PageRead beginUncached(long first, int least, int most) {
        cached.content().lock();
        try {
            int count = absent(first, most);
            if (count < least) {
                return null;
            }
            ReadsUnderWay.PageRead read = new ReadsUnderWay.PageRead(first, count);
            cached.reads().add(read);
            return read;
        } finally {
            cached.content().unlock();
        }
    }

    /**
     * Ends a read that bypasses the cache.
     *
     * @return the number of its pages, from the first one on, before the first page that was written or removed since
     *     the start of the read. For these pages, the stored bytes were the file's content at the start, and are what
     *     was read
     */
    int endUncached(ReadsUnderWay.PageRead read) {
        cached.content().lock();
        try {
            long unchanged = Math.min(read.count(), read.firstStale() - read.page());
            cached.reads().remove(read);
            return (int) unchanged;
        } finally {
            cached.content().unlock();
        }
    }

    /**
     * Ends a read that bypasses the cache, on behalf of a mapping.
     *
     * @return the number of its pages, from the first one on, that were neither changed nor inserted since the start of
     *     the read. The bytes that were read of these pages were the file's content during the whole read
     */
    int endUncachedUnchanged(ReadsUnderWay.PageRead read) {
        cached.content().lock();
        try {
            int absent = absent(read.page(), read.count());
            return Math.min(absent, endUncached(read));
        } finally {
            cached.content().unlock();
        }
    }

    /**
     * Starts a write that bypasses the cache, of consecutive pages that are neither in memory nor in an eviction. No
     * read inserts one of these pages until the write {@linkplain ReadsUnderWay#endWrite ends}.
     *
     * @param most the maximum number of pages
     * @return the number of pages; 0 if the first page is in memory or in an eviction, in which case no write was
     *     started
     */
    int beginUncachedWrite(long first, int most) {
        cached.content().lock();
        try {
            int count = absent(first, most);
            if (count > 0) {
                cached.reads().beginWrite(first, first + count - 1);
            }
            return count;
        } finally {
            cached.content().unlock();
        }
    }

    /** Returns how many pages from the first one on are neither in memory nor in an eviction. */
    private int absent(long first, int most) {
        return (int) Math.min(cached.index().absent(first, most), out.atOrAfter(first) - first);
    }

    /**
     * Frees the frames of an array that did not become pages. Needs no memory, and less stack than {@link #allocate}.
     */
    void free(int[] fresh, int count) {
        VirtualMachineError failure = null;
        for (int i = 0; i < count; i++) {
            int frame = fresh[i];
            if (frame != Frames.NONE) {
                fresh[i] = Frames.NONE;
                try {
                    frames.assign(frame, Frames.ANONYMOUS, 0);
                    frames.drop(frame);
                } catch (VirtualMachineError exhausted) {
                    // May be thrown by the frame store. The remaining frames are freed before it is rethrown.
                    failure = exhausted;
                }
            }
        }
        if (failure != null) {
            throw failure;
        }
    }
}
