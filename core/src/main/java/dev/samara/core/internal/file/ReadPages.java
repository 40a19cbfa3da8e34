// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.sync.NoWaiting;
import dev.samara.core.vma.PageCache;
import org.jspecify.annotations.Nullable;

/**
 * Frames for consecutive pages that are read from behind the cache of one file, and their insertion, several at a time
 * ({@code page_cache_ra_unbounded}). A frame has arbitrary content first, and becomes a page once all of it is read.
 */
final class ReadPages {
    /** Keeps the cache reachable. */
    private final PageCache file;

    private final MachineMemory memory;
    private final Frames frames;
    private final CachedPages cached;

    /** Guarded by the lock of the content. */
    private final RecentReads recent;

    /** Guarded by the lock of the content. */
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
     * Allocates frames. Reclaims for the first one only: the others are for pages that are not needed yet.
     *
     * @param page the page that is needed
     * @param fresh receives the frames; {@link Frames#NONE} everywhere
     * @param most the most frames
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
     * Inserts pages that are not in memory. Each frame that becomes a page is {@link Frames#NONE} in the array then;
     * the caller {@linkplain #free frees} the others.
     *
     * @param read the read of the pages, which has not ended. Those that were changed since it began are left out
     * @param fresh the frames of the pages
     * @param isScan whether the pages beside the first one are those after an access, which they are read with
     * @return the frame of the first page, also if it was in memory before; {@link Frames#NONE} if that lies beyond the
     *     end; {@link NoFrame#STALE} if it was changed since the read began, when no page is inserted; {@link
     *     NoFrame#EVICTED} if an eviction may put the first page back
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
     * Begins a read that goes past the cache: of consecutive pages of which none is in memory, nor in an eviction.
     *
     * @param least the fewest pages that are read so
     * @param most the most pages
     * @return the read; null if there are fewer such pages from the first one on
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
     * Ends a read that goes past the cache.
     *
     * @return the number of its pages, from the first one on, of which none was written or removed since the begin: the
     *     bytes behind the cache were those of the file at the begin, and are what was read
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
     * Ends a read that goes past the cache, for a mapping.
     *
     * @return the number of its pages, from the first one on, that were neither changed nor inserted since the begin:
     *     at each instant of the read, the bytes that were read were those of the file
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
     * Begins a write that goes past the cache: of consecutive pages of which none is in memory, nor in an eviction. No
     * read inserts one of them until the {@linkplain ReadsUnderWay#endWrite end} of the write.
     *
     * @param most the most pages
     * @return the number of pages; 0 if there is no such page, and then nothing was begun
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
     * Frees the frames of an array that have not become pages. Needs no memory, and less stack than {@link #allocate}.
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
                    // The store may throw it. The other frames are freed first.
                    failure = exhausted;
                }
            }
        }
        if (failure != null) {
            throw failure;
        }
    }
}
