// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.memory.IndexBudget;
import dev.samara.core.internal.page.Frames;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The clock hand of the evictions of one file: the place at which the next eviction continues. It skips blocks of which
 * no page can be freed, because all pages of the block that are in memory are locked, pinned or dirty; likewise,
 * reclaim on Linux does not scan the unevictable list. Otherwise each miss at the memory limit would try all these
 * pages again.
 *
 * <p>A block is <em>kept</em> once a scan of the whole block has found only such pages. It is scanned again after an
 * event that may make one of its pages evictable. Two kinds of events affect only their block, and acquire the content
 * lock: the insertion of a page, and the end of a write-back that cleaned a page. Two other kinds are detected by the
 * next scan, which then forgets all kept blocks: a VMA with the lock flag was unlinked, or a frame was unpinned.
 *
 * <p>No event is missed. A scan marks its block before it checks the first page, and the block is kept only if the mark
 * is still set after the last page. A thread changes the page first, and then clears the mark of the block. So if the
 * scan checked the page before the change, the mark is cleared after the scan set it, and the block is not kept.
 *
 * <p>A locked page can become evictable without an event: a store to a private mapping replaces it by a copy, or {@code
 * MADV_DONTNEED_LOCKED} unmaps it. So can a dirty page, when space becomes free on the host's device. For these cases,
 * {@link #retry} is called from time to time.
 *
 * <p>Guarded by the content lock, which the caller holds unless the comment of a method says otherwise.
 */
final class EvictionCursor {
    /** Binary logarithm of the number of pages of a block. */
    private static final int SHIFT = 9;

    private static final long NONE = -1;

    /* The states of a block. A block that is in neither state is not in the index. */

    private static final int SCANNED = 0;
    private static final int KEPT = 1;

    private final Frames frames;
    private final PageIndex index;
    private final ReentrantLock content;

    /**
     * One range that contains the dirty pages that evictions found, so that a write-back for an eviction need not visit
     * all pages of the file.
     *
     * <p>Words: {@code dirtyFirst}, {@code dirtyLast}.
     * Written: holder of {@code content} (plain).
     * Read: holder of {@code content} (plain).
     * Invariant: a range that contains every dirty page that an eviction found since the last write-back of such pages.
     */
    private long dirtyFirst = Long.MAX_VALUE;

    private long dirtyLast = -1;

    /** The states of the blocks, by block number. */
    private final PageIndex blocks;

    /**
     * Whether any block may have a state.
     *
     * <p>Words: {@code hasStates}, {@code nextPage}, {@code marked}, {@code judged}, {@code isKept}, {@code isFutile},
     *     {@code hasPinned}, {@code unpins}.
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
     * Whether a VMA with the lock flag was unlinked. Set by any thread after the link is marked unlinked. Reset by a
     * scan before it checks links. So either the scan finds the link unlinked, or this is set again after the reset.
     * Volatile, because each side writes one of the two words (this and the link's {@code isUnlinked}) and then reads
     * the other.
     *
     * <p>Written: true by the unlinking of a VMA with the lock flag, after the link is marked unlinked, by an eviction
     *     that meets a VMA that is no longer linked, and by {@code retry}; false by a scan, holding the content lock,
     *     before it checks links and entries (all volatile).
     * Read: a scan, and the check whether a scan is futile, holding the content lock (volatile).
     * Pairs: with {@code isUnlinked} of {@code ReverseMap.Link}. Either the scan finds the link unlinked, and treats no
     *     page as locked because of it, or this is set again after the scan reset it. In the second case the next scan
     *     forgets all kept blocks.
     * Invariant: false only if each page that was kept because it was locked is still locked, except for unlinkings
     *     under way and for the cases that need {@code retry}.
     */
    private volatile boolean isOutdated;

    /** Whether a pinned page was kept since the last time all blocks were forgotten. */
    private boolean hasPinned;

    /**
     * The number of unpins before the first check of a pinned page that was kept. A later unpin of the page increments
     * {@code Frames.unpins}.
     */
    private long unpins;

    EvictionCursor(Frames frames, PageIndex index, ReentrantLock content, IndexBudget budget) {
        this.frames = frames;
        this.index = index;
        this.content = content;
        blocks = new PageIndex(1, budget);
    }

    /** Adds dirty pages of a range, inclusive. Acquires the lock. */
    void addDirty(long first, long last) {
        content.lock();
        try {
            dirtyFirst = Math.min(dirtyFirst, first);
            dirtyLast = Math.max(dirtyLast, last);
        } finally {
            content.unlock();
        }
    }

    /** Returns whether dirty pages were found since the last {@link #takeDirty}. Acquires the lock. */
    boolean hasDirty() {
        content.lock();
        try {
            return dirtyFirst <= dirtyLast;
        } finally {
            content.unlock();
        }
    }

    /**
     * Returns the first and the last page of the range of dirty pages, inclusive, and empties the range. If the range
     * was empty, the first page is larger than the last one. Acquires the lock.
     */
    long[] takeDirty() {
        // Allocated before the range is emptied, because there may be no memory.
        long[] taken = new long[2];
        content.lock();
        try {
            taken[0] = dirtyFirst;
            taken[1] = dirtyLast;
            dirtyFirst = Long.MAX_VALUE;
            dirtyLast = -1;
            return taken;
        } finally {
            content.unlock();
        }
    }

    /** Returns whether the next batch starts at page 0. Acquires the lock. */
    boolean isAtStart() {
        content.lock();
        try {
            return nextPage == 0;
        } finally {
            content.unlock();
        }
    }

    /** Returns whether the next round is known to find no page. Acquires the lock. */
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
     * Collects the next pages outside kept blocks, in ascending order. The caller then {@linkplain #judge judges} each
     * page. If this fails for lack of memory, the cursor does not move.
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
     * Records a page of the batch that was freed, or that may be freed later. The pages of this method and of {@link
     * #judge} are recorded in one ascending order.
     */
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

    /**
     * Makes later calls retry all pages, and the write of all dirty pages, including pages whose last write failed.
     * Acquires the lock.
     */
    void retry() {
        isOutdated = true;
        addDirty(0, Long.MAX_VALUE);
    }
}
