// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageCaches;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.DiscardPages;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.tlb.TlbGather.HeldTables;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Frees clean pages of one file ({@code shrink_folio_list}).
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
 * the page was mapped again in the meantime. A batch goes through these steps, under the inode lock:
 *
 * <ol>
 *   <li>Pages that are mapped by locked memory are found first: they stay in the index, so they need no grace period.
 *   <li>The pages to be freed are removed from the index and marked removed ({@link #takeOut}). Until the batch has
 *       ended, no read inserts one of its pages ({@link #contains}). Pages that are being written are pinned.
 *   <li>All pages of the batch are removed from the mappings ({@link #unmap}).
 *   <li>They are checked again. If a page was mapped, or became dirty or pinned in the meantime, the eviction puts it
 *       back ({@link #putBack}).
 *   <li>The frames of the other pages are dropped after a flush and a grace period.
 * </ol>
 *
 * <p>Pages of {@link RecentReads} get no second chance, because accesses to a mapped page are not observed. Only a
 * later read of a freed page shows that the page is still in use.
 */
public final class Eviction {
    private static final int MOST = 64;

    /** The maximum number of pages that sequential reads of a file may leave in memory. */
    private static final int MOST_RECENT = 512;

    /* Where the pages of a batch come from. */

    static final int CURSOR = 0;
    static final int RECENT = 1;
    private static final int RANGE = 2;

    private final MachineMemory memory;
    private final Frames frames;
    private final FilePages.CachedPages cached;
    private final Truncation truncation;
    private final SpareWalk spare;

    /**
     * Counts the bytes of the pages in memory, together with other caches.
     *
     * <p>Written: the holder of {@code content} that inserts a page; a thread that frees pages, which holds {@code
     *     inodeLock} or is the only one to use an unreachable cache (get-and-add).
     * Read: under the name {@code resident}, see there.
     * Invariant: one word that several caches share: the bytes of their pages in memory.
     */
    private final AtomicLong counter;

    /** See {@link #evictUrgentlyBy}; null if nothing evicts pages when memory is short. */
    @Nullable
    UrgentEviction evictor;

    /* Guarded by the content lock. */

    final Cursor cursor;
    final RecentReads recent;

    /**
     * The number of pages of {@link #batch} while its pages may be out of the index, otherwise 0.
     *
     * <p>Written: an eviction, holding {@code inodeLock} and {@code content} (plain).
     * Read: holder of {@code content} (plain).
     * Invariant: the pages of the eviction under way, which do not change while this is positive.
     */
    private int underWay;

    /* Guarded by the inode lock. Created once, so that evictions create no garbage. */

    /** The pages. A page is marked if it stays because memory that maps it is locked, or may have been locked. */
    final PageBatch batch;

    /** For each page, whether an entry that maps it was removed. */
    boolean[] isMapped = {};

    private final BatchEntries choice = new BatchEntries();

    /**
     * The page after the last batch of {@link #evictRange}; -1 if no page is left.
     *
     * <p>Words: {@code next}, {@code batch}, {@code isMapped}.
     * Written: an eviction, holding {@code inodeLock} (plain).
     * Read: an eviction, holding {@code inodeLock} (plain).
     * Invariant: the batch of the eviction under way.
     */
    private long next;

    /**
     * The mapping whose entries are being checked, or null if there is none.
     *
     * <p>Words: {@code walked}, {@code chosen}.
     * Written: an eviction, holding {@code inodeLock} (plain).
     * Read: an eviction, holding {@code inodeLock} (plain).
     * Invariant: the mapping whose entries are being checked, and the page of the batch that was claimed last.
     */
    private ReverseMap.@Nullable Link walked;

    /**
     * Creates the evictions of a saved file.
     *
     * @param most the total number of pages of all caches of {@code counter} up to which {@link #evict} is not called
     */
    Eviction(FilePages file, Truncation present, AtomicLong counter, long most, SpareWalk spare) {
        memory = file.memory;
        frames = memory.frames;
        cached = present.cached;
        truncation = present;
        this.counter = counter;
        recent = new RecentReads((int) Math.min(MOST_RECENT, most / 8), most);
        this.spare = spare;
        cursor = new Cursor();
        batch = new PageBatch(cached, file.mappings);
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
     * Keeps one idle {@code DiscardPages} walk for the evictions of all files of a machine's memory, so that evictions
     * create no garbage. Two concurrent evictions use two walks, of which only one is kept afterwards. Thread-safe.
     */
    public static final class SpareWalk {
        private final MachineMemory memory;

        /**
         * Written: an eviction that takes the walk (get-and-set), and an eviction that returns its walk (volatile).
         * Read: an eviction (get-and-set).
         * Pairs: with itself: an eviction sees the state in which the previous eviction left the walk.
         * Invariant: a walk that no operation uses, or null.
         */
        private final AtomicReference<@Nullable DiscardPages> idle = new AtomicReference<>();

        /** Creates a holder without a walk. */
        public SpareWalk(MachineMemory memory) {
            this.memory = memory;
        }

        /** Returns a walk for one operation of the calling thread, or null if no page-table context is free. */
        private @Nullable DiscardPages beginOrNull() {
            DiscardPages known = idle.getAndSet(null);
            DiscardPages walk = known == null ? DiscardPages.atRest(memory, Pte.NONE) : known;
            if (walk.tryBegin()) {
                return walk;
            }
            idle.set(walk);
            return null;
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
            counter.getAndAdd(1L << cached.pageShift);
        }
        cursor.noteEvictable(page);
    }

    /** Subtracts pages whose frames are about to be freed from the number of cached bytes. */
    void uncount(int freed) {
        counter.getAndAdd(-((long) freed << cached.pageShift));
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
     * Returns the first page at or after {@code page} that an eviction may put back, or {@link Long#MAX_VALUE} if there
     * is none. The caller holds the content lock.
     */
    long atOrAfter(long page) {
        int at = underWay == 0 ? -1 : Arrays.binarySearch(batch.pages, 0, underWay, page);
        int next = at >= 0 ? at : -1 - at;
        return next < underWay ? batch.pages[next] : Long.MAX_VALUE;
    }

    /**
     * Scans the next pages, and frees some of the clean pages that are not pinned, whether they are mapped or not. May
     * wait for CPUs and for a grace period. Reads of other pages may be concurrent; see {@link FilePages#EVICTED}. Does
     * nothing if the last round found only pages that cannot be freed, and no event since then may have changed that.
     *
     * @param isUrgent whether pages get no second chance, and whether the call returns instead of waiting for other
     *     changes of the file
     * @return the number of freed pages; {@link PageCaches#BUSY} if another thread changes the file
     */
    public int evict(boolean isUrgent) {
        if (cursor.isFutile()) {
            return truncation.isOfAnother() ? PageCaches.BUSY : 0;
        }
        return run(CURSOR, isUrgent, 0, Long.MAX_VALUE);
    }

    /**
     * Frees the oldest pages of recent multi-page reads, under the conditions of {@link #evict}. Waits for other
     * changes of the file.
     *
     * @return the number of freed pages; {@link PageCaches#BUSY} if no page-table context is free
     */
    public int evictRecent() {
        return run(RECENT, false, 0, Long.MAX_VALUE);
    }

    /**
     * Frees the pages of a range that are clean, not pinned and not locked, whether they are mapped or not, under the
     * conditions of {@link #evict}. Waits for other changes of the file.
     *
     * @param first the first page
     * @param last the last page, inclusive
     */
    public void evictRange(long first, long last) {
        long from = first;
        while (from >= 0 && from <= last) {
            truncation.lock();
            try {
                // If a removal is unfinished, or no page table context is free, returns without an error, because only
                // advice requests this, and advice may be ignored.
                from = run(RANGE, false, from, last) == PageCaches.BUSY ? -1 : next;
            } finally {
                truncation.release();
            }
        }
    }

    /** Returns whether the next {@link #evict} starts at page 0. Acquires the content lock. */
    public boolean isAtStart() {
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

    private int run(int source, boolean isUrgent, long first, long last) {
        StackReserve.check(Truncation.DEPTH);
        if (!isUrgent) {
            truncation.lock();
        } else if (!truncation.tryLock()) {
            return PageCaches.BUSY;
        }
        try {
            DiscardPages walk = truncation.unfinished != null ? null : spare.beginOrNull();
            if (walk == null) {
                return PageCaches.BUSY;
            }
            int freed;
            try (walk) {
                // Allocated before any page leaves the index: if there is no memory for it, all pages stay.
                int[] room = walk.roomForDrops(MOST);
                collect(source, first, last);
                freed = batch.count == 0 ? 0 : free(walk, source, isUrgent || source != CURSOR, room);
            }
            // Kept only after its close has succeeded.
            spare.idle.set(walk);
            return freed;
        } finally {
            truncation.release();
        }
    }

    /** Collects the next pages. They stay in the cache, because the caller holds the inode lock. */
    void collect(int source, long first, long last) {
        batch.makeRoom(MOST);
        if (isMapped.length == 0) {
            isMapped = new boolean[MOST];
        }
        batch.count = 0;
        cached.content.lock();
        try {
            if (source == RANGE) {
                next = batch.collect(first, last);
            } else {
                batch.begin(
                        source == RECENT
                                ? recent.collect(cached.index, cached.pages(), batch.pages, batch.taken)
                                : cursor.collect(batch.pages, batch.taken));
            }
        } finally {
            cached.content.unlock();
        }
        Arrays.fill(isMapped, 0, batch.count, false);
    }

    private int free(DiscardPages discarding, int source, boolean isLastChance, int[] freed) {
        boolean isOver = false;
        try {
            findLocked(discarding);
            takeOut(isLastChance);
            unmap(discarding);
            isOver = true;
        } finally {
            putBack(source, isLastChance, !isOver);
        }
        int size = batch.handOver(freed);
        discarding.dropWhenFinished(freed, size);
        batch.prune();
        discarding.finish();
        return size;
    }

    /** Finds the pages that are mapped by locked memory. The walk finds pages that become locked after this. */
    private void findLocked(DiscardPages discarding) {
        List<ReverseMap.Link> links = batch.links(0, batch.count);
        try {
            for (int k = 0; k < links.size(); k++) {
                ReverseMap.Link link = links.get(k);
                if (link.vma.has(VmaFlags.LOCKED) && !link.isUnlinked && discarding.hold(link.table)) {
                    for (int i = 0; i < batch.count; i++) {
                        batch.isMarked[i] = batch.isMarked[i] || Pte.isPresent(batch.entry(link, i, Pte.NONE));
                    }
                }
            }
        } finally {
            batch.forgetLinks();
        }
    }

    /** Removes the pages to be freed from the index. */
    void takeOut(boolean isLastChance) {
        cached.content.lock();
        try {
            underWay = batch.count;
            cached.beginRemoval();
            try {
                for (int i = 0; i < batch.count; i++) {
                    if ((isLastChance || frames.isInactive(batch.taken[i]))
                            && !batch.isMarked[i]
                            && !batch.isInUse(i)) {
                        batch.takeOut(i);
                    }
                }
            } finally {
                cached.endRemoval();
            }
        } finally {
            cached.content.unlock();
        }
    }

    private void unmap(DiscardPages discarding) {
        List<AccessChecker.Revocation> revocations = memory.accessChecker == null ? List.of() : new ArrayList<>();
        try {
            int to;
            for (int from = 0; from < batch.count; from = to) {
                to = batch.partEnd(from);
                if (!areAllLocked(from, to)) {
                    unmap(discarding, from, to, revocations);
                }
            }
            if (batch.out > 0) {
                // Needed even if no entry was found, because a fault may be between the read of the index and its check
                // of the mark, and a reader may still read the frame.
                discarding.needGracePeriod();
            }
            discarding.finish();
        } finally {
            for (int i = 0; i < revocations.size(); i++) {
                revocations.get(i).close();
            }
        }
    }

    private boolean areAllLocked(int from, int to) {
        int i = from;
        while (i < to && batch.isMarked[i]) {
            i++;
        }
        return i == to;
    }

    /** Removes the pages of the batch with indexes from {@code from} to {@code to}, exclusive, from the mappings. */
    private void unmap(DiscardPages discarding, int from, int to, List<AccessChecker.Revocation> revocations) {
        List<ReverseMap.Link> links = batch.links(from, to);
        AccessChecker checker = memory.accessChecker;
        try {
            for (int k = 0; k < links.size(); k++) {
                ReverseMap.Link link = links.get(k);
                PageTable table = link.table;
                if (discarding.hold(table)) {
                    walked = link;
                    long start = batch.startIn(link.vma, from);
                    long end = batch.endIn(link.vma, to - 1);
                    if (checker != null) {
                        revocations.add(checker.begin("an eviction", AccessChecker.ALL, table.number(), start, end));
                    }
                    discarding.discard(table, start, end, to - from, choice);
                }
            }
        } finally {
            walked = null;
            batch.forgetLinks();
        }
    }

    /** Chooses the entries that map a page of the batch, and records which pages are mapped. */
    private final class BatchEntries implements DiscardPages.Choice {
        /** The index of the last page that was chosen. */
        private int chosen;

        private ReverseMap.Link link() {
            return Objects.requireNonNull(walked, "walked");
        }

        @Override
        public boolean takes(long pte, long address) {
            VmArea vma = link().vma;
            int at = Pte.isCached(pte) ? batch.indexOf(batch.pageAt(vma, address), Pte.frame(pte)) : -1;
            if (at < 0 || batch.isMarked[at]) {
                return false;
            }
            if (vma.has(VmaFlags.LOCKED)) {
                keep(at, link().isUnlinked);
                return false;
            }
            isMapped[at] = true;
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
            keep(chosen, true);
            return true;
        }
    }

    /**
     * Marks a page as locked, so that it is not freed.
     *
     * @param isPast whether the VMA was detached. Its successor, which the lookup may have missed, may or may not lock
     *     the page
     */
    void keep(int at, boolean isPast) {
        batch.isMarked[at] = true;
        if (isPast) {
            // Notifies the cursor here too, because the unlinking of the VMA, which notifies it, may already have
            // happened.
            cursor.noteUnlocked();
        }
    }

    /**
     * Puts back the removed pages that must stay, and marks the pages that were not removed as inactive. No thread
     * could find a removed page in the meantime, and the dirty mark of its frame shows whether a CPU stored to it
     * before. Reports the pages to the cursor if it collected them. After a failure their state is unknown, so all of
     * them count as evictable.
     *
     * @param isLastChance whether to free also pages that were mapped again after they were marked inactive
     * @param hasFailed whether all pages must stay, after a failure
     */
    void putBack(int source, boolean isLastChance, boolean hasFailed) {
        boolean[] isLocked = batch.isMarked;
        cached.content.lock();
        try {
            for (int i = 0; i < batch.count; i++) {
                if (!batch.isOut[i]) {
                    frames.setInactive(batch.taken[i], true);
                } else if (hasFailed || isLocked[i] || batch.isInUse(i) || (isMapped[i] && !isLastChance)) {
                    frames.setInactive(batch.taken[i], false);
                    batch.putBack(i);
                }
            }
            underWay = 0;
            for (int i = 0; i < batch.count && source == CURSOR; i++) {
                if (batch.isOut[i] || hasFailed) {
                    cursor.judge(batch.pages[i], false);
                } else {
                    cursor.judge(batch.pages[i], batch.taken[i], isLocked[i]);
                }
            }
            if (source == CURSOR) {
                cursor.endBatch();
            }
        } finally {
            cached.content.unlock();
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
     * kept.
     *
     * <p>A locked page can become evictable without an event: a store to a private mapping replaces it by a copy, or
     * {@code MADV_DONTNEED_LOCKED} unmaps it. So can a dirty page, when space becomes free on the host's device. For
     * these cases, {@link #retry} is called from time to time.
     *
     * <p>Guarded by the content lock, which the caller holds unless the comment of a method says otherwise.
     */
    final class Cursor {
        /** Binary logarithm of the number of pages of a block. */
        private static final int SHIFT = 9;

        private static final long NONE = -1;

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
         * <p>Words: {@code hasStates}, {@code nextPage}, {@code marked}, {@code judged}, {@code isKept}, {@code
         *     isFutile}, {@code hasPinned}, {@code unpins}.
         * Written: holder of {@code content} (plain).
         * Read: holder of {@code content} (plain).
         * Invariant: the place of the next batch, and what the scans found out about the blocks.
         */
        private boolean hasStates;

        /** The page at which the next batch starts. */
        private long nextPage;

        /** The last block that was marked in this round. */
        private long marked = NONE;

        /** The block of the last page that was judged, or {@code NONE} if that block was completely judged. */
        private long judged = NONE;

        /** Whether no page of the block {@link #judged} that was judged so far can be freed. */
        private boolean isKept;

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
         * Collects the next pages outside kept blocks, in ascending order. The caller then {@linkplain #judge judges}
         * each page. If this fails for lack of memory, the cursor does not move.
         *
         * @param pages receives the page numbers
         * @param taken receives the frames; has the same length as {@code pages}
         * @return the number of pages; 0 at the end of the round
         */
        int collect(long[] pages, int[] taken) {
            refresh();
            boolean isRound = nextPage == 0;
            long next = nextPage;
            int count = 0;
            boolean isEnd = false;
            while (!isEnd && count < pages.length) {
                next = behindKept(next);
                int found = cached.index.collect(next, pages, taken, count);
                isEnd = found < pages.length;
                while (count < found && !isKept(pages[count] >>> SHIFT)) {
                    mark(pages[count++] >>> SHIFT);
                }
                if (count < found) {
                    next = pages[count];
                    isEnd = false;
                } else if (count > 0) {
                    next = pages[count - 1] + 1;
                }
            }
            nextPage = isEnd ? 0 : next;
            marked = isEnd ? NONE : marked;
            if (count == 0) {
                isFutile = isRound;
                endBatch();
            }
            return count;
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

        /** Returns the first page at or after {@code page} that is not in a kept block. */
        private long behindKept(long page) {
            long block = page >>> SHIFT;
            while (isKept(block)) {
                block++;
            }
            return Math.max(page, block << SHIFT);
        }

        /** Marks a block before its first page is checked, once per round. A second mark could hide an event. */
        private void mark(long block) {
            if (block > marked) {
                hasStates = true;
                blocks.put(block, SCANNED);
                marked = block;
            }
        }

        /** Records the final state of a page of the batch. Pages are judged in ascending order. */
        void judge(long page, int frame, boolean isLocked) {
            boolean isDirty = frames.isDirty(frame);
            boolean isPinned = frames.isPinned(frame);
            if (isDirty && !frames.hasWriteFailed(frame)) {
                addDirty(page, page);
            }
            hasPinned |= isPinned;
            judge(page, isLocked || isDirty || isPinned);
        }

        /**
         * Records the final state of a page of the batch. The pages of the two methods are recorded in one ascending
         * order.
         *
         * @param stays whether the page can neither be freed now nor later, until an event
         */
        void judge(long page, boolean stays) {
            long block = page >>> SHIFT;
            if (block != judged) {
                endBlock();
                judged = block;
                isKept = true;
            }
            isKept &= stays;
        }

        /** Ends the judgement of a batch. */
        void endBatch() {
            if (judged != nextPage >>> SHIFT || nextPage == 0) {
                endBlock();
            }
        }

        private void endBlock() {
            if (judged == NONE) {
                return;
            }
            if (!isKept) {
                blocks.clear(judged);
            } else if (blocks.get(judged) == SCANNED) {
                // Needs no memory, because the index already contains the block.
                blocks.put(judged, KEPT);
            }
            judged = NONE;
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
         * low bits.
         */
        private long[] reads = new long[8];

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
        private int[] freed = {};

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
                long[] longer = new long[2 * size];
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
