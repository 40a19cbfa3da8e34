// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageCaches;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.DiscardPages;
import dev.samara.core.internal.sync.CheckedLock;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.tlb.TlbGather.HeldTables;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Frees clean pages of one file ({@code shrink_folio_list}). Pages of a block leave memory together or not at all
 * ({@link Blocks}), so what the following says about a page holds for a block of such a file: each of its pages must
 * meet the conditions.
 *
 * <p><b>A reclaim</b> ({@link #reclaim}) frees pages that turn out to be clean, unpinned and unmapped, of any file
 * whose backing can read them again. A batch is checked twice. The first check runs without the content lock, and may
 * dismiss most of the batch. The second check runs after the pages were removed from the index, when no thread can map
 * them any more. A page in the range of a shared mapping that may become writable counts as mapped, whatever its entry
 * contains. It is possible that a store through the entry sets the frame's dirty mark only when the mapping is removed.
 *
 * <p><b>An eviction</b> frees pages of a saved file even if they are mapped ({@code try_to_unmap}). It visits the pages
 * in the order of a {@link Cursor}, and gives each page a second chance. At the first visit, it
 * removes the page from the mappings and marks it as <em>inactive</em>. At the next visit, it frees the page, unless
 * the page was mapped again in the meantime. A batch goes through these steps, while the thread shares the inode lock:
 *
 * <ol>
 *   <li>The pages are chosen under the content lock ({@link #collect}), and the batch is <em>under way</em> from then
 *       on.
 *   <li>Pages that are mapped by locked memory are found: they stay in the index, so they need no grace period.
 *   <li>The pages to be freed are removed from the index and marked removed ({@link #takeOut}). As long as the batch is
 *       under way, no read inserts one of its pages ({@link #contains}). Pages that are being written are pinned.
 *   <li>All pages of the batch are removed from the mappings ({@link #unmap}).
 *   <li>They are checked again. If a page was mapped, or became dirty or pinned in the meantime, the eviction puts it
 *       back ({@link #putBack}). This ends the batch.
 *   <li>The frames of the other pages are dropped after a flush and a grace period.
 * </ol>
 *
 * <p><b>Evictions side by side.</b> Threads that evict pages of one file share its inode lock, so none waits for the
 * shootdown or the grace period of another one. Every other change of the file has that lock exclusively, so it finds
 * no batch under way, and each page is either in the index or not in the cache. That evictions do not disturb each
 * other has these reasons:
 *
 * <ol>
 *   <li><em>No page is in two batches.</em> A batch is chosen and put into the list of the batches under way in one
 *       section of the content lock, and contains no page of another batch in the list. So until a batch ends, only its
 *       thread takes its pages out of the index or puts them back, and their frames stay the same.
 *   <li><em>The state of a page is the batch's own.</em> The marks of a frame ({@code inactive}, {@code removed}) are
 *       changed by the thread whose batch contains the page. The arrays, the walk over the mappings and its gather
 *       belong to the {@link EvictionBatch}, of which each thread has one.
 *   <li><em>A page can be put back without memory</em>, because no eviction unlinks a leaf of the index while another
 *       batch has a page of this leaf ({@link PageBatch#prune}).
 *   <li><em>A block of the cursor is judged by one batch.</em> A batch contains all pages in memory of its blocks, and
 *       none of a block of which another batch has a page. So what it finds out about a block is complete, and the
 *       mark of the block is that of its own scan.
 * </ol>
 *
 * <p>Pages of {@link RecentReads} get no second chance, because accesses to a mapped page are not observed. Only a
 * later read of a freed page shows that the page is still in use.
 */
public final class Eviction {
    /**
     * The result of an eviction that freed nothing and reached the end of the file, or would have found nothing up to
     * it.
     */
    private static final int END = PageCaches.BUSY - 1;

    /** The number of pages from which on an eviction is worth its shootdown and its grace period. */
    static final int LEAST = 64;

    /** The maximum number of pages of a batch. */
    public static final int MOST = 512;

    /** The maximum number of pages that sequential reads of a file may leave in memory. */
    private static final int MOST_RECENT = 512;

    /* Where the pages of a batch come from. */

    static final int CURSOR = 0;
    static final int RECENT = 1;
    private static final int RANGE = 2;

    private final MachineMemory memory;
    private final Frames frames;
    private final FilePages.CachedPages cached;
    private final ReverseMap mappings;
    private final Truncation truncation;
    private final SpareBatches spare;
    private final CachedBytes counters;

    /** See {@link #evictUrgentlyBy}; null if nothing evicts pages when memory is short. */
    @Nullable
    UrgentEviction evictor;

    /* Guarded by the content lock. */

    final Cursor cursor;
    final RecentReads recent;

    /** Signalled when a batch ends; null before the first thread waits for that. */
    private @Nullable Condition ended;

    /**
     * The first of the batches under way, which are linked; null if there is none.
     *
     * <p>Words: {@code underWay}, and {@code later} of {@link EvictionBatch}.
     * Written: an eviction, sharing {@code inodeLock} and holding {@code content} (plain).
     * Read: holder of {@code content} (plain).
     * Invariant: the batches under way, whose pages do not change until they end. No page is in two of them.
     */
    private @Nullable EvictionBatch underWay;

    /**
     * Creates the evictions of a saved file.
     *
     * @param most the total number of pages of all caches of {@code counters} up to which {@link #evict} is not called
     */
    Eviction(FilePages file, Truncation present, CachedBytes counters, long most, SpareBatches spare) {
        memory = file.memory;
        frames = memory.frames;
        cached = present.cached;
        mappings = file.mappings;
        truncation = present;
        this.counters = counters;
        recent = new RecentReads((int) Math.min(MOST_RECENT, most / 8), most);
        this.spare = spare;
        cursor = new Cursor();
    }

    /** Counts the bytes of the pages of several caches, and the evictions that free them. Thread-safe. */
    public static final class CachedBytes {
        /**
         * Written: the holder of {@code content} that inserts a page; a thread that frees pages, which has or shares
         *     {@code inodeLock}, or is the only one to use an unreachable cache (get-and-add).
         * Read: a thread that reads a page or writes bytes (volatile).
         * Invariant: the bytes of the pages in memory of all these caches. A page is subtracted before its frame is
         *     freed.
         */
        private final AtomicLong resident = new AtomicLong();

        /**
         * Written: an eviction for the limit that takes pages out of an index, puts them back or frees them
         *     (get-and-add).
         * Read: as {@code resident}.
         * Invariant: the bytes of the pages in memory that evictions for the limit have taken out of the index, and may
         *     free. It may be too large for a moment after pages were subtracted from {@code resident}.
         */
        private final AtomicLong leaving = new AtomicLong();

        /**
         * Written: an eviction, before it chooses its pages and after it has freed them (get-and-add).
         * Read: a thread that found no page to evict (volatile).
         * Invariant: the evictions that may have a batch under way. The pages of a batch are freed, or are back in
         *     their index, before this no longer counts it.
         */
        private final AtomicInteger batches = new AtomicInteger();

        /**
         * Written: an eviction, after {@code batches} no longer counts it (get-and-increment).
         * Read: a thread that waits for the end of a batch (volatile).
         * Invariant: how many batches have ended. It only tells a waiting thread that one has.
         */
        private final AtomicInteger ended = new AtomicInteger();

        /** Held briefly by a thread that waits for the end of a batch, or that notifies such threads. */
        private final ReentrantLock room = new CheckedLock();

        /** Signalled when a batch has ended. */
        private final Condition batchEnded = room.newCondition();

        /**
         * The number of threads that wait for the end of a batch.
         *
         * <p>Written: such a thread, holding {@code room} (volatile).
         * Read: a thread whose batch has ended (volatile).
         * Pairs: with {@code ended}: either the waiting thread finds that {@code ended} has changed, or the thread
         *     whose batch has ended finds this positive, and signals.
         * Invariant: positive while a thread waits.
         */
        private volatile int waiting;

        /** Creates counters for caches without pages. */
        public CachedBytes() {}

        private void begin() {
            batches.getAndIncrement();
        }

        /** Records that a batch has ended, and tells the threads that wait for that. */
        private void end() {
            batches.getAndDecrement();
            ended.getAndIncrement();
            if (waiting > 0) {
                room.lock();
                try {
                    batchEnded.signalAll();
                } finally {
                    room.unlock();
                }
            }
        }

        /**
         * Waits until a batch of another thread has ended, if one is under way. Called by a thread that has no batch
         * under way, and holds no lock for which an eviction waits.
         *
         * @return whether one was under way
         */
        public boolean awaitBatch() {
            room.lock();
            try {
                int others = waiting;
                waiting = others + 1;
                try {
                    int before = ended.get();
                    boolean isUnderWay = batches.get() > 0;
                    while (isUnderWay && ended.get() == before) {
                        batchEnded.awaitUninterruptibly();
                    }
                    return isUnderWay;
                } finally {
                    int left = waiting;
                    waiting = left - 1;
                }
            } finally {
                room.unlock();
            }
        }

        /** Returns the bytes of the pages in memory. */
        public long resident() {
            return resident.get();
        }

        /** Returns the bytes of the pages in memory that {@link #evictNext} and {@link #evictRecent} may free. */
        public long leaving() {
            return leaving.get();
        }
    }

    /** Frees pages of one file even if they are mapped, for an access that finds no free frame. Waits for no lock. */
    @FunctionalInterface
    public interface UrgentEviction {
        /**
         * Visits the next pages.
         *
         * @param isRetry whether to retry pages that could not be freed before; true in the first call of each round
         * @return the number of freed pages; {@link PageCaches#BUSY} if another thread changes the file
         */
        int evict(boolean isRetry);
    }

    /**
     * Keeps a few idle batches for the evictions of all files of a machine's memory, so that evictions create no
     * garbage, and files need no arrays. Concurrent evictions use different batches. Thread-safe.
     */
    public static final class SpareBatches {
        /** As many threads as evict at a time on the machines of today without a batch for each file. */
        private static final int MOST_IDLE = 8;

        private final MachineMemory memory;

        /**
         * Written: an eviction that takes a batch (get-and-set), and an eviction that returns its batch
         *     (compare-and-set).
         * Read: an eviction (get-and-set).
         * Pairs: with itself: an eviction sees the state in which the previous eviction left the batch.
         * Invariant: each element is a batch that no operation uses, or null.
         */
        private final AtomicReferenceArray<@Nullable EvictionBatch> idle = new AtomicReferenceArray<>(MOST_IDLE);

        /** Creates a holder without batches. */
        public SpareBatches(MachineMemory memory) {
            this.memory = memory;
        }

        /** Returns a batch for one operation of the calling thread, or null if no page-table context is free. */
        private @Nullable EvictionBatch beginOrNull() {
            EvictionBatch batch = null;
            for (int i = 0; i < MOST_IDLE && batch == null; i++) {
                batch = idle.getAndSet(i, null);
            }
            if (batch == null) {
                batch = new EvictionBatch(memory);
            }
            if (batch.walk.tryBegin()) {
                return batch;
            }
            giveBack(batch);
            return null;
        }

        private void giveBack(EvictionBatch batch) {
            batch.pages.detach();
            for (int i = 0; i < MOST_IDLE; i++) {
                if (idle.compareAndSet(i, null, batch)) {
                    return;
                }
            }
        }
    }

    /** What one eviction needs for its batch. Used by one thread at a time, except for the words of the list. */
    static final class EvictionBatch {
        final DiscardPages walk;

        /** The pages. A page is marked if it stays because memory that maps it is locked, or may have been locked. */
        final PageBatch pages;

        /** For each page, whether an entry that maps it was removed. */
        boolean[] isMapped = {};

        /** The next batch in the list of the file. Guarded by its content lock. */
        private @Nullable EvictionBatch later;

        /** Whether the cursor has reached the end of the file with this batch. */
        private boolean isLast;

        /** Whether pages that are taken out count as leaving. */
        private boolean isCounted;

        /** The number of pages that are counted as leaving. */
        private int leaving;

        private final BatchEntries choice = new BatchEntries(this);

        /** The mapping whose entries are being checked, or null if there is none. */
        private ReverseMap.@Nullable Link walked;

        EvictionBatch(MachineMemory memory) {
            walk = DiscardPages.atRest(memory, Pte.NONE);
            pages = new PageBatch(memory.frames);
        }

        /** Returns the first page at or after a page, or {@link Long#MAX_VALUE} if there is none. */
        private long atOrAfter(long page) {
            int count = pages.count;
            if (page > pages.pages[count - 1]) {
                return Long.MAX_VALUE;
            }
            return page <= pages.pages[0] ? pages.pages[0] : pages.pages[pages.at(page)];
        }
    }

    /** A range of pages, inclusive, of which the next batch is evicted. Empty if no page is left. */
    private static final class PageRange {
        private long next;
        private final long last;

        private PageRange(long first, long last) {
            next = first;
            this.last = last;
        }

        private boolean isEmpty() {
            return next < 0 || next > last;
        }
    }

    /**
     * Sets the evictor to call when memory is short. Called before the first page is inserted.
     *
     * @param by calls {@link #evict} with true, if the evictor's own conditions are met; it is called by a reclaim, so
     *     it waits for no lock
     */
    public void evictUrgentlyBy(UrgentEviction by) {
        evictor = by;
    }

    /** Records that a frame was inserted. The caller holds the content lock. */
    void noteInserted(long page, int frame) {
        if (frame != Frames.NONE) {
            counters.resident.getAndAdd(1L << cached.pageShift);
        }
        cursor.noteEvictable(page);
    }

    /** Subtracts pages whose frames are about to be freed from the number of cached bytes. */
    void uncount(int freed) {
        counters.resident.getAndAdd(-((long) freed << cached.pageShift));
    }

    /** Sets the number of pages of a batch that count as leaving. */
    private void countLeaving(EvictionBatch batch, int leaving) {
        if (batch.isCounted) {
            counters.leaving.getAndAdd((long) (leaving - batch.leaving) << cached.pageShift);
            batch.leaving = leaving;
        }
    }

    /** Records pages that a write-back cleaned and unpinned. Acquires the content lock. */
    void noteCleaned(long[] cleaned, int count) {
        cached.content.lock();
        try {
            for (int i = 0; i < count; i++) {
                cursor.noteEvictable(cleaned[i]);
            }
        } finally {
            cached.content.unlock();
        }
    }

    /** Returns whether an eviction may put a page back, so that no read inserts it. Caller holds the content lock. */
    boolean contains(long page) {
        return atOrAfter(page) == page;
    }

    /**
     * Returns the first page at or after {@code page} that is in a batch under way, or {@link Long#MAX_VALUE} if there
     * is none. If the page is not in the index, the eviction may put it back. The caller holds the content lock.
     */
    long atOrAfter(long page) {
        long next = Long.MAX_VALUE;
        for (EvictionBatch batch = underWay; batch != null; batch = batch.later) {
            next = Math.min(next, batch.atOrAfter(page));
        }
        return next;
    }

    /** Waits until no eviction may put back a page or its block. The caller has no lock for which an eviction waits. */
    void await(long page) {
        cached.content.lock();
        try {
            while (cached.index.get(page) == Frames.NONE && cached.mayComeBack(page)) {
                if (ended == null) {
                    ended = cached.content.newCondition();
                }
                ended.awaitUninterruptibly();
            }
        } finally {
            cached.content.unlock();
        }
    }

    /**
     * Scans the next pages, and frees some of the clean pages that are not pinned, whether they are mapped or not. May
     * wait for CPUs and for a grace period. Reads of other pages, and evictions of them, may be concurrent; see {@link
     * FilePages#EVICTED}. Does nothing if the last round found only pages that cannot be freed, and no event since then
     * may have changed that.
     *
     * @param isUrgent whether pages get no second chance, and whether the call returns instead of waiting for other
     *     changes of the file
     * @return the number of freed pages; {@link PageCaches#BUSY} if there are none, but another thread changes the file
     *     or evicts pages of it, and so may be about to free frames
     */
    public int evict(boolean isUrgent) {
        int freed = cursor.isFutile() ? END : run(CURSOR, LEAST, isUrgent, !isUrgent, false, null);
        if (freed > 0) {
            return freed;
        }
        return freed == PageCaches.BUSY || truncation.inodeLock.isOfAnother() ? PageCaches.BUSY : 0;
    }

    /**
     * Scans the next pages, as {@link #evict} does, with a second chance for each.
     *
     * @param most the maximum number of pages, as {@link #sizeFor} returns it
     * @param mayWait whether to wait for other changes of the file
     * @return the number of freed pages; 0 if more pages follow; negative if there are none up to the end of the file,
     *     or if another thread changes the file
     */
    public int evictNext(int most, boolean mayWait) {
        return cursor.isFutile() ? END : run(CURSOR, most, false, mayWait, true, null);
    }

    /** Returns the number of pages that a batch should have if a number of pages should be freed. */
    public static int sizeFor(long wanted) {
        return (int) Math.max(LEAST, Math.min(wanted, MOST));
    }

    /**
     * Frees the oldest pages of recent multi-page reads, under the conditions of {@link #evict}.
     *
     * @param mayWait whether to wait for other changes of the file
     * @return the number of freed pages; {@link PageCaches#BUSY} if another thread changes the file, or no page-table
     *     context is free
     */
    public int evictRecent(boolean mayWait) {
        return run(RECENT, MOST, true, mayWait, true, null);
    }

    /**
     * Frees the pages of a range that are clean, not pinned and not locked, whether they are mapped or not, under the
     * conditions of {@link #evict}. Waits for other changes of the file.
     *
     * <p>Of a file with blocks, frees only blocks that are entirely in the range.
     *
     * @param first the first page
     * @param last the last page, inclusive; {@link Long#MAX_VALUE} for all pages from the first one on
     */
    public void evictRange(long first, long last) {
        Blocks blocks = cached.blocks;
        PageRange range = new PageRange(
                blocks == null ? first : blocks.lastOf(first - 1) + 1,
                blocks == null || last == Long.MAX_VALUE ? last : blocks.firstOf(last + 1) - 1);
        boolean isDone = false;
        while (!isDone && !range.isEmpty()) {
            // If a removal is unfinished, or no page table context is free, returns without an error, because only
            // advice requests this, and advice may be ignored.
            isDone = run(RANGE, MOST, true, true, false, range) == PageCaches.BUSY;
        }
    }

    /** Returns whether the next {@link #evict} starts at page 0. Acquires the content lock. */
    boolean isAtStart() {
        cached.content.lock();
        try {
            return cursor.nextPage == 0;
        } finally {
            cached.content.unlock();
        }
    }

    /** Returns whether evictions found dirty pages that {@link FilePages#tryWriteBack} should write. */
    public boolean hasDirty() {
        cached.content.lock();
        try {
            return cursor.dirtyFirst <= cursor.dirtyLast;
        } finally {
            cached.content.unlock();
        }
    }

    /**
     * Makes later evictions retry pages that earlier evictions left in memory, and makes the next {@link
     * FilePages#tryWriteBack} write all dirty pages, including pages whose last write failed. Acquires a lock that is
     * held only briefly.
     */
    public void retry() {
        cursor.isOutdated = true;
        cursor.addDirty(0, Long.MAX_VALUE);
    }

    private int run(
            int source, int most, boolean isLastChance, boolean mayWait, boolean isCounted, @Nullable PageRange range) {
        StackReserve.check(Truncation.DEPTH);
        if (mayWait) {
            truncation.inodeLock.lockShared();
        } else if (!truncation.inodeLock.tryLockShared()) {
            return PageCaches.BUSY;
        }
        try {
            EvictionBatch batch = truncation.unfinished != null ? null : spare.beginOrNull();
            if (batch == null) {
                return PageCaches.BUSY;
            }
            int freed;
            counters.begin();
            try (DiscardPages walk = batch.walk) {
                // Allocated before any page leaves the index: if there is no memory for it, all pages stay.
                int[] room = walk.roomForDrops(MOST);
                batch.isCounted = isCounted;
                collect(batch, source, most, range);
                freed = batch.pages.count == 0 ? 0 : free(batch, source, isLastChance, room);
            } finally {
                counters.end();
            }
            boolean isEnd = freed == 0 && batch.isLast;
            // Kept only after the close of its walk has succeeded.
            spare.giveBack(batch);
            return isEnd ? END : freed;
        } finally {
            truncation.inodeLock.unlockShared();
        }
    }

    /**
     * Chooses the next pages, and puts the batch into the list of the batches under way, unless it is empty. The pages
     * stay in the cache, because the caller shares the inode lock, and no other batch contains one of them.
     *
     * @param most the maximum number of pages that the cursor chooses
     * @param range the range of {@link #RANGE}
     */
    void collect(EvictionBatch batch, int source, int most, @Nullable PageRange range) {
        PageBatch pages = batch.pages;
        pages.attach(cached, mappings);
        pages.makeRoom(MOST);
        if (batch.isMapped.length == 0) {
            batch.isMapped = new boolean[MOST];
        }
        batch.isLast = false;
        cached.content.lock();
        try {
            if (range != null) {
                range.next = pages.collect(range.next, range.last);
                leaveOthers(pages);
            } else if (source == RECENT) {
                pages.begin(recent.collect(cached.index, cached.pages(), pages.pages, pages.taken));
                leaveOthers(pages);
            } else {
                pages.begin(cursor.collect(pages.pages, pages.taken, most));
                batch.isLast = cursor.nextPage == 0;
            }
            Arrays.fill(batch.isMapped, 0, pages.count, false);
            if (pages.count > 0) {
                batch.later = underWay;
                underWay = batch;
            }
        } finally {
            cached.content.unlock();
        }
    }

    /** Leaves out the pages of other batches under way. */
    private void leaveOthers(PageBatch pages) {
        if (underWay == null) {
            return;
        }
        int kept = 0;
        for (int i = 0; i < pages.count; i++) {
            if (!contains(pages.pages[i])) {
                pages.move(i, kept++);
            }
        }
        pages.count = kept;
    }

    private int free(EvictionBatch batch, int source, boolean isLastChance, int[] freed) {
        PageBatch pages = batch.pages;
        DiscardPages discarding = batch.walk;
        boolean isOver = false;
        try {
            findLocked(batch);
            takeOut(batch, isLastChance);
            unmap(batch);
            isOver = true;
        } finally {
            putBack(batch, source, isLastChance, !isOver);
        }
        int size = pages.handOver(freed);
        countLeaving(batch, 0);
        discarding.dropWhenFinished(freed, size);
        if (cached.blocks != null) {
            cached.blocks.dropReserved(pages);
        }
        pages.prune();
        discarding.finish();
        return size;
    }

    /** Finds the pages that are mapped by locked memory. The walk finds pages that become locked after this. */
    private void findLocked(EvictionBatch batch) {
        PageBatch pages = batch.pages;
        List<ReverseMap.Link> links = pages.links(0, pages.count);
        try {
            for (int k = 0; k < links.size(); k++) {
                ReverseMap.Link link = links.get(k);
                if (link.vma.has(VmaFlags.LOCKED) && !link.isUnlinked && batch.walk.hold(link.table)) {
                    for (int i = 0; i < pages.count; i++) {
                        pages.isMarked[i] = pages.isMarked[i] || Pte.isPresent(pages.entry(link, i, Pte.NONE));
                    }
                }
            }
        } finally {
            pages.forgetLinks();
        }
    }

    /** Removes the pages to be freed from the index. */
    void takeOut(EvictionBatch batch, boolean isLastChance) {
        PageBatch pages = batch.pages;
        cached.content.lock();
        try {
            cached.beginRemoval();
            try {
                for (int i = 0, to; i < pages.count; i = to) {
                    to = pages.unitEnd(i);
                    if (mayTakeOut(pages, i, to, isLastChance)) {
                        for (int k = i; k < to; k++) {
                            pages.takeOut(k);
                        }
                    }
                }
            } finally {
                cached.endRemoval();
            }
            countLeaving(batch, pages.out);
        } finally {
            cached.content.unlock();
        }
    }

    /** Returns whether all pages of a block, or one page, may be freed. */
    private boolean mayTakeOut(PageBatch pages, int from, int to, boolean isLastChance) {
        int i = from;
        while (i < to
                && (isLastChance || frames.isInactive(pages.taken[i]))
                && !pages.isMarked[i]
                && !pages.isInUse(i)) {
            i++;
        }
        return i == to;
    }

    private void unmap(EvictionBatch batch) {
        PageBatch pages = batch.pages;
        List<AccessChecker.Revocation> revocations = memory.accessChecker == null ? List.of() : new ArrayList<>();
        try {
            int to;
            for (int from = 0; from < pages.count; from = to) {
                to = pages.partEnd(from);
                if (!areAllLocked(pages, from, to)) {
                    unmap(batch, from, to, revocations);
                }
            }
            if (pages.out > 0) {
                // Needed even if no entry was found, because a fault may be between the read of the index and its check
                // of the mark, and a reader may still read the frame.
                batch.walk.needGracePeriod();
            }
            batch.walk.finish();
        } finally {
            for (int i = 0; i < revocations.size(); i++) {
                revocations.get(i).close();
            }
        }
    }

    private static boolean areAllLocked(PageBatch pages, int from, int to) {
        int i = from;
        while (i < to && pages.isMarked[i]) {
            i++;
        }
        return i == to;
    }

    /** Removes the pages of the batch with indexes from {@code from} to {@code to}, exclusive, from the mappings. */
    private void unmap(EvictionBatch batch, int from, int to, List<AccessChecker.Revocation> revocations) {
        PageBatch pages = batch.pages;
        DiscardPages discarding = batch.walk;
        List<ReverseMap.Link> links = pages.links(from, to);
        AccessChecker checker = memory.accessChecker;
        try {
            for (int k = 0; k < links.size(); k++) {
                ReverseMap.Link link = links.get(k);
                PageTable table = link.table;
                if (discarding.hold(table)) {
                    batch.walked = link;
                    long start = pages.startIn(link.vma, from);
                    long end = pages.endIn(link.vma, to - 1);
                    if (checker != null) {
                        revocations.add(checker.begin("an eviction", AccessChecker.ALL, table.number(), start, end));
                    }
                    discarding.discard(table, start, end, to - from, batch.choice);
                }
            }
        } finally {
            batch.walked = null;
            pages.forgetLinks();
        }
    }

    /** Chooses the entries that map a page of the batch, and records which pages are mapped. */
    private static final class BatchEntries implements DiscardPages.Choice {
        private final EvictionBatch batch;

        /** The index of the last page that was chosen. */
        private int chosen;

        private BatchEntries(EvictionBatch batch) {
            this.batch = batch;
        }

        private ReverseMap.Link link() {
            return Objects.requireNonNull(batch.walked, "walked");
        }

        @Override
        public boolean takes(long pte, long address) {
            VmArea vma = link().vma;
            PageBatch pages = batch.pages;
            int at = Pte.isCached(pte) ? pages.indexOf(pages.pageAt(vma, address), Pte.frame(pte)) : -1;
            if (at < 0 || pages.isMarked[at]) {
                return false;
            }
            if (vma.has(VmaFlags.LOCKED)) {
                keep(batch, at, link().isUnlinked);
                return false;
            }
            batch.isMapped[at] = true;
            chosen = at;
            return true;
        }

        @Override
        public boolean spares(long pte) {
            // A volatile read, after the compare-and-set of the claim. Pairs with mlock, which detaches the VMA and
            // then reads the entry: either this read finds the VMA detached, or mlock finds the entry busy and faults
            // the page in.
            if (!link().vma.isDetached()) {
                return false;
            }
            keep(batch, chosen, true);
            return true;
        }
    }

    /**
     * Marks a page as locked, so that it is not freed.
     *
     * @param isPast whether the VMA was detached. Its successor, which the lookup may have missed, may or may not lock
     *     the page
     */
    static void keep(EvictionBatch batch, int at, boolean isPast) {
        PageBatch pages = batch.pages;
        pages.isMarked[at] = true;
        if (isPast) {
            // Notifies the cursor here too, because the unlinking of the VMA, which notifies it, may already have
            // happened.
            pages.noteUnlocked();
        }
    }

    /**
     * Puts back the removed pages that must stay, and marks the pages that were not removed as inactive. No thread
     * could find a removed page in the meantime, and the dirty mark of its frame shows whether a CPU stored to it
     * before. Reports the pages to the cursor if it collected them. After a failure their state is unknown, so all of
     * them count as evictable. Ends the batch.
     *
     * @param isLastChance whether to free also pages that were mapped again after they were marked inactive
     * @param hasFailed whether all pages must stay, after a failure
     */
    void putBack(EvictionBatch batch, int source, boolean isLastChance, boolean hasFailed) {
        PageBatch pages = batch.pages;
        cached.content.lock();
        try {
            for (int i = 0, to; i < pages.count; i = to) {
                to = pages.unitEnd(i);
                boolean stays = hasFailed || mustStay(batch, i, to, isLastChance);
                for (int k = i; k < to; k++) {
                    if (!pages.isOut[k]) {
                        frames.setInactive(pages.taken[k], true);
                    } else if (stays) {
                        frames.setInactive(pages.taken[k], false);
                        pages.putBack(k);
                    }
                }
            }
            countLeaving(batch, pages.out);
            end(batch);
            if (source == CURSOR) {
                cursor.judge(pages, hasFailed);
            }
        } finally {
            cached.content.unlock();
        }
    }

    /** Returns whether a page, or a page of a block, that was taken out must stay. */
    private static boolean mustStay(EvictionBatch batch, int from, int to, boolean isLastChance) {
        PageBatch pages = batch.pages;
        boolean stays = false;
        for (int i = from; i < to; i++) {
            stays |= pages.isMarked[i] || pages.isInUse(i) || (batch.isMapped[i] && !isLastChance);
        }
        return stays;
    }

    /** Removes a batch from the list of the batches under way. The caller holds the content lock. */
    private void end(EvictionBatch batch) {
        if (underWay == batch) {
            underWay = batch.later;
        }
        for (EvictionBatch other = underWay; other != null; other = other.later) {
            if (other.later == batch) {
                other.later = batch.later;
            }
        }
        batch.later = null;
        if (ended != null) {
            ended.signalAll();
        }
    }

    /**
     * Reclaims the next pages of a file that are clean, unpinned and unmapped. If another thread is changing the file,
     * frees none. The caller may wait for CPUs and for a grace period.
     *
     * @return the number of pages that were freed; {@link PageCaches#BUSY} if another thread changes the file
     */
    static int reclaim(FilePages file, Truncation present) {
        FilePages.CachedPages cached = present.cached;
        StackReserve.check(Truncation.DEPTH);
        if (!present.tryLock()) {
            cached.hand = 0;
            return PageCaches.BUSY;
        }
        try {
            if (present.unfinished != null) {
                cached.hand = 0;
                try (DiscardPages discarding = DiscardPages.orNull(cached.memory, Pte.NONE)) {
                    return discarding == null ? 0 : present.resume(discarding);
                }
            }
            PageBatch batch = new PageBatch(cached, file.mappings);
            batch.makeRoom(PageCaches.BATCH);
            cached.hand = Math.max(0, batch.collect(cached.hand, Long.MAX_VALUE));
            dismissMapped(batch);
            if (batch.count == 0) {
                return 0;
            }
            try (DiscardPages discarding = DiscardPages.orNull(cached.memory, Pte.NONE)) {
                return discarding == null ? 0 : reclaim(cached, batch, discarding);
            }
        } finally {
            present.release();
        }
    }

    /** Removes the pages that are mapped, dirty or pinned from a batch. */
    private static void dismissMapped(PageBatch batch) {
        markMapped(batch);
        int kept = 0;
        for (int i = 0; i < batch.count; i++) {
            if (!batch.isMarked[i] && !batch.isInUse(i)) {
                batch.move(i, kept++);
            }
        }
        batch.begin(kept);
    }

    private static void markMapped(PageBatch batch) {
        if (batch.count == 0) {
            return;
        }
        HeldTables held = new HeldTables();
        try {
            for (ReverseMap.Link link : batch.links(0, batch.count)) {
                boolean mayBeWritten = WriteBack.mayWrite(link.vma);
                // If the space has ended, it no longer maps any page.
                int count = held.hold(link.table) ? batch.count : 0;
                for (int i = 0; i < count; i++) {
                    if (batch.isIn(link.vma, i) && !batch.isMarked[i]) {
                        batch.isMarked[i] = mayBeWritten || isMapped(batch, link, i);
                    }
                }
            }
        } finally {
            held.release();
        }
    }

    private static boolean isMapped(PageBatch batch, ReverseMap.Link link, int i) {
        // The fence in nextLeaf comes after the frame was marked. Pairs with a thread that links a leaf and then reads
        // the mark under the leaf's lock: either the entry is found here, or that thread does not install it. A leaf
        // that became dead in the meantime was empty. It may have been replaced by another leaf, so the page counts as
        // mapped.
        long address = batch.startIn(link.vma, i);
        return link.table.nextLeaf(address, address + 1) == address && batch.entry(link, i, -1) != Pte.NONE;
    }

    /** The caller holds the inode lock, and no removal is unfinished. */
    private static int reclaim(FilePages.CachedPages cached, PageBatch batch, DiscardPages discarding) {
        // Allocated before any page leaves the index.
        int[] freed = discarding.roomForDrops(batch.count);
        // The lock prevents the insertion of other frames for these pages until it is known which pages stay.
        cached.content.lock();
        try {
            boolean isKnown = false;
            cached.beginRemoval();
            try {
                for (int i = 0; i < batch.count; i++) {
                    batch.takeOut(i);
                }
                markMapped(batch);
                isKnown = true;
            } finally {
                // If the lookup failed, all pages are put back.
                for (int i = 0; i < batch.count; i++) {
                    if (batch.isOut[i] && (!isKnown || batch.isMarked[i] || batch.isInUse(i))) {
                        batch.putBack(i);
                    }
                }
                cached.endRemoval();
            }
        } finally {
            cached.content.unlock();
        }
        discarding.needGracePeriod();
        int size = batch.handOver(freed);
        discarding.dropWhenFinished(freed, size);
        batch.prune();
        discarding.finish();
        return size;
    }

    /**
     * The clock hand of the evictions of one file: the place at which the next eviction continues. It skips blocks of
     * which no page can be freed, because all pages of the block that are in memory are locked, pinned or dirty;
     * likewise, reclaim on Linux does not scan the unevictable list. Otherwise each miss at the memory limit would try
     * all these pages again.
     *
     * <p>A block is <em>kept</em> once a scan of the whole block has found only such pages. It is scanned again after
     * an event that may make one of its pages evictable. Two kinds of events affect only their block, and acquire the
     * content lock: the insertion of a page, and the end of a write-back that cleaned a page. Two other kinds are
     * detected by the next scan, which then forgets all kept blocks: a VMA with the lock flag was unlinked, or a frame
     * was unpinned.
     *
     * <p>No event is missed. A scan marks its block before it checks the first page, and the block is kept only if the
     * mark is still set after the last page. A thread changes the page first, and then clears the mark of the block. So
     * if the scan checked the page before the change, the mark is cleared after the scan set it, and the block is not
     * kept. A block is scanned by one batch, which contains all of its pages in memory; a block of which another batch
     * under way has a page is left out until the next round.
     *
     * <p>A locked page can become evictable without an event: a store to a private mapping replaces it by a copy, or
     * {@code MADV_DONTNEED_LOCKED} unmaps it. So can a dirty page, when space becomes free on the host's device. For
     * these cases, {@link #retry} is called from time to time.
     *
     * <p>Guarded by the content lock, which the caller holds unless the comment of a method says otherwise.
     */
    final class Cursor {
        /** Binary logarithm of the number of pages of a block. */
        private static final int SHIFT = 6;

        /* The states of a block. A block that is in neither state is not in the index. */

        private static final int SCANNED = 0;
        private static final int KEPT = 1;

        /**
         * One range that contains the dirty pages that evictions found, so that a write-back for an eviction need not
         * visit all pages of the file.
         *
         * <p>Words: {@code dirtyFirst}, {@code dirtyLast}.
         * Written: holder of {@code content} (plain).
         * Read: holder of {@code content} (plain).
         * Invariant: a range that contains every dirty page that an eviction found since the last write-back of such
         *     pages.
         */
        private long dirtyFirst = Long.MAX_VALUE;

        private long dirtyLast = -1;

        /** The states of the blocks, by block number. */
        private final PageIndex blocks = new PageIndex(1, memory.indexBudget);

        /**
         * Whether any block may have a state.
         *
         * <p>Words: {@code hasStates}, {@code nextPage}, {@code isFutile}, {@code hasPinned}, {@code unpins}.
         * Written: holder of {@code content} (plain).
         * Read: holder of {@code content} (plain).
         * Invariant: the place of the next batch, and what the scans found out about the blocks.
         */
        private boolean hasStates;

        /** The page at which the next batch starts. */
        private long nextPage;

        /** Whether the last round found no page outside kept blocks. */
        private boolean isFutile;

        /**
         * Whether a VMA with the lock flag was unlinked. Set by any thread after the link is marked unlinked. Reset by
         * a scan before it checks links. So either the scan finds the link unlinked, or this is set again after the
         * reset. Volatile, because each side writes one of the two words (this and the link's {@code isUnlinked}) and
         * then reads the other.
         *
         * <p>Written: true by the unlinking of a VMA with the lock flag, after the link is marked unlinked, by an
         *     eviction that meets a VMA that is no longer linked, and by {@code retry}; false by a scan, holding the
         *     content lock, before it checks links and entries (all volatile).
         * Read: a scan, and the check whether a scan is futile, holding the content lock (volatile).
         * Pairs: with {@code isUnlinked} of {@code ReverseMap.Link}. Either the scan finds the link unlinked, and
         *     treats no page as locked because of it, or this is set again after the scan reset it. In the second case
         *     the next scan forgets all kept blocks.
         * Invariant: false only if each page that was kept because it was locked is still locked, except for unlinkings
         *     under way and for the cases that need {@code retry}.
         */
        private volatile boolean isOutdated;

        /** Whether a pinned page was kept since the last time all blocks were forgotten. */
        private boolean hasPinned;

        /**
         * The number of unpins before the first check of a pinned page that was kept. A later unpin of the page
         * increments {@code Frames.unpins}.
         */
        private long unpins;

        /** Adds dirty pages of a range, inclusive. Acquires the lock. */
        void addDirty(long first, long last) {
            cached.content.lock();
            try {
                dirtyFirst = Math.min(dirtyFirst, first);
                dirtyLast = Math.max(dirtyLast, last);
            } finally {
                cached.content.unlock();
            }
        }

        /**
         * Returns the first and the last page of the range of dirty pages, inclusive, and empties the range. If the
         * range was empty, the first page is larger than the last one. Acquires the lock.
         */
        long[] takeDirty() {
            // Allocated before the range is emptied, because there may be no memory.
            long[] taken = new long[2];
            cached.content.lock();
            try {
                taken[0] = dirtyFirst;
                taken[1] = dirtyLast;
                dirtyFirst = Long.MAX_VALUE;
                dirtyLast = -1;
                return taken;
            } finally {
                cached.content.unlock();
            }
        }

        /** Returns whether the next round is known to find no page. Acquires the lock. */
        boolean isFutile() {
            cached.content.lock();
            try {
                return isFutile && !isOutdated();
            } finally {
                cached.content.unlock();
            }
        }

        private boolean isOutdated() {
            return isOutdated || (hasPinned && frames.unpins() != unpins);
        }

        /**
         * Collects the next pages outside kept blocks, in ascending order, as whole blocks. The caller then {@linkplain
         * #judge judges} them. If this fails for lack of memory, the cursor does not move.
         *
         * @param pages receives the page numbers
         * @param taken receives the frames; has the same length as {@code pages}
         * @param most the maximum number of pages, at least as many as a block has
         * @return the number of pages; 0 at the end of the round
         */
        int collect(long[] pages, int[] taken, int most) {
            refresh();
            boolean isRound = nextPage == 0;
            long next = nextPage;
            int count = 0;
            boolean isEnd = false;
            boolean isFull = false;
            while (!isEnd && !isFull) {
                next = behindSkipped(next);
                int found = cached.index.collect(next, pages, taken, count, most);
                isEnd = found < most;
                int to;
                for (int at = count; at < found && !isFull; at = to) {
                    long block = pages[at] >>> SHIFT;
                    to = endOf(block, pages, at, found);
                    next = (block + 1) << SHIFT;
                    if (isSkipped(block)) {
                        continue;
                    }
                    if (to == most && pages[to - 1] + 1 < next) {
                        // The block may have more pages than there was room for. Is collected again if pages that are
                        // skipped took room.
                        next = block << SHIFT;
                        isFull = count == at;
                        continue;
                    }
                    mark(block);
                    // Closes the gap of the pages that are skipped.
                    System.arraycopy(pages, at, pages, count, to - at);
                    System.arraycopy(taken, at, taken, count, to - at);
                    count += to - at;
                }
                isFull |= count == most;
            }
            nextPage = isEnd ? 0 : next;
            if (count == 0) {
                // Pages of other batches were left out.
                isFutile = isRound && underWay == null;
            }
            return count;
        }

        /** Returns the index after the last page of a block, from an index up to another one. */
        private static int endOf(long block, long[] pages, int from, int found) {
            int to = from;
            while (to < found && pages[to] >>> SHIFT == block) {
                to++;
            }
            return to;
        }

        /** Forgets the kept blocks after an event that may concern any block. */
        private void refresh() {
            if (isOutdated()) {
                // Reset before the links are checked; see the field.
                isOutdated = false;
                hasPinned = false;
                isFutile = false;
                removed(0, Long.MAX_VALUE);
            }
            if (!hasPinned) {
                unpins = frames.unpins();
            }
        }

        private boolean isKept(long block) {
            return blocks.get(block) == KEPT;
        }

        /** Returns whether a block is left out: it is kept, or another batch under way has a page of it. */
        private boolean isSkipped(long block) {
            return isKept(block) || cached.isEvicting(block << SHIFT, ((block + 1) << SHIFT) - 1);
        }

        /** Returns the first page at or after {@code page} that is not in a block that is left out. */
        private long behindSkipped(long page) {
            long block = page >>> SHIFT;
            while (isSkipped(block)) {
                block++;
            }
            return Math.max(page, block << SHIFT);
        }

        /** Marks a block before its first page is checked. */
        private void mark(long block) {
            hasStates = true;
            blocks.put(block, SCANNED);
        }

        /**
         * Records the final state of the pages of a batch that was collected here. A block is kept if none of its pages
         * can be freed now or later, until an event.
         *
         * @param hasFailed whether the state of the pages is unknown, after a failure
         */
        void judge(PageBatch batch, boolean hasFailed) {
            int i = 0;
            while (i < batch.count) {
                long block = batch.pages[i] >>> SHIFT;
                boolean isKept = !hasFailed;
                while (i < batch.count && batch.pages[i] >>> SHIFT == block) {
                    int to = batch.unitEnd(i);
                    isKept &= !batch.isOut[i] && !hasFailed && stays(batch, i, to);
                    i = to;
                }
                if (!isKept) {
                    blocks.clear(block);
                } else if (blocks.get(block) == SCANNED) {
                    // Needs no memory, because the index already contains the block.
                    blocks.put(block, KEPT);
                }
            }
        }

        /** Returns whether one of some pages stays in memory, and with it the others. */
        private boolean stays(PageBatch batch, int from, int to) {
            boolean stays = false;
            for (int i = from; i < to; i++) {
                stays |= stays(batch, i);
            }
            return stays;
        }

        private boolean stays(PageBatch batch, int i) {
            int frame = batch.taken[i];
            boolean isDirty = frames.isDirty(frame);
            boolean isPinned = frames.isPinned(frame);
            if (isDirty && !frames.hasWriteFailed(frame)) {
                addDirty(batch.pages[i], batch.pages[i]);
            }
            hasPinned |= isPinned;
            return batch.isMarked[i] || isDirty || isPinned;
        }

        /** Records that a page was inserted, or is now clean and unpinned. */
        void noteEvictable(long page) {
            isFutile = false;
            if (hasStates) {
                blocks.clear(page >>> SHIFT);
            }
        }

        /** Records that a VMA with the lock flag was unlinked. Needs no lock. */
        void noteUnlocked() {
            isOutdated = true;
        }

        /** Forgets the blocks of a range of pages that are removed from the file. */
        void removed(long first, long last) {
            if (hasStates) {
                blocks.removeIf(first >>> SHIFT, last >>> SHIFT, state -> true);
                hasStates = first > 0 || last < Long.MAX_VALUE;
            }
        }
    }

    /**
     * A queue of the most recent multi-page reads of one file, whose oldest pages are freed first. It is the small
     * queue of S3-FIFO. So a long sequential read uses only few frames, which stay in the CPU caches, and does not
     * displace the other pages from memory. If the queue is full, its oldest read is removed from the queue, but its
     * pages are not freed.
     *
     * <p>The queue remembers blocks of pages that it freed ({@code mm/workingset.c}). A read of such a block is not
     * added to the queue, because its pages were read again soon after they were freed. Guarded by the content lock.
     */
    static final class RecentReads {
        /** Binary logarithm of the number of pages of a block. */
        private static final int BLOCK_SHIFT = 5;

        private static final int COUNT_BITS = 16;

        /**
         * The initial capacity of the queue in pages, which doubles when freed pages are read again. It is so small
         * that the frames stay in a processor's L2 cache.
         */
        private static final int FEWEST = 128;

        private static final long[] NO_READS = {};
        private static final int[] NO_BLOCKS = {};

        /**
         * The upper bound of {@link #most}.
         *
         * <p>Words: all fields of {@code RecentReads}.
         * Written: holder of {@code content} (plain).
         * Read: holder of {@code content} (plain).
         * Invariant: the recent reads of several pages.
         */
        private final int longest;

        /**
         * The current maximum number of pages in the queue. Doubled when freed pages are read again, e.g. because
         * several threads read the file, or one thread alternates between several parts of it.
         */
        private int most;

        /**
         * A ring buffer of the reads. An element contains the first page of the read, and the number of pages in its
         * low bits. Empty before the first read; afterwards the length is a power of two.
         */
        private long[] reads = NO_READS;

        private int oldest;
        private int size;

        /** The number of pages of all reads. */
        private int pages;

        /** The maximum number of elements of {@link #freed}. */
        private final int mostFreed;

        /**
         * The blocks that were freed, as a hash table. The low bits of a block number are the index; the element is the
         * low 32 bits, plus 1, of the last freed block with this index. Empty before the first {@link #collect}, and at
         * most as long as the file has blocks. The length is a power of two.
         */
        private int[] freed = NO_BLOCKS;

        /**
         * Creates an empty queue.
         *
         * @param longest the upper bound of the queue's capacity in pages
         * @param horizon the number of freed pages whose blocks are remembered
         */
        RecentReads(int longest, long horizon) {
            this.longest = longest;
            most = Math.min(longest, FEWEST);
            mostFreed = (int) Math.max(1, Math.min(1 << 20, horizon >>> BLOCK_SHIFT));
        }

        /**
         * Adds a read, unless its first page is in a block that was freed before, or the read has more than half of the
         * maximum number of pages. If memory runs out, nothing changes.
         *
         * @param length the size of the file in pages, which also limits the queue
         */
        void add(long first, int count, long length) {
            if (wasFreed(first >>> BLOCK_SHIFT)) {
                most = Math.min(longest, 2 * most);
                return;
            }
            if (count > most / 2) {
                return;
            }
            if (size == reads.length && 2 * size <= most) {
                long[] longer = new long[Math.max(8, 2 * size)];
                for (int i = 0; i < size; i++) {
                    longer[i] = reads[(oldest + i) & (size - 1)];
                }
                reads = longer;
                oldest = 0;
            }
            while (size > 0 && (size == reads.length || pages + count > Math.min(most, length))) {
                take();
            }
            reads[(oldest + size++) & (reads.length - 1)] = first << COUNT_BITS | count;
            pages += count;
        }

        private boolean wasFreed(long block) {
            int at = (int) block & (freed.length - 1);
            if (freed.length == 0 || freed[at] != (int) block + 1) {
                return false;
            }
            freed[at] = 0;
            return true;
        }

        private void noteFreed(long block) {
            freed[(int) block & (freed.length - 1)] = (int) block + 1;
        }

        private static int count(long read) {
            return (int) read & (1 << COUNT_BITS) - 1;
        }

        /** Removes the oldest read and returns it. The queue must not be empty. */
        private long take() {
            long read = reads[oldest];
            oldest = (oldest + 1) & (reads.length - 1);
            size--;
            pages -= count(read);
            return read;
        }

        /**
         * Removes the oldest reads as long as at least half of the maximum number of pages stays, and collects the
         * pages of the removed reads that are in memory, in ascending order.
         *
         * @param length the size of the file in pages
         * @param found receives the page numbers
         * @param frames receives the frames; has the same length as {@code found}
         * @return the number of pages found
         */
        int collect(PageIndex index, long length, long[] found, int[] frames) {
            int blocks = Integer.highestOneBit((int) Math.max(1, Math.min(mostFreed, length >>> BLOCK_SHIFT)));
            if (freed.length < blocks) {
                freed = new int[blocks];
            }
            int taken = 0;
            while (size > 0
                    && pages - count(reads[oldest]) >= most / 2
                    && taken + count(reads[oldest]) <= found.length) {
                long read = take();
                long first = read >>> COUNT_BITS;
                noteFreed(first >>> BLOCK_SHIFT);
                for (int i = 0; i < count(read); i++) {
                    found[taken++] = first + i;
                }
            }
            Arrays.sort(found, 0, taken);
            index.get(found, taken, frames);
            int kept = 0;
            for (int i = 0; i < taken; i++) {
                if (frames[i] != Frames.NONE && (kept == 0 || found[kept - 1] != found[i])) {
                    found[kept] = found[i];
                    frames[kept++] = frames[i];
                }
            }
            return kept;
        }
    }
}
