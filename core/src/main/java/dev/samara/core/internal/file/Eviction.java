// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageCaches;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.pagewalk.DiscardPages;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Frees clean pages of one file, even if they are mapped ({@code shrink_folio_list} with {@code try_to_unmap}). It
 * visits the pages in the order of a cursor ({@link EvictionCursor}), and gives each page a second chance. At the first
 * visit, it removes the page from the mappings and marks it as <em>inactive</em>. At the next visit, it frees the page,
 * unless the page was mapped again in the meantime.
 *
 * <p>To free a page, an eviction removes it from the index and marks it removed, then removes it from the mappings, and
 * then checks it again. If the page was mapped, or became dirty or pinned in the meantime, the eviction puts it back.
 * Until the batch has ended, no read inserts one of its pages ({@link PagesUnderEviction}). Pages that are being
 * written are pinned. Pages that are mapped by locked memory are found first: they stay in the index, so they need no
 * grace period.
 *
 * <p>Pages of {@link RecentReads} get no second chance, because accesses to a mapped page are not observed. Only a
 * later read of a freed page shows that the page is still in use.
 */
final class Eviction {
    private final MachineMemory memory;
    private final ReverseMap mappings;
    private final Removals removals;
    private final SpareWalk spare;
    private final FilePages.CachedPages cached;
    private final int pageShift;

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
    private final PagesUnderEviction out = new PagesUnderEviction();

    /* Guarded by the inode lock. */

    final EvictionBatch batch;

    /** The mappings of the part of the batch that is being processed. */
    private final ArrayList<ReverseMap.Link> links = new ArrayList<>(0);

    /**
     * The mapping whose entries are being checked, or null if there is none.
     *
     * <p>Words: {@code walked}, {@code chosen}.
     * Written: an eviction, holding {@code inodeLock} (plain).
     * Read: an eviction, holding {@code inodeLock} (plain).
     * Invariant: the mapping whose entries are being checked, and the page of the batch that was claimed last.
     */
    private ReverseMap.@Nullable Link walked;

    /* Created once, so that evictions create no garbage. */

    private final ReverseMap.Visitor addition = links::add;
    private final ReverseMap.Visitor lockedAddition = this::addLocked;
    private final DiscardPages.Choice choice = new BatchEntries();

    Eviction(FilePages file, FilePages.Present present, AtomicLong counter, RecentReads recent, SpareWalk spare) {
        memory = file.memory();
        mappings = file.reverseMap();
        removals = present.removals;
        cached = present.cached;
        pageShift = cached.pageShift;
        this.counter = counter;
        this.recent = recent;
        this.spare = spare;
        cursor = new EvictionCursor(memory.frames(), cached.index, cached.content, memory.indexBudget());
        batch = new EvictionBatch(memory.frames(), cached, cursor, recent, out);
        mappings.whenUnlocked(cursor::noteUnlocked);
    }

    /** Records that a frame was inserted. The caller holds the content lock. */
    void noteInserted(long page, int frame) {
        if (frame != Frames.NONE) {
            counter.getAndAdd(1L << pageShift);
        }
        cursor.noteEvictable(page);
    }

    /** Subtracts pages whose frames are about to be freed from the number of cached bytes. */
    void uncount(int freed) {
        counter.getAndAdd(-((long) freed << pageShift));
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

    /** Returns whether a read must not insert a page. The caller holds the content lock. */
    boolean contains(long page) {
        return out.contains(page);
    }

    long atOrAfter(long page) {
        return out.atOrAfter(page);
    }

    /** Calls the evictor, if there is one. */
    int runUrgently(boolean isRetry) {
        UrgentEviction owners = evictor;
        return owners == null ? 0 : owners.evict(isRetry);
    }

    /**
     * Visits the next pages. May wait for CPUs and for a grace period. Does nothing if the last round found only pages
     * that cannot be freed, and no event since then may have changed that.
     *
     * @param isUrgent whether pages get no second chance, and whether the call returns instead of waiting for other
     *     changes of the file
     * @return the number of freed pages; {@link PageCaches#BUSY} if another thread changes the file
     */
    int run(boolean isUrgent) {
        if (cursor.isFutile()) {
            return removals.isOfAnother() ? PageCaches.BUSY : 0;
        }
        return run(isUrgent, false);
    }

    /**
     * Frees the oldest pages of the recent reads. May wait for CPUs, for a grace period, and for other changes of the
     * file.
     *
     * @return the number of freed pages; {@link PageCaches#BUSY} if no page-table context is free
     */
    int runRecent() {
        return run(false, true);
    }

    /**
     * Frees the pages of a range that are clean, not pinned and not locked, whether they are mapped or not. May wait
     * for CPUs, for a grace period, and for other changes of the file.
     */
    void runRange(long first, long last) {
        long next = first;
        while (next >= 0 && next <= last) {
            StackReserve.check(Removals.DEPTH);
            removals.lock();
            try {
                next = freeNext(next, last);
            } finally {
                removals.release();
            }
        }
    }

    /** Frees pages of a part of a range. Returns the page after the part; -1 if no page is left. */
    private long freeNext(long first, long last) {
        DiscardPages walk = removals.unfinished() != null ? null : spare.beginOrNull();
        if (walk == null) {
            // A removal is unfinished, or no page table context is free. Returns without an error, because only advice
            // requests this, and advice may be ignored.
            return -1;
        }
        long next;
        try (walk) {
            int[] freed = walk.roomForDrops(EvictionBatch.most());
            int found = batch.collect(first, last);
            next = found < EvictionBatch.most() ? -1 : batch.page(found - 1) + 1;
            if (found > 0) {
                freeBatch(walk, true, freed);
            }
        }
        spare.giveBack(walk);
        return next;
    }

    private int run(boolean isUrgent, boolean isOfRecent) {
        StackReserve.check(Removals.DEPTH);
        if (!isUrgent) {
            removals.lock();
        } else if (!removals.tryLock()) {
            return PageCaches.BUSY;
        }
        try {
            DiscardPages walk = removals.unfinished() != null ? null : spare.beginOrNull();
            if (walk == null) {
                return PageCaches.BUSY;
            }
            int freed;
            try (walk) {
                freed = free(walk, isUrgent || isOfRecent, isOfRecent);
            }
            spare.giveBack(walk);
            return freed;
        } finally {
            removals.release();
        }
    }

    /**
     * Frees the next pages, as {@link #run} describes.
     *
     * @param isLastChance whether pages get no second chance
     * @param isOfRecent whether to free pages of the recent reads
     */
    private int free(DiscardPages discarding, boolean isLastChance, boolean isOfRecent) {
        // Allocated before any page leaves the index: if there is no memory for it, all pages stay.
        int[] freed = discarding.roomForDrops(EvictionBatch.most());
        return batch.collect(isOfRecent) == 0 ? 0 : freeBatch(discarding, isLastChance, freed);
    }

    private int freeBatch(DiscardPages discarding, boolean isLastChance, int[] freed) {
        boolean isOver = false;
        try {
            findLocked(discarding);
            batch.takeOut(isLastChance);
            unmap(discarding);
            isOver = true;
        } finally {
            batch.putBack(isLastChance, !isOver);
        }
        int size = batch.handOver(freed);
        discarding.dropWhenFinished(freed, size);
        // Pruned only after the hand-over, because an index that becomes empty is replaced, which needs memory. A
        // failure must not lose the frames.
        batch.prune();
        discarding.finish();
        return size;
    }

    /** Finds the pages that are mapped by locked memory. The walk finds pages that become locked after this. */
    private void findLocked(DiscardPages discarding) {
        links.clear();
        mappings.visit(batch.page(0), batch.page(batch.size() - 1), lockedAddition);
        try {
            for (int i = 0; i < links.size(); i++) {
                ReverseMap.Link link = links.get(i);
                if (discarding.hold(link.table())) {
                    batch.findLocked(link);
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

    private void unmap(DiscardPages discarding) {
        List<AccessChecker.Revocation> revocations = memory.accessChecker() == null ? List.of() : new ArrayList<>();
        try {
            int from = 0;
            while (from < batch.size()) {
                int to = batch.partEnd(from);
                if (!batch.areAllLocked(from, to)) {
                    unmap(discarding, from, to, revocations);
                }
                from = to;
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

    /** Removes the pages of the batch with indexes from {@code from} to {@code to}, exclusive, from the mappings. */
    private void unmap(DiscardPages discarding, int from, int to, List<AccessChecker.Revocation> revocations) {
        long first = batch.page(from);
        long last = batch.page(to - 1);
        links.clear();
        mappings.visit(first, last, addition);
        try {
            for (int i = 0; i < links.size(); i++) {
                ReverseMap.Link link = links.get(i);
                if (discarding.hold(link.table())) {
                    walked = link;
                    unmap(discarding, link, first, last, to - from, revocations);
                }
            }
        } finally {
            walked = null;
            links.clear();
        }
    }

    private void unmap(
            DiscardPages discarding,
            ReverseMap.Link link,
            long first,
            long last,
            int most,
            List<AccessChecker.Revocation> revocations) {
        AccessChecker checker = memory.accessChecker();
        VmArea vma = link.vma();
        PageTable table = link.table();
        int shift = batch.pageShift();
        long offset = vma.pageOffset();
        long from = vma.start() + (Math.max(first - offset, 0) << shift);
        long end = vma.start() + (Math.min(last - offset + 1, vma.length() >>> shift) << shift);
        if (checker != null) {
            revocations.add(checker.begin("an eviction", AccessChecker.ALL, table.number(), from, end));
        }
        discarding.discard(table, from, end, most, choice);
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
            int at = batch.indexOf(vma.pageOffset() + ((address - vma.start()) >>> batch.pageShift()), pte);
            if (at < 0) {
                return false;
            }
            if (vma.has(VmaFlags.LOCKED)) {
                batch.keep(at, link().isUnlinked());
                return false;
            }
            batch.setMapped(at);
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
            batch.keep(chosen, true);
            return true;
        }
    }
}
