// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Caches;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.DiscardPages;
import dev.samara.core.internal.sync.CheckedLock;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * The pages of one file that are in memory, without the mappings. {@link Caches} hold only this part of a page cache.
 * It refers neither to the cache nor to a mapping. So an otherwise unreachable cache can be collected, and its pages
 * freed after that.
 */
final class CachedPages extends Caches.RegisteredCache {
    private final MachineMemory memory;
    private final Frames frames;
    private final int pageShift;
    private final long number;
    private final PageIndex index;

    /** Created before a removal, which allocates nothing for it. */
    private final IntPredicate isRemoved;

    /** Guards changes of the index, of the size and of the closing; held for moments. */
    private final ReentrantLock content = new CheckedLock();

    private volatile long size;

    /** Never set back to false; no page is put in after that. Written under the lock. */
    private volatile boolean isClosed;

    /**
     * Odd while pages are removed, and larger after each removal. Written under the lock: before the first frame is
     * marked removed, and after the last one.
     */
    private volatile long removals;

    /** Guarded by the content's lock, but for the end of a write. */
    private final ReadsUnderWay reads = new ReadsUnderWay();

    /** Whether the cache is registered, as the first insertion does. Guarded by the content's lock. */
    private boolean isRegistered;

    /** Whether the backing can read a page again that is not in memory. Never set back to false. */
    private volatile boolean mayReclaim;

    /** Has the bytes of the pages in memory, together with other caches; null for none. Set before the first page. */
    private @Nullable AtomicLong counter;

    /** Frees pages though they are mapped, where memory is short; null for none. Set before the first page. */
    private @Nullable UrgentEviction evictor;

    /** The hand of the evictions; null for a file whose pages are not evicted. Set before the first page. */
    private @Nullable EvictionHand evictionHand;

    /** The page at which the next search for clean pages begins. Guarded by the hand of the caches. */
    private long hand;

    /** The removal of all pages, if it has failed, for the next {@link #end}. Guarded by the content's lock. */
    private @Nullable Removal ending;

    CachedPages(FilePages cache, MachineMemory memory, long size) {
        super(cache, memory.caches());
        this.memory = memory;
        this.size = size;
        frames = memory.frames();
        pageShift = Integer.numberOfTrailingZeros(frames.pageSize());
        isRemoved = frames::isRemoved;
        number = cache.number();
        index = new PageIndex(cache.mayGrow() ? Long.MAX_VALUE : pages(size), memory.indexBudget());
    }

    long number() {
        return number;
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

    /** Has pages evicted from now on. Returns the hand of the evictions. */
    EvictionHand evictBy(AtomicLong sharedCounter, UrgentEviction urgentEvictor) {
        EvictionHand made = new EvictionHand(frames, index, content, memory.indexBudget());
        counter = sharedCounter;
        evictor = urgentEvictor;
        evictionHand = made;
        return made;
    }

    /** Notes pages that a write-back has cleaned and unpinned. Takes the lock of the content. */
    void noteCleaned(long[] cleaned, int count) {
        EvictionHand of = evictionHand;
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

    /**
     * Puts in a frame that is assigned to the page. The caller holds the lock of the content, and the cache is not
     * closed. If memory runs out, the frame is not in the index, and the cache may or may not be registered.
     */
    void put(long page, int frame) {
        // First: the nodes of an index are uncharged at its collection only if its cache is registered.
        if (!isRegistered) {
            register();
            isRegistered = true;
        }
        index.put(page, frame);
        if (counter != null && frame != Frames.NONE) {
            counter.getAndAdd(1L << pageShift);
        }
        if (evictionHand != null) {
            evictionHand.noteEvictable(page);
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
                index.removeIf(removal.first(), removal.last(), isRemoved);
                if (evictionHand != null) {
                    evictionHand.removed(removal.first(), removal.last());
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
        if (evictionHand != null) {
            evictionHand.removed(0, Long.MAX_VALUE);
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
        unregister();
    }

    /**
     * Frees the pages of a collected cache. No VMA maps these pages, so only readers that came to them by the index may
     * still use them.
     */
    @Override
    protected int end() {
        // The context comes first: without one, nothing is changed.
        try (DiscardPages discarding = new DiscardPages(memory, Pte.NONE)) {
            return end(discarding);
        }
    }

    private int end(DiscardPages discarding) {
        int count = takeAll(discarding);
        // Last: after a failure above, the next call does the rest. A reclaim makes one if nothing else does.
        unregister();
        discarding.finish();
        return count;
    }

    /** Ends a collected cache that is registered still, because its end has failed or has not begun. */
    private int endLate() {
        hand = 0;
        try (DiscardPages discarding = DiscardPages.orNull(memory, Pte.NONE)) {
            return discarding == null ? 0 : end(discarding);
        }
    }

    /** Closes this, and hands all frames over; returns their number. */
    private int takeAll(DiscardPages discarding) {
        content.lock();
        try {
            Removal removal = ending;
            if (removal == null) {
                if (isClosed) {
                    return 0;
                }
                removal = new Removal(0, Long.MAX_VALUE, false);
                collect(removal);
                isClosed = true;
                ending = removal;
            }
            takeOut(removal);
            if (!removal.isEmpty()) {
                discarding.needGracePeriod();
                removal.handOver(discarding);
                uncount(removal.count());
            }
            ending = null;
            return removal.count();
        } finally {
            content.unlock();
        }
    }

    @Override
    protected int reclaim() {
        FilePages cache = (FilePages) get();
        if (cache == null) {
            return endLate();
        }
        if (!mayReclaim || isClosed) {
            hand = 0;
            return cache.isChangedByAnother() ? Caches.BUSY : 0;
        }
        boolean isFirst = hand == 0;
        ReclaimCandidates batch = new ReclaimCandidates(frames);
        hand = batch.collect(index, hand);
        int freed = cache.reclaim(batch);
        // All pages are retried once per turn, since the access fails if no frame is found.
        return freed == 0 && evictor != null ? evictor.evict(isFirst) : freed;
    }

    @Override
    protected boolean isAtStart() {
        return hand == 0;
    }
}
