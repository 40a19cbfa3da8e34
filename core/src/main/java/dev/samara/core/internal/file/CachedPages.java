// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageCaches;
import dev.samara.core.internal.sync.CheckedLock;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The pages of one file that are in memory, without the mappings. {@link PageCaches} refers, through a {@link
 * RegisteredPages}, only to this part of a page cache. This part refers neither to the cache nor to a mapping. So an
 * otherwise unreachable cache can be garbage-collected, and its pages are freed afterwards.
 */
final class CachedPages {
    private final MachineMemory memory;
    private final Frames frames;
    private final int pageShift;
    private final long number;
    private final PageIndex index;

    /** Guards changes of the index, of the size and of {@link #isClosed}. Held only briefly. */
    private final ReentrantLock content = new CheckedLock();

    /**
     * Written: holder of {@code content} (volatile).
     * Read: any thread (volatile).
     * Pairs: by {@code content}: a thread that read it without the lock reads it again, holding {@code content}, before
     *     it inserts a page. A move of private pages reads the chain of {@code TruncationLog} instead.
     * Invariant: no page at or beyond the end of the file is in the index once {@code content} is released.
     */
    private volatile long size;

    /**
     * Whether the cache was closed. Never reset; no page is inserted once it is set. Written under the lock.
     *
     * <p>Written: holder of {@code content} (volatile).
     * Read: holder of {@code content}; faults and {@code allocate}, without it (volatile).
     * Invariant: never reset; once it is set, no page is inserted. A thread that reads it without the lock may read a
     *     stale value, and reads it again under the lock.
     */
    private volatile boolean isClosed;

    /**
     * A counter that is odd while pages are being removed, and larger after each removal. Written under the lock:
     * before the first frame is marked removed, and after the last frame.
     *
     * <p>Written: holder of {@code content}, before it marks the first frame as removed and after the last one
     *     (volatile).
     * Read: a fault, before it calls a backing, and after it has found the result outdated (volatile).
     * Pairs: a removal stores it, then marks; a fault reads the frame's word, then this counter. If two reads return
     *     the same even number, no frame that belonged to the cache at some time between the two reads was removed from
     *     it before the second read.
     * Invariant: odd while frames are being marked, or marks are being cleared again.
     */
    private volatile long removals;

    /** Guarded by the content lock, except for the end of a write. */
    private final ReadsUnderWay reads = new ReadsUnderWay();

    /** The entry of the cache in its memory's list of caches. Set before other threads can reach this object. */
    private PageCaches.@Nullable RegisteredCache entry;

    /**
     * Whether the cache is registered. The first insertion registers it. Guarded by the content lock.
     *
     * <p>Written: a thread that puts a page in, holding {@code content} (plain).
     * Read: a thread that puts a page in, holding {@code content} (plain).
     * Invariant: never reset; set once the cache is in the ring of {@code PageCaches}.
     */
    private boolean isRegistered;

    /**
     * Whether the backing can read pages again after a reclaim. Never reset.
     *
     * <p>Written: the thread that creates a {@code CachedBacking}, or the first open of a host file (volatile).
     * Read: a thread that reclaims (volatile).
     * Invariant: never reset.
     */
    private volatile boolean mayReclaim;

    /**
     * Counts the bytes of the pages in memory, together with other caches; null if they are not counted. Set before the
     * first page is inserted.
     *
     * <p>Written: the holder of {@code content} that inserts a page; a thread that frees pages, which holds {@code
     *     inodeLock} or is the only one to use an unreachable cache (get-and-add).
     * Read: under the name {@code resident}, see there.
     * Invariant: one word that several caches share: the bytes of their pages in memory.
     */
    private @Nullable AtomicLong counter;

    /**
     * When memory is short, frees pages even if they are mapped; null if nothing does. Set before the first page is
     * inserted.
     */
    private @Nullable UrgentEviction evictor;

    /**
     * The cursor of the evictions; null for a file whose pages are not evicted. Set before the first page is inserted.
     */
    private @Nullable EvictionCursor evictionCursor;

    CachedPages(MachineMemory memory, long number, boolean mayGrow, long size) {
        this.memory = memory;
        this.number = number;
        this.size = size;
        frames = memory.frames();
        pageShift = Integer.numberOfTrailingZeros(frames.pageSize());
        // The index of a saved file has no room for a second page before it is needed, because many files are opened of
        // which few pages are read.
        boolean isSaved = (number & Frames.SAVED) != 0;
        index = new PageIndex(isSaved ? 1 : mayGrow ? Long.MAX_VALUE : pages(size), memory.indexBudget());
    }

    /** Sets the entry that the first insertion registers. Called once, before other threads can reach this object. */
    void registerAs(PageCaches.RegisteredCache registered) {
        entry = registered;
    }

    /** Returns the number of the cache. Its frames have this number as their owner. */
    long number() {
        return number;
    }

    MachineMemory memory() {
        return memory;
    }

    PageIndex index() {
        return index;
    }

    ReentrantLock content() {
        return content;
    }

    /** The caller holds the content lock, except for the end of a write. */
    ReadsUnderWay reads() {
        return reads;
    }

    long size() {
        return size;
    }

    int pageShift() {
        return pageShift;
    }

    /** Returns the size in pages. A partial last page counts. */
    long pages() {
        return pages(size);
    }

    /** Returns the number of pages that {@code bytes} bytes need. */
    long pages(long bytes) {
        return pages(bytes, pageShift);
    }

    static long pages(long bytes, int pageShift) {
        return (bytes >>> pageShift) + ((bytes & (1L << pageShift) - 1) == 0 ? 0 : 1);
    }

    /** Returns the offset in bytes at which a page starts, or {@link Long#MAX_VALUE} if that offset is larger. */
    long startOf(long page) {
        return page > Long.MAX_VALUE >>> pageShift ? Long.MAX_VALUE : page << pageShift;
    }

    /** Returns the frame of a page, or {@link Frames#NONE} if it is not in memory. */
    int frameAt(long page) {
        return page < 0 ? Frames.NONE : index.get(page);
    }

    /**
     * Returns whether the memory limit of the indexes permits a frame for a page.
     *
     * @param page the page; -1 if it is not known yet
     */
    boolean mayGet(long page) {
        return !memory.indexBudget().isExceeded() || index.hasPlace(page);
    }

    /** The caller holds the content lock. */
    void setSize(long bytes) {
        size = bytes;
    }

    boolean isClosed() {
        return isClosed;
    }

    /** From now on, counts pages for evictions. Returns the cursor of the evictions. */
    EvictionCursor evictBy(AtomicLong sharedCounter) {
        EvictionCursor made = new EvictionCursor(frames, index, content, memory.indexBudget());
        counter = sharedCounter;
        evictionCursor = made;
        return made;
    }

    /** Sets the evictor to call when memory is short. */
    void evictUrgentlyBy(UrgentEviction urgentEvictor) {
        evictor = urgentEvictor;
    }

    @Nullable
    UrgentEviction evictor() {
        return evictor;
    }

    /** Records pages that a write-back cleaned and unpinned. Acquires the content lock. */
    void noteCleaned(long[] cleaned, int count) {
        EvictionCursor of = evictionCursor;
        if (of == null || count == 0) {
            return;
        }
        content.lock();
        try {
            for (int i = 0; i < count; i++) {
                of.noteEvictable(cleaned[i]);
            }
        } finally {
            content.unlock();
        }
    }

    /** Subtracts pages whose frames are about to be freed from the number of cached bytes. */
    void uncount(int freed) {
        if (counter != null) {
            counter.getAndAdd(-((long) freed << pageShift));
        }
    }

    void allowReclaim() {
        mayReclaim = true;
    }

    boolean mayReclaim() {
        return mayReclaim;
    }

    /**
     * Inserts a frame that is assigned to the page. The caller holds the content lock, and the cache is not closed. If
     * memory runs out, the frame is not in the index, and the cache may or may not be registered.
     */
    void put(long page, int frame) {
        // Registered first, because the nodes of an index are uncharged after its garbage collection only if its cache
        // is registered.
        if (!isRegistered) {
            Objects.requireNonNull(entry, "entry").register();
            isRegistered = true;
        }
        index.put(page, frame);
        if (counter != null && frame != Frames.NONE) {
            counter.getAndAdd(1L << pageShift);
        }
        if (evictionCursor != null) {
            evictionCursor.noteEvictable(page);
        }
    }

    /**
     * Adds the frames of a removal's range to the removal, and changes nothing else. The caller holds the content lock.
     */
    void collect(Removal removal) {
        index.forEach(removal.first(), removal.last(), removal::add);
    }

    /**
     * Removes the frames of a removal. May be called again after a failure: frames that were inserted into the range in
     * the meantime are not marked, and stay. The caller holds the content lock.
     */
    void takeOut(Removal removal) {
        reads.noteRemoval(removal.first(), removal.last());
        if (!removal.isEmpty()) {
            beginRemoval();
            try {
                for (int i = 0; i < removal.count(); i++) {
                    frames.remove(removal.frame(i));
                }
                index.removeIf(removal.first(), removal.last(), frames.removed());
                if (evictionCursor != null) {
                    evictionCursor.removed(removal.first(), removal.last());
                }
            } finally {
                endRemoval();
            }
        }
        if (removal.isOfAll()) {
            forgetNodes();
        }
        removal.setOut();
    }

    /** Unlinks empty nodes left by failed insertions. */
    private void forgetNodes() {
        index.prune(0, Long.MAX_VALUE);
        if (evictionCursor != null) {
            evictionCursor.removed(0, Long.MAX_VALUE);
        }
    }

    /** Returns whether any page in memory is pinned. */
    boolean hasPins() {
        boolean[] isFound = {false};
        content.lock();
        try {
            index.forEach(0, Long.MAX_VALUE, frame -> isFound[0] |= frames.isPinned(frame));
        } finally {
            content.unlock();
        }
        return isFound[0];
    }

    /** The caller is about to mark frames as removed, and holds the content lock until after {@link #endRemoval}. */
    void beginRemoval() {
        long before = removals;
        removals = before + 1;
    }

    void endRemoval() {
        long before = removals;
        removals = before + 1;
    }

    long removals() {
        return removals;
    }

    /** The caller holds the content lock, and removes all pages. */
    void setClosed() {
        isClosed = true;
    }

    /** Unregisters the cache. The caller has removed all pages, and no page is inserted any more. */
    void leaveCaches() {
        Objects.requireNonNull(entry, "entry").unregister();
    }
}
