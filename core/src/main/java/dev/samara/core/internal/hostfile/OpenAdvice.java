// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.page.Frames;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.FileAdvice;
import java.util.concurrent.atomic.AtomicInteger;

/** What one open of a file does with advice about its pages ({@code mm/fadvise.c}). Thread-safe. */
final class OpenAdvice {
    /** The most tasks of one open that read ahead; further advice is dropped. */
    private static final int MOST_READS_AHEAD = 16;

    private final HostOpens opens;
    private final HostInode inode;
    private final OpenUses uses;
    private final ReadAhead readAhead;
    private final Frames frames;
    private final int pageShift;

    /**
     * The tasks that read ahead. They are few, since a guest may give any number of advices.
     *
     * @written a thread that gives advice (get-and-increment); the task, or that thread if it gives none (get-and-add)
     * @read by these only
     * @invariant the tasks that read ahead for this open, and the threads that are about to give one; there are at most
     *     16 tasks
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

    /** Takes advice; see {@link dev.samara.core.backing.HostFile#fadvise}. The caller has a use of the open. */
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
                // As before Linux 6.3.
            }
            default -> {
                return Errno.EINVAL.result();
            }
        }
        return 0;
    }

    /** Frees the clean pages that lie in a range as a whole, as {@code generic_fadvise} rounds it. */
    private void dontNeed(long offset, long end) {
        long first = (offset >>> pageShift) + ((offset & frames.pageSize() - 1) == 0 ? 0 : 1);
        // The last page of the file counts as a whole one if the range has all of its bytes.
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
