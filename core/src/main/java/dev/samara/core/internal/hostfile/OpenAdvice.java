// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.page.Frames;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.FileAdvice;
import java.util.concurrent.atomic.AtomicInteger;

/** Follows the advice that is given about the pages of one open of a file ({@code mm/fadvise.c}). Thread-safe. */
final class OpenAdvice {
    /** The maximum number of read-ahead tasks per open. Further advice is dropped. */
    private static final int MOST_READS_AHEAD = 16;

    private final HostOpens opens;
    private final HostInode inode;
    private final OpenUses uses;
    private final ReadAhead readAhead;
    private final Frames frames;
    private final int pageShift;

    /**
     * The number of read-ahead tasks. It is limited, because a guest may give advice any number of times.
     *
     * <p>Written: a thread that gives advice (get-and-increment); the task, or that thread if it submits no task
     *     (get-and-add).
     * Read: only by these exchanges.
     * Invariant: the number of read-ahead tasks of this open, and of threads that are about to submit one; there are at
     *     most 16 tasks.
     */
    private final AtomicInteger readsAhead = new AtomicInteger();

    OpenAdvice(HostOpens opens, HostInode inode, OpenUses uses, ReadAhead readAhead) {
        this.opens = opens;
        this.inode = inode;
        this.uses = uses;
        this.readAhead = readAhead;
        frames = inode.pages().memory().frames();
        pageShift = Integer.numberOfTrailingZeros(frames.pageSize());
    }

    /** Follows advice; see {@link dev.samara.core.backing.HostFile#fadvise}. The caller holds a use of the open. */
    long give(long offset, long length, int advice) {
        if (offset < 0 || length < 0) {
            return Errno.EINVAL.result();
        }
        long end = length == 0 || offset + length < 0 ? Long.MAX_VALUE : offset + length;
        switch (advice) {
            case FileAdvice.POSIX_FADV_WILLNEED ->
                willNeed(offset, Math.min(end, inode.pages().size()) - offset);
            case FileAdvice.POSIX_FADV_DONTNEED -> dontNeed(offset, end);
            case FileAdvice.POSIX_FADV_NORMAL, FileAdvice.POSIX_FADV_RANDOM, FileAdvice.POSIX_FADV_SEQUENTIAL ->
                readAhead.advise(advice);
            case FileAdvice.POSIX_FADV_NOREUSE -> {
                // Ignored, as before Linux 6.3.
            }
            default -> {
                return Errno.EINVAL.result();
            }
        }
        return 0;
    }

    /** Frees the clean pages that are entirely within a range, which is rounded like in {@code generic_fadvise}. */
    private void dontNeed(long offset, long end) {
        long first = (offset >>> pageShift) + ((offset & frames.pageSize() - 1) == 0 ? 0 : 1);
        // The last page of the file counts as a whole page if the range contains all of its bytes.
        long last = end >= inode.pages().size() ? Long.MAX_VALUE : (end >>> pageShift) - 1;
        if (first <= last) {
            inode.evictRange(first, last);
        }
    }

    /** Starts to read pages; see {@link dev.samara.core.vma.Backing#willNeed}. */
    void willNeed(long offset, long length) {
        long first = offset >>> pageShift;
        long last = Math.min(
                (offset + length - 1) >>> pageShift, first + opens.limit().mostAhead(frames) - 1);
        if (length <= 0 || first > last) {
            return;
        }
        if (readsAhead.getAndIncrement() >= MOST_READS_AHEAD || !uses.use()) {
            readsAhead.getAndDecrement();
            return;
        }
        boolean isGiven = false;
        try {
            ForcedReadAhead reads = new ForcedReadAhead(inode, first, last, readAhead.most());
            opens.tasks().execute(() -> run(reads));
            isGiven = true;
        } finally {
            if (!isGiven) {
                endReadAhead();
            }
        }
    }

    private void run(ForcedReadAhead reads) {
        try {
            reads.run();
        } finally {
            endReadAhead();
        }
    }

    private void endReadAhead() {
        readsAhead.getAndDecrement();
        uses.unuse();
    }
}
