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
 * The pages of one file that are in memory, without the mappings. {@link PageCaches} hold only this part of a page
 * cache, by a {@link RegisteredPages}. It refers neither to the cache nor to a mapping. So an otherwise unreachable
 * cache can be collected, and its pages freed after that.
 */
final class CachedPages {
    private final MachineMemory memory;
    private final Frames frames;
    private final int pageShift;
    private final long number;
    private final PageIndex index;

    /** Guards changes of the index, of the size and of the closing; held for moments. */
    private final ReentrantLock content = new CheckedLock();

    /**
     * @written holder of {@code content} (volatile)
     * @read any thread (volatile)
     * @pairs by {@code content}: a thread that has read it without the lock reads it again, holding {@code content},
     *     before it inserts a page. A move of private pages does not read it, but the chain of {@code TruncationLog}
     * @invariant no page at or beyond the end of the file is in the index once {@code content} is released
     */
    private volatile long size;

    /**
     * Never set back to false; no page is put in after that. Written under the lock.
     *
     * @written holder of {@code content} (volatile)
     * @read holder of {@code content}; faults and {@code allocate}, without it (volatile)
     * @invariant never reset; once it is set no page is put in. A thread that reads it without the lock may read it
     *     late, and reads it again under the lock
     */
    private volatile boolean isClosed;

    /**
     * Odd while pages are removed, and larger after each removal. Written under the lock: before the first frame is
     * marked removed, and after the last one.
     *
     * @written holder of {@code content}, before it marks the first frame as removed and after the last one (volatile)
     * @read a fault, before it asks a backing, and after it has found the answer out of date (volatile)
     * @pairs a removal stores it, then marks; a fault reads the frame's word, then this. No frame belongs to the cache
     *     at an instant between two equal even answers and has left it before the second one
     * @invariant odd while frames are marked, or marks taken back
     */
    private volatile long removals;

    /** Guarded by the content's lock, but for the end of a write. */
    private final ReadsUnderWay reads = new ReadsUnderWay();

    /** The cache among those of its memory. Set before other threads know this. */
    private PageCaches.@Nullable RegisteredCache entry;

    /**
     * Whether the cache is registered, as the first insertion does. Guarded by the content's lock.
     *
     * @written a thread that puts a page in, holding {@code content} (plain)
     * @read a thread that puts a page in, holding {@code content} (plain)
     * @invariant never reset; set once the cache is in the ring of {@code PageCaches}
     */
    private boolean isRegistered;

    /**
     * Whether the backing can read a page again that is not in memory. Never set back to false.
     *
     * @written the thread that makes a {@code CachedBacking}, or the first open of a file of the host (volatile)
     * @read a thread that reclaims (volatile)
     * @invariant never reset
     */
    private volatile boolean mayReclaim;

    /**
     * Has the bytes of the pages in memory, together with other caches; null for none. Set before the first page.
     *
     * @written the holder of {@code content} that inserts a page; a thread that frees pages, holding {@code inodeLock}
     *     or the only one that has an unreachable cache (get-and-add)
     * @read by the name of {@code resident}, see there
     * @invariant one word of several caches, with the bytes of their pages in memory
     */
    private @Nullable AtomicLong counter;

    /** Frees pages though they are mapped, where memory is short; null for none. Set before the first page. */
    private @Nullable UrgentEviction evictor;

    /** The cursor of the evictions; null for a file whose pages are not evicted. Set before the first page. */
    private @Nullable EvictionCursor evictionCursor;

    CachedPages(MachineMemory memory, long number, boolean mayGrow, long size) {
        this.memory = memory;
        this.number = number;
        this.size = size;
        frames = memory.frames();
        pageShift = Integer.numberOfTrailingZeros(frames.pageSize());
        index = new PageIndex(mayGrow ? Long.MAX_VALUE : pages(size), memory.indexBudget());
    }

    /** Has the first page register the cache. Called once, before other threads know this. */
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

    /** The caller holds the lock of the content, but for the end of a write. */
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

    /** Returns the number of pages that a number of bytes needs. */
    long pages(long bytes) {
        return pages(bytes, pageShift);
    }

    static long pages(long bytes, int pageShift) {
        return (bytes >>> pageShift) + ((bytes & (1L << pageShift) - 1) == 0 ? 0 : 1);
    }

    /** Returns the offset in bytes at which a page begins, or the largest offset that exists. */
    long startOf(long page) {
        return page > Long.MAX_VALUE >>> pageShift ? Long.MAX_VALUE : page << pageShift;
    }

    /** Returns the frame of a page, or {@link Frames#NONE} if it is not in memory. */
    int frameAt(long page) {
        return page < 0 ? Frames.NONE : index.get(page);
    }

    /**
     * Returns whether a page may get a frame, as far as the index is concerned.
     *
     * @param page the page; -1 if it is not known yet
     */
    boolean mayGet(long page) {
        return !memory.indexBudget().isExceeded() || index.hasPlace(page);
    }

    /** The caller holds the lock of the content. */
    void setSize(long bytes) {
        size = bytes;
    }

    boolean isClosed() {
        return isClosed;
    }

    /** Has pages counted from now on, for evictions. Returns the cursor of the evictions. */
    EvictionCursor evictBy(AtomicLong sharedCounter) {
        EvictionCursor made = new EvictionCursor(frames, index, content, memory.indexBudget());
        counter = sharedCounter;
        evictionCursor = made;
        return made;
    }

    /** Has pages evicted where memory is short, from now on. */
    void evictUrgentlyBy(UrgentEviction urgentEvictor) {
        evictor = urgentEvictor;
    }

    @Nullable
    UrgentEviction evictor() {
        return evictor;
    }

    /** Notes pages that a write-back has cleaned and unpinned. Takes the lock of the content. */
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

    /** Counts off pages whose frames are about to be freed. */
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
     * Puts in a frame that is assigned to the page. The caller holds the lock of the content, and the cache is not
     * closed. If memory runs out, the frame is not in the index, and the cache may or may not be registered.
     */
    void put(long page, int frame) {
        // First: the nodes of an index are uncharged at its collection only if its cache is registered.
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
     * Adds the frames of a removal's range to the removal, and changes nothing else. The caller holds the lock of the
     * content.
     */
    void collect(Removal removal) {
        index.forEach(removal.first(), removal.last(), removal::add);
    }

    /**
     * Removes the frames of a removal. May be called again after a failure: frames that have come into the range
     * meanwhile have no mark and stay. The caller holds the lock of the content.
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

    /** Returns whether a page is pinned. */
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

    /** The caller holds the lock of the content, up to {@link #endRemoval}, and is about to mark frames as removed. */
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

    /** The caller holds the lock of the content, and removes all pages. */
    void setClosed() {
        isClosed = true;
    }

    /** Removes this from the caches. The caller has removed all pages, and no page is put in any more. */
    void leaveCaches() {
        Objects.requireNonNull(entry, "entry").unregister();
    }
}
