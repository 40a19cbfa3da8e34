// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.memory.IndexBudget;
import dev.samara.core.internal.page.Frames;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The place at which the evictions of one file continue, as a clock hand goes round. It passes over blocks of pages of
 * which none can be freed, as reclaim on Linux does not scan the unevictable list: all pages of the block in memory are
 * locked, pinned or dirty. Without that, each miss at the limit would try all of them again.
 *
 * <p>A block is <em>kept</em> once a scan over all of it has found only such pages. It is scanned again after an event
 * that may make one of its pages evictable. Two kinds of events reach only their block, and take the lock of the
 * content: the insertion of a page, and the end of a write-back that has cleaned a page. Two other kinds are seen by
 * the next scan, which forgets all kept blocks: a VMA with the lock flag was unlinked, or a frame was unpinned.
 *
 * <p>No event is missed. A scan marks its block before it looks at the first page, and the block is kept only if the
 * mark is still there after the last page. Each event comes after the change of the page. If the scan saw the page
 * before the change, then the event comes after the mark, and removes it.
 *
 * <p>A locked page can become evictable without an event: a store to a private mapping replaces it by a copy, or {@code
 * MADV_DONTNEED_LOCKED} unmaps it. So can a dirty page, when the host has room for it. For these, {@link #retry} is
 * called from time to time.
 *
 * <p>Guarded by the lock of the content, which the caller holds unless a method says otherwise.
 */
final class EvictionCursor {
    /** Binary logarithm of the number of pages of a block. */
    private static final int SHIFT = 9;

    private static final long NONE = -1;

    /* The states of a block; no state for the others. */

    private static final int SCANNED = 0;
    private static final int KEPT = 1;

    private final Frames frames;
    private final PageIndex index;
    private final ReentrantLock content;
    private final EvictionDirtyRange dirty;

    /** The states of blocks, at the numbers of the blocks. */
    private final PageIndex blocks;

    /**
     * Whether there may be a state.
     *
     * @words {@code hasStates}, {@code nextPage}, {@code marked}, {@code judged}, {@code isKept}, {@code isFutile},
     *     {@code hasPinned}, {@code unpins}
     * @written holder of {@code content} (plain)
     * @read holder of {@code content} (plain)
     * @invariant the place of the next batch, and what the scan knows of the blocks
     */
    private boolean hasStates;

    /** The page at which the next batch begins. */
    private long nextPage;

    /** The last block of this round that has got its mark. */
    private long marked = NONE;

    /** The block of the last page that was judged, unless the block is over. */
    private long judged = NONE;

    /** Whether all its pages so far stay in any case. */
    private boolean isKept;

    /** Whether the last round has found no page outside of kept blocks. */
    private boolean isFutile;

    /**
     * Whether a VMA with the lock flag was unlinked. Set by any thread, after the link says so. Reset by a scan before
     * it looks at links: it finds the link unlinked, or this is set again. Volatile, since both write one and then read
     * the other.
     *
     * @written true by the unlinking of a VMA with the lock flag, after the link says that it is unlinked, by an
     *     eviction that meets a VMA that is no longer one, and by what tries all pages again; false by a scan, holding
     *     the lock of the content, before it looks at links and entries (all volatile)
     * @read a scan, and what asks whether one is in vain, holding the lock of the content (volatile)
     * @pairs with {@code isUnlinked} of {@code ReverseMap.Link}. Either the scan finds the link unlinked, and keeps no
     *     page for it, or the mark is set after the scan has reset it. Then the next scan forgets all blocks that it
     *     passes over
     * @invariant false only if each page that was kept because it was locked has been so since, but for unlinkings
     *     under way and what {@code retry} is for
     */
    private volatile boolean isOutdated;

    /** Whether a pinned page was kept since the last time all blocks were forgotten. */
    private boolean hasPinned;

    /** The number of unpins before the first look at such a page. A later unpin of the page makes it larger. */
    private long unpins;

    EvictionCursor(Frames frames, PageIndex index, ReentrantLock content, IndexBudget budget) {
        this.frames = frames;
        this.index = index;
        this.content = content;
        blocks = new PageIndex(1, budget);
        dirty = new EvictionDirtyRange(content);
    }

    /** Returns the dirty pages that were found. */
    EvictionDirtyRange dirty() {
        return dirty;
    }

    /** Returns whether the next batch begins with the first page. Takes the lock. */
    boolean isAtStart() {
        content.lock();
        try {
            return nextPage == 0;
        } finally {
            content.unlock();
        }
    }

    /** Returns whether it is known that the next round finds no page. Takes the lock. */
    boolean isFutile() {
        content.lock();
        try {
            return isFutile && !isOutdated();
        } finally {
            content.unlock();
        }
    }

    private boolean isOutdated() {
        return isOutdated || (hasPinned && frames.unpins() != unpins);
    }

    /**
     * Collects the next pages outside of kept blocks, in ascending order. Each is then {@linkplain #judge judged}. If
     * this fails for want of memory, the cursor stays.
     *
     * @param pages receives the page numbers
     * @param taken receives the frames; as long as {@code pages}
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
            int found = index.collect(next, pages, taken, count);
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

    /** Forgets the kept blocks after an event that may be one of any block. */
    private void refresh() {
        if (isOutdated()) {
            // In this order; see the field.
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

    /** Returns the first place at a page or behind it that is not in a kept block. */
    private long behindKept(long page) {
        long block = page >>> SHIFT;
        while (isKept(block)) {
            block++;
        }
        return Math.max(page, block << SHIFT);
    }

    /** Marks a block before its first page is looked at, once in a round. A second mark could come after an event. */
    private void mark(long block) {
        if (block > marked) {
            hasStates = true;
            blocks.put(block, SCANNED);
            marked = block;
        }
    }

    /** Notes what has become of a page of the batch, in ascending order. */
    void judge(long page, int frame, boolean isLocked) {
        boolean isDirty = frames.isDirty(frame);
        boolean isPinned = frames.isPinned(frame);
        if (isDirty && !frames.hasWriteFailed(frame)) {
            dirty.add(page, page);
        }
        hasPinned |= isPinned;
        judge(page, isLocked || isDirty || isPinned);
    }

    /** Notes a page of the batch that is free, or that may be freed later. In ascending order with the others. */
    void judgeEvictable(long page) {
        judge(page, false);
    }

    private void judge(long page, boolean stays) {
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
            // Needs no memory: there is a place.
            blocks.put(judged, KEPT);
        }
        judged = NONE;
    }

    /** Notes that a page was inserted, or is clean and unpinned now. */
    void noteEvictable(long page) {
        isFutile = false;
        if (hasStates) {
            blocks.clear(page >>> SHIFT);
        }
    }

    /** Notes that a VMA was unlinked that had the lock flag. Needs no lock. */
    void noteUnlocked() {
        isOutdated = true;
    }

    /** Forgets blocks of a range whose pages leave the file. */
    void removed(long first, long last) {
        if (hasStates) {
            blocks.removeIf(first >>> SHIFT, last >>> SHIFT, state -> true);
            hasStates = first > 0 || last < Long.MAX_VALUE;
        }
    }

    /** Retries all pages, and the write of all dirty ones, including those whose last write failed. Takes the lock. */
    void retry() {
        isOutdated = true;
        dirty.add(0, Long.MAX_VALUE);
    }
}
