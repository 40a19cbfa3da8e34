// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.DiscardPages;
import dev.samara.core.internal.sync.StackReserve;

/**
 * Changes the size of one file, and punches holes into it ({@code truncate_pagecache}, {@code truncate_setsize}, {@code
 * FALLOC_FL_PUNCH_HOLE}). A fault that is concurrent with a truncation maps no page beyond the new end, because {@link
 * Removals} marks the frames first, and each fault checks this mark under the lock of its leaf.
 */
final class Truncation {
    private static final long NO_TAIL = -1;

    private final MachineMemory memory;
    private final Frames frames;
    private final FilePages.CachedPages cached;
    private final Removals removals;
    private final TruncationLog truncations;

    /** Whether bytes that were stored beyond the end through a mapping become zeros when the file grows. */
    private final boolean forgetsBeyondEnd;

    /**
     * The offset from which the rest of the page must be filled with zeros before the file grows, or {@link #NO_TAIL}.
     * Either a truncation has not filled it yet, or a write may have left bytes beyond the end. Guarded by the inode
     * lock.
     *
     * <p>Written: holder of {@code inodeLock} (plain).
     * Read: holder of {@code inodeLock} (plain).
     * Invariant: the start of the part of the last page that may still contain bytes that a truncation cut off. The
     *     file does not grow before this part is filled with zeros.
     */
    private long tail = NO_TAIL;

    Truncation(MachineMemory memory, FilePages.CachedPages cached, Removals removals, TruncationLog truncations) {
        this.memory = memory;
        this.cached = cached;
        this.removals = removals;
        this.truncations = truncations;
        frames = memory.frames();
        forgetsBeyondEnd = (cached.number & Frames.SAVED) != 0;
    }

    /** Sets the size. May wait for CPUs and for a grace period. */
    void truncate(long bytes) {
        ThreadCpus.checkMayWait("a truncation");
        StackReserve.check(Removals.DEPTH);
        if (bytes < 0) {
            throw new IllegalArgumentException("size " + bytes + " is negative");
        }
        removals.lock();
        try {
            if (bytes < cached.size) {
                shrink(bytes);
            } else {
                beginGrowth();
                endGrowth(bytes);
            }
        } finally {
            removals.release();
        }
    }

    /** The caller holds the inode lock. */
    private void shrink(long bytes) {
        long first = cached.pages(bytes);
        // Acquires the page table context first: if none is free, nothing is changed.
        try (DiscardPages discarding = new DiscardPages(memory, Pte.NONE)) {
            removals.resume(discarding);
            Removal removal = new Removal(first, Long.MAX_VALUE, true);
            TruncationLog.LoggedTruncation link = new TruncationLog.LoggedTruncation(first);
            cached.content.lock();
            try {
                cached.collect(removal);
                cached.size = bytes;
                removals.begin(removal);
                // If an earlier truncation has left a tail, it is part of this tail, or in a page that this truncation
                // removes.
                tail = bytes;
                truncations.add(link);
                cached.takeOut(removal);
            } finally {
                cached.content.unlock();
            }
            zeroTail(discarding.context());
            removals.resume(discarding);
            truncations.setWalked();
        }
    }

    /**
     * Prepares the file to grow. In a saved file, replaces bytes that were stored beyond the end by zeros, which is
     * what the stored file contains ({@code ext4_block_zero_page_range}); a file in memory keeps these bytes ({@code
     * shmem_setattr}). The caller then writes beyond the end, and calls {@link #endGrowth} unless the write failed. The
     * bytes of a failed write are cleared before the file next grows. May wait for CPUs. The caller holds the inode
     * lock until after {@code endGrowth}.
     */
    void beginGrowth() {
        ThreadCpus.checkMayWait("a change of a file's size");
        // Pages of an unfinished removal were beyond the end, and must be removed before the growth would include them
        // in the file.
        removals.resumeUnfinished();
        if (forgetsBeyondEnd) {
            tail = cached.size;
        }
        zeroTail();
        tail = cached.size;
    }

    /** Sets the size of a file that {@link #beginGrowth} prepared. */
    void endGrowth(long bytes) {
        cached.content.lock();
        try {
            cached.size = bytes;
            tail = NO_TAIL;
        } finally {
            cached.content.unlock();
        }
    }

    /**
     * Removes the whole pages of a range of bytes, like {@link Removals#remove}, and fills the rest with zeros ({@code
     * FALLOC_FL_PUNCH_HOLE}).
     */
    void punch(long start, long length) {
        ThreadCpus.checkMayWait("the punching of a hole");
        StackReserve.check(Removals.DEPTH);
        // The hole may extend to the end of the last page, because the part beyond the end of the file is visible
        // through mappings.
        long end = Math.min(start + length, cached.startOf(cached.pages()));
        long first = cached.pages(start);
        long behind = end >>> cached.pageShift;
        if (first <= behind) {
            zero(start, Math.min(cached.startOf(first), end));
            zero(Math.max(behind << cached.pageShift, start), end);
            removals.remove(null, first, behind - first);
        } else {
            zero(start, end);
        }
    }

    /** The caller holds the inode lock. */
    private void zeroTail() {
        if (tail == NO_TAIL) {
            return;
        }
        PageTableContext context = memory.contexts().borrow();
        try {
            zeroTail(context);
        } finally {
            memory.contexts().giveBack(context);
        }
    }

    /** Fills the rest of the last page with zeros, if that is outstanding. The caller holds the inode lock. */
    private void zeroTail(PageTableContext context) {
        long from = tail;
        if (from != NO_TAIL) {
            zero(from, cached.startOf(cached.pages(from)), context);
            tail = NO_TAIL;
        }
    }

    /** Fills bytes within one page with zeros, if the page is in memory. */
    private void zero(long start, long end) {
        if (start >= end) {
            return;
        }
        PageTableContext context = memory.contexts().borrow();
        try {
            zero(start, end, context);
        } finally {
            memory.contexts().giveBack(context);
        }
    }

    private void zero(long start, long end, PageTableContext context) {
        if (start >= end) {
            return;
        }
        try {
            context.reader().readLock();
            int frame = cached.frameAt(start >>> cached.pageShift);
            if (frame != Frames.NONE) {
                if (!forgetsBeyondEnd) {
                    // Marked dirty, as in shmem_undo_range. A host file needs no mark, because its stored content also
                    // gets the zeros.
                    frames.setDirty(frame);
                }
                frames.store().fill(frame, (int) start & frames.pageSize() - 1, (int) (end - start), (byte) 0);
            }
        } finally {
            context.reader().readUnlockAll();
        }
    }
}
