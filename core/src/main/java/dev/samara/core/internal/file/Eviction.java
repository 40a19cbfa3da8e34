// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Caches;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.DiscardPages;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Frees clean pages of one file, though they are mapped ({@code shrink_folio_list} with {@code try_to_unmap}). A clock
 * hand goes over the pages, and gives each a second chance: the first time it removes a page from the mappings and
 * notes it as <em>inactive</em>. The next time it frees the page, unless the page is mapped again by then.
 *
 * <p>A page that is to be freed leaves the index and is marked as removed, then it is removed from the mappings, and
 * then it is looked at once more. A page that has become dirty or pinned meanwhile, or was mapped, is put back. No read
 * inserts a page of the batch before that ({@link PagesOut}). Pages that are being written are pinned.
 *
 * <p>Pages of {@link RecentReads} get no second chance: nothing tells of an access to a page that is mapped, but for a
 * later read of a page that was freed.
 */
final class Eviction {
    private static final int BATCH = 64;

    /** The largest distance of two pages of a batch that one walk goes over. */
    private static final int GAP = 256;

    private final MachineMemory memory;
    private final Frames frames;
    private final CachedPages cached;
    private final ReverseMap mappings;
    private final Removals removals;

    private final SpareWalk spare;

    /** Guarded by the lock of the content. */
    private final RecentReads recent;

    /** Guarded by the lock of the content. */
    private final PagesOut out;

    /** The page at which the next batch begins. Guarded by the lock of the content. */
    private long hand;

    /* Guarded by the inode lock. */

    private final long[] pages = new long[BATCH];
    private final int[] taken = new int[BATCH];

    /** Whether a page has left the index. */
    private final boolean[] isOut = new boolean[BATCH];

    private final boolean[] isMapped = new boolean[BATCH];

    /** Whether a page is mapped by locked memory, and stays. */
    private final boolean[] isLocked = new boolean[BATCH];

    private int count;

    /** The mappings of a part of the batch. */
    private final ArrayList<ReverseMap.Link> links = new ArrayList<>(0);

    /** The mapping whose entries are looked at; null for none. */
    private ReverseMap.@Nullable Link walked;

    /* Made once, since each would be garbage of an eviction. */

    private final ReverseMap.Visitor addition = links::add;
    private final DiscardPages.Choice choice = this::takes;

    Eviction(
            MachineMemory memory,
            CachedPages cached,
            ReverseMap mappings,
            Removals removals,
            RecentReads recent,
            PagesOut out,
            SpareWalk spare) {
        this.spare = spare;
        this.out = out;
        this.recent = recent;
        this.memory = memory;
        this.cached = cached;
        this.mappings = mappings;
        this.removals = removals;
        frames = memory.frames();
    }

    /**
     * Goes over the next pages. May wait for CPUs and for a grace period.
     *
     * @param isUrgent whether pages get no second chance, and this does not wait for other changes of the file
     * @return the number of freed pages; {@link Caches#BUSY} if another thread changes the file
     */
    int run(boolean isUrgent) {
        return run(isUrgent, false);
    }

    /**
     * Frees the oldest ones of the recent reads. May wait for CPUs, for a grace period, and for other changes of the
     * file.
     *
     * @return the number of freed pages; {@link Caches#BUSY} if no page-table context is free
     */
    int runRecent() {
        return run(false, true);
    }

    private int run(boolean isUrgent, boolean isOfRecent) {
        StackReserve.check(Removals.DEPTH);
        if (!isUrgent) {
            removals.lock();
        } else if (!removals.tryLock()) {
            return Caches.BUSY;
        }
        try {
            DiscardPages walk = removals.unfinished() != null ? null : spare.beginOrNull();
            if (walk == null) {
                return Caches.BUSY;
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

    /** Returns whether the next batch begins with the first page. */
    boolean isAtStart() {
        ReentrantLock content = cached.content();
        content.lock();
        try {
            return hand == 0;
        } finally {
            content.unlock();
        }
    }

    /** Frees pages; see {@link #collect} for the arguments. */
    private int free(DiscardPages discarding, boolean isLastChance, boolean isOfRecent) {
        // Before a page leaves the index: without memory for this, none does.
        int[] freed = discarding.roomForDrops(BATCH);
        boolean isOver = false;
        collect(isLastChance, isOfRecent);
        if (count == 0) {
            return 0;
        }
        try {
            unmap(discarding);
            isOver = true;
        } finally {
            putBack(isLastChance, !isOver);
        }
        int size = handOver(discarding, freed);
        // Later: an empty index needs memory, and the frames must not be lost.
        prune();
        discarding.finish();
        return size;
    }

    /**
     * Collects the next pages, and takes those out of the index that are to be freed.
     *
     * @param isLastChance whether pages get no second chance
     * @param isOfRecent whether the pages are those of the recent reads
     */
    private void collect(boolean isLastChance, boolean isOfRecent) {
        ReentrantLock content = cached.content();
        content.lock();
        try {
            if (isOfRecent) {
                count = recent.collect(cached.index(), cached.pages(), pages, taken);
            } else {
                count = cached.index().collect(hand, pages, taken);
                hand = count < BATCH ? 0 : pages[count - 1] + 1;
            }
            out.set(pages, count);
            cached.beginRemoval();
            try {
                for (int i = 0; i < count; i++) {
                    isMapped[i] = false;
                    isLocked[i] = false;
                    isOut[i] = (isLastChance || frames.isInactive(taken[i])) && !isInUse(taken[i]);
                    if (isOut[i]) {
                        frames.remove(taken[i]);
                        cached.index().clear(pages[i]);
                    }
                }
            } finally {
                cached.endRemoval();
            }
        } finally {
            content.unlock();
        }
    }

    private boolean isInUse(int frame) {
        return frames.isDirty(frame) || frames.isPinned(frame);
    }

    private void unmap(DiscardPages discarding) {
        List<AccessChecker.Revocation> revocations = memory.accessChecker() == null ? List.of() : new ArrayList<>();
        try {
            int from = 0;
            while (from < count) {
                int to = partEnd(from);
                unmap(discarding, from, to, revocations);
                from = to;
            }
            if (areSomeOut()) {
                // Also if no entry was found: a fault may be between the index and its check, and a read at the frame.
                discarding.needGracePeriod();
            }
            discarding.finish();
        } finally {
            for (int i = 0; i < revocations.size(); i++) {
                revocations.get(i).close();
            }
        }
    }

    /** Returns the end of the pages of the batch that lie close together. */
    private int partEnd(int from) {
        int to = from + 1;
        while (to < count && pages[to] - pages[to - 1] <= GAP) {
            to++;
        }
        return to;
    }

    private boolean areSomeOut() {
        for (int i = 0; i < count; i++) {
            if (isOut[i]) {
                return true;
            }
        }
        return false;
    }

    /** Removes a part of the batch from the mappings: the pages from one index to another one, exclusive. */
    private void unmap(DiscardPages discarding, int first, int behind, List<AccessChecker.Revocation> revocations) {
        links.clear();
        mappings.visit(pages[first], pages[behind - 1], addition);
        try {
            for (int i = 0; i < links.size(); i++) {
                ReverseMap.Link link = links.get(i);
                if (discarding.hold(link.table())) {
                    walked = link;
                    unmap(discarding, link, first, behind, revocations);
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
            int first,
            int behind,
            List<AccessChecker.Revocation> revocations) {
        AccessChecker checker = memory.accessChecker();
        VmArea vma = link.vma();
        PageTable table = link.table();
        int shift = cached.pageShift();
        long offset = vma.pageOffset();
        long from = vma.start() + (Math.max(pages[first] - offset, 0) << shift);
        long end = vma.start() + (Math.min(pages[behind - 1] - offset + 1, vma.length() >>> shift) << shift);
        if (checker != null) {
            revocations.add(checker.begin("an eviction", AccessChecker.ALL, table.number(), from, end));
        }
        discarding.discard(table, from, end, choice);
    }

    /** Returns whether an entry has a page of the batch, and notes the page as mapped. */
    private boolean takes(long pte, long address) {
        VmArea vma = Objects.requireNonNull(walked, "walked").vma();
        long page = vma.pageOffset() + ((address - vma.start()) >>> cached.pageShift());
        int at = Arrays.binarySearch(pages, 0, count, page);
        if (at < 0 || !Pte.isCached(pte) || Pte.frame(pte) != taken[at]) {
            return false;
        }
        if (vma.has(VmaFlags.LOCKED)) {
            isLocked[at] = true;
            return false;
        }
        isMapped[at] = true;
        return true;
    }

    /**
     * Puts back the pages that stay, and notes the others that were looked at as inactive. No thread has found them
     * meanwhile, and what was written to them before has reached the marks of their frames.
     *
     * @param isLastChance whether a page is freed that was mapped again since it was noted as inactive
     * @param areAll whether all pages stay
     */
    private void putBack(boolean isLastChance, boolean areAll) {
        ReentrantLock content = cached.content();
        content.lock();
        try {
            for (int i = 0; i < count; i++) {
                if (!isOut[i]) {
                    frames.setInactive(taken[i], true);
                } else if (areAll || isLocked[i] || isInUse(taken[i]) || (isMapped[i] && !isLastChance)) {
                    frames.restore(taken[i]);
                    frames.setInactive(taken[i], false);
                    cached.index().put(pages[i], taken[i]);
                    isOut[i] = false;
                }
            }
            out.set(pages, 0);
        } finally {
            content.unlock();
        }
    }

    private void prune() {
        ReentrantLock content = cached.content();
        content.lock();
        try {
            for (int from = 0; from < count; ) {
                int to = partEnd(from);
                cached.index().prune(pages[from], pages[to - 1]);
                from = to;
            }
        } finally {
            content.unlock();
        }
    }

    private int handOver(DiscardPages discarding, int[] freed) {
        int size = 0;
        for (int i = 0; i < count; i++) {
            if (isOut[i]) {
                insertSorted(freed, size++, taken[i]);
            }
        }
        discarding.dropWhenFinished(freed, size);
        cached.uncount(size);
        return size;
    }

    /** Inserts a frame into sorted ones. Frames that follow each other are filled by one call of the host later. */
    private static void insertSorted(int[] sorted, int size, int frame) {
        // Not by the JDK, whose sort needs memory.
        int at = size;
        while (at > 0 && sorted[at - 1] > frame) {
            sorted[at] = sorted[at - 1];
            at--;
        }
        sorted[at] = frame;
    }
}
