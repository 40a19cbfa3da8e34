// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.sync.NoWaiting;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.PageCache;
import org.jspecify.annotations.Nullable;

/**
 * Allocates zeroed frames for single pages of one file, and inserts them, for a backing or for the first access to a
 * page of a file without a backing ({@code filemap_add_folio}). {@link ReadPages} inserts pages that the library reads.
 */
final class FreshPages {
    /** Keeps the cache reachable. */
    private final PageCache file;

    private final MachineMemory memory;
    private final Frames frames;
    private final CachedPages cached;

    FreshPages(PageCache file, MachineMemory memory, CachedPages cached) {
        this.file = file;
        this.memory = memory;
        this.cached = cached;
        frames = memory.frames();
    }

    private IllegalStateException closed(String what) {
        return new IllegalStateException(what + " was called on " + file + ", which is closed");
    }

    /**
     * Allocates a frame.
     *
     * @param page the page that the frame will contain; -1 if it is not known
     */
    int allocate(long page) {
        int frame = tryAllocate(page);
        int reclaims = MachineMemory.MOST_RECLAIMS;
        while (frame == Frames.NONE && reclaims > 0) {
            reclaims = memory.reclaim() ? reclaims - 1 : 0;
            frame = tryAllocate(page);
        }
        return frame;
    }

    private int tryAllocate(long page) {
        if (cached.isClosed()) {
            throw closed("allocate");
        }
        if (!cached.mayGet(page)) {
            return Frames.NONE;
        }
        PageTableContext context = memory.contexts().borrow();
        try {
            int frame = frames.allocate(context.magazine());
            if (frame != Frames.NONE) {
                frames.prepare(frame, cached.number());
            }
            return frame;
        } finally {
            memory.contexts().giveBack(context);
        }
    }

    void free(int frame) {
        cached.content().lock();
        try {
            take(frame, Frames.ANONYMOUS, 0);
        } finally {
            cached.content().unlock();
        }
        drop(frame);
    }

    private void drop(int frame) {
        PageTableContext context = memory.contexts().borrow();
        try {
            frames.drop(frame, context.magazine());
        } finally {
            memory.contexts().giveBack(context);
        }
    }

    /**
     * Ends the preparation of a frame and assigns it to its new owner. The caller holds the content lock, so this
     * happens once per frame.
     */
    private void take(int frame, long owner, long page) {
        if (!frames.isPrepared(frame, cached.number())) {
            throw new IllegalArgumentException(
                    "frame " + frame + " was not allocated for this page cache, or is inserted or given back already");
        }
        frames.assign(frame, owner, page);
    }

    /**
     * Inserts a page.
     *
     * @param read the read of the page that the library started; null if the backing orders reads and removals
     * @return see {@link FilePages#insertRead}
     */
    int insert(long page, int frame, ReadsUnderWay.@Nullable PageRead read) {
        NoWaiting.check("an insertion into a page cache");
        int known;
        boolean isOver;
        cached.content().lock();
        try {
            if (read != null && read.isStale(page) && !cached.isClosed()) {
                return NoFrame.STALE;
            }
            isOver = cached.isClosed();
            boolean isWithin = page >= 0 && page < cached.pages();
            known = isWithin ? cached.index().get(page) : Frames.NONE;
            if (known == Frames.NONE && isWithin && !isOver) {
                take(frame, cached.number(), page);
                put(page, frame);
                return frame;
            }
            take(frame, Frames.ANONYMOUS, 0);
        } finally {
            cached.content().unlock();
        }
        drop(frame);
        if (isOver) {
            throw closed("insert");
        }
        return known;
    }

    /** Reserves the place of a page in the index, so that its later insertion needs no memory. */
    void reserve(long page) {
        cached.content().lock();
        try {
            if (cached.index().get(page) == Frames.NONE) {
                cached.put(page, Frames.NONE);
            }
        } finally {
            cached.content().unlock();
        }
    }

    /**
     * Inserts a frame that is assigned to the page. Frees the frame if the insertion fails. The caller holds the
     * content lock.
     */
    private void put(long page, int frame) {
        try {
            cached.put(page, frame);
        } finally {
            // The frame was not inserted, so no other thread can find or free it.
            if (cached.frameAt(page) != frame) {
                frames.assign(frame, Frames.ANONYMOUS, 0);
                frames.drop(frame);
            }
        }
    }

    /** See {@link FilePages#frameForFault}. The page is within the file. */
    int frameForFault(VmArea vma, long page, PageTableContext context) {
        int fresh = cached.mayGet(page) ? frames.allocate(context.magazine()) : Frames.NONE;
        if (fresh == Frames.NONE) {
            return Frames.NONE;
        }
        int known = Frames.NONE;
        cached.content().lock();
        try {
            if (page < cached.pages() && !cached.isClosed() && !vma.isDetached()) {
                known = cached.index().get(page);
                if (known == Frames.NONE) {
                    frames.assign(fresh, cached.number(), page);
                    put(page, fresh);
                    return fresh;
                }
            }
        } finally {
            cached.content().unlock();
        }
        frames.drop(fresh, context.magazine());
        return known;
    }
}
