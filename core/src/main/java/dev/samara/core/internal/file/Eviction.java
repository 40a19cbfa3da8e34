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
import dev.samara.core.internal.tlb.HeldTables;
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
 * in the order of a cursor ({@link EvictionCursor}), and gives each page a second chance. At the first visit, it
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

    /* Where the pages of a batch come from. */

    static final int CURSOR = 0;
    static final int RECENT = 1;
    private static final int RANGE = 2;

    private final MachineMemory memory;
    private final Frames frames;
    private final FilePages.CachedPages cached;
    private final ReverseMap mappings;
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

    /**
     * When memory is short, frees pages if the file's owner permits it; null if nothing does. Set before the first page
     * is inserted.
     */
    @Nullable
    UrgentEviction evictor;

    /* Guarded by the content lock. */

    final EvictionCursor cursor;
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

    private boolean[] isMapped = {};
    private final ArrayList<ReverseMap.Link> links = new ArrayList<>(0);
    private final ReverseMap.Visitor addition = links::add;
    private final ReverseMap.Visitor lockedAddition = this::addLocked;
    private final BatchEntries choice = new BatchEntries();

    /**
     * The page after the last batch of {@link #runRange}; -1 if no page is left.
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

    /** Creates the evictions of a saved file. */
    Eviction(FilePages file, FilePages.Present present, AtomicLong counter, RecentReads recent, SpareWalk spare) {
        memory = file.memory();
        frames = memory.frames();
        cached = present.cached;
        truncation = present.truncation;
        mappings = file.reverseMap();
        this.counter = counter;
        this.recent = recent;
        this.spare = spare;
        cursor = new EvictionCursor(frames, cached.index, cached.content, memory.indexBudget());
        batch = new PageBatch(cached, mappings);
        mappings.whenUnlocked(cursor::noteUnlocked);
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
        return underWay > 0 && Arrays.binarySearch(batch.pages, 0, underWay, page) >= 0;
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

    /** See {@link FilePages#evict}. */
    int run(boolean isUrgent) {
        if (cursor.isFutile()) {
            return truncation.isOfAnother() ? PageCaches.BUSY : 0;
        }
        return run(CURSOR, isUrgent, 0, Long.MAX_VALUE);
    }

    /** See {@link FilePages#evictRecent}. */
    int runRecent() {
        return run(RECENT, false, 0, Long.MAX_VALUE);
    }

    /** See {@link FilePages#evictRange}. */
    void runRange(long first, long last) {
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

    private int run(int source, boolean isUrgent, long first, long last) {
        StackReserve.check(Truncation.DEPTH);
        if (!isUrgent) {
            truncation.lock();
        } else if (!truncation.tryLock()) {
            return PageCaches.BUSY;
        }
        try {
            DiscardPages walk = truncation.hasUnfinished() ? null : spare.beginOrNull();
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
        links.clear();
        mappings.visit(batch.pages[0], batch.pages[batch.count - 1], lockedAddition);
        try {
            for (int k = 0; k < links.size(); k++) {
                ReverseMap.Link link = links.get(k);
                if (discarding.hold(link.table())) {
                    for (int i = 0; i < batch.count; i++) {
                        batch.isMarked[i] = batch.isMarked[i] || Pte.isPresent(batch.entry(link, i, Pte.NONE));
                    }
                }
            }
        } finally {
            links.clear();
        }
    }

    private void addLocked(ReverseMap.Link link) {
        if (link.vma().has(VmaFlags.LOCKED) && !link.isUnlinked()) {
            links.add(link);
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
        List<AccessChecker.Revocation> revocations = memory.accessChecker() == null ? List.of() : new ArrayList<>();
        try {
            int to;
            for (int from = 0; from < batch.count; from = to) {
                to = batch.partEnd(from);
                if (!areAllLocked(from, to)) {
                    unmap(discarding, from, to, revocations);
                }
            }
            if (batch.areSomeOut()) {
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
        links.clear();
        mappings.visit(batch.pages[from], batch.pages[to - 1], addition);
        AccessChecker checker = memory.accessChecker();
        try {
            for (int k = 0; k < links.size(); k++) {
                ReverseMap.Link link = links.get(k);
                PageTable table = link.table();
                if (discarding.hold(table)) {
                    walked = link;
                    long start = batch.startIn(link.vma(), from);
                    long end = batch.endIn(link.vma(), to - 1);
                    if (checker != null) {
                        revocations.add(checker.begin("an eviction", AccessChecker.ALL, table.number(), start, end));
                    }
                    discarding.discard(table, start, end, to - from, choice);
                }
            }
        } finally {
            walked = null;
            links.clear();
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
            VmArea vma = link().vma();
            int at = Pte.isCached(pte) ? batch.indexOf(batch.pageAt(vma, address), Pte.frame(pte)) : -1;
            if (at < 0 || batch.isMarked[at]) {
                return false;
            }
            if (vma.has(VmaFlags.LOCKED)) {
                keep(at, link().isUnlinked());
                return false;
            }
            setMapped(at);
            chosen = at;
            return true;
        }

        @Override
        public boolean spares(long pte) {
            // A volatile read, after the compare-and-set of the claim. Pairs with mlock, which detaches the VMA and
            // then reads the entry: either this read finds the VMA detached, or mlock finds the entry busy and faults
            // the page in.
            if (!link().vma().isDetached()) {
                return false;
            }
            keep(chosen, true);
            return true;
        }
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
                    cursor.judgeEvictable(batch.pages[i]);
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
    static int reclaim(FilePages file, FilePages.Present present) {
        FilePages.CachedPages cached = present.cached;
        StackReserve.check(Truncation.DEPTH);
        if (!present.truncation.tryLock()) {
            cached.hand = 0;
            return PageCaches.BUSY;
        }
        try {
            if (present.truncation.hasUnfinished()) {
                cached.hand = 0;
                try (DiscardPages discarding = DiscardPages.orNull(cached.memory, Pte.NONE)) {
                    return discarding == null ? 0 : present.truncation.resume(discarding);
                }
            }
            PageBatch batch = new PageBatch(cached, file.reverseMap());
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
            present.truncation.release();
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
                boolean mayBeWritten = WriteBack.mayWrite(link.vma());
                // If the space has ended, it no longer maps any page.
                int count = held.hold(link.table()) ? batch.count : 0;
                for (int i = 0; i < count; i++) {
                    if (batch.isIn(link.vma(), i) && !batch.isMarked[i]) {
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
        long address = batch.startIn(link.vma(), i);
        return link.table().nextLeaf(address, address + 1) == address && batch.entry(link, i, -1) != Pte.NONE;
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
}
