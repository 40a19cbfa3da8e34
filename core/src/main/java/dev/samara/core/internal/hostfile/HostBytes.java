// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.mman.Errno;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Reads and writes of the bytes of one file of the host by calls, through its pages in memory, and holes in it ({@code
 * generic_file_read_iter}, {@code generic_file_write_iter}).
 */
final class HostBytes {
    /** The bytes of a write for which room is made at once. */
    private static final int MOST_BYTES = 128 << 10;

    private final HostInode inode;
    private final HostFiles files;
    private final FilePages pages;

    HostBytes(HostInode inode, HostFiles files) {
        this.inode = inode;
        this.files = files;
        pages = inode.pages();
    }

    /** Reads bytes of the file; see {@link dev.samara.core.backing.HostFile#pread}. */
    long pread(ByteBuffer target, long offset, ReadAhead ahead) {
        return transfer(target, offset, ahead);
    }

    /** Writes bytes of the file; see {@link dev.samara.core.backing.HostFile#pwrite}. */
    long pwrite(ByteBuffer source, long offset) {
        Cpus.checkMayWait("a write of a file");
        long end = offset + source.remaining();
        if (offset < 0 || end < 0) {
            return Errno.EINVAL.result();
        }
        inode.changesLock().lock();
        try {
            return end <= pages.size() || !source.hasRemaining()
                    ? transfer(source, offset, null)
                    : append(source, offset, end);
        } finally {
            inode.changesLock().unlock();
        }
    }

    /** Writes bytes that make the file larger. The caller holds the lock of the changes. */
    private long append(ByteBuffer source, long offset, long end) {
        long failed = inode.revalidate();
        if (failed != 0) {
            return failed;
        }
        long size = pages.size();
        failed = inode.grow(end);
        if (failed != 0) {
            return failed;
        }
        try {
            return transfer(source, offset, null);
        } finally {
            if (end > pages.size()) {
                inode.cutHost(size);
            }
        }
    }

    /** Writes some of the remaining bytes, so that a long write makes room in between. */
    private long write(ByteBuffer source, long offset) {
        int limit = source.limit();
        source.limit(Math.min(limit, source.position() + MOST_BYTES));
        try {
            return pages.pwrite(source, offset);
        } finally {
            source.limit(limit);
        }
    }

    /**
     * Reads or writes bytes.
     *
     * @param ahead tells how many pages are read at once; null for a write, which reads single pages
     */
    private long transfer(ByteBuffer buffer, long offset, @Nullable ReadAhead ahead) {
        boolean isWrite = ahead == null;
        long pageSize = pages.memory().frames().pageSize();
        long done = 0;
        boolean isFetched = false;
        for (; ; ) {
            if (isWrite && !isFetched) {
                // Not for a page that was just read: if no other page is clean, that one would be evicted, for ever.
                files.balanceDirty();
                files.makeRoom(inode);
            }
            isFetched = false;
            long part = isWrite ? write(buffer, offset + done) : pages.pread(buffer, offset + done);
            if (part >= 0) {
                done += part;
                if (part == 0 || !buffer.hasRemaining()) {
                    return done;
                }
            } else {
                long failed = part == Errno.EAGAIN.result() ? fetched((offset + done) / pageSize, ahead) : part;
                if (failed != 0) {
                    return done > 0 ? done : failed;
                }
                isFetched = true;
            }
        }
    }

    /** Reads a page. Returns a negated errno, or 0 if the page is in memory, or beyond an end that has changed. */
    private long fetched(long page, @Nullable ReadAhead ahead) {
        int frame = inode.fetch(page, ahead == null ? 1 : ahead.window(page, 0), true);
        return frame == FilePages.NO_MEMORY
                ? Errno.ENOMEM.result()
                : frame == PageReads.UNREADABLE ? Errno.EIO.result() : 0;
    }

    /** Makes bytes zeros; see {@link dev.samara.core.backing.HostFile#punch}. */
    long punch(long offset, long length) {
        Cpus.checkMayWait("the punching of a hole");
        inode.changesLock().lock();
        try {
            long end = Math.min(offset + length, pages.size());
            int pageSize = pages.memory().frames().pageSize();
            long first = (offset + pageSize - 1) / pageSize;
            long behind = end / pageSize;
            if (first >= behind) {
                return zero(offset, end);
            }
            long failed = zero(offset, first * pageSize);
            failed = failed != 0 ? failed : punchPages(first, behind);
            return failed != 0 ? failed : zero(behind * pageSize, end);
        } finally {
            inode.changesLock().unlock();
        }
    }

    /** Writes zeros to less than two pages in memory. The caller holds the lock of the changes. */
    private long zero(long start, long end) {
        if (start >= end) {
            return 0;
        }
        ByteBuffer zeros = ByteBuffer.allocate((int) (end - start));
        long done = transfer(zeros, start, null);
        return done < 0 ? done : done < end - start ? Errno.EIO.result() : 0;
    }

    /** Makes whole pages zeros behind the cache, and removes them. The caller holds the lock of the changes. */
    private long punchPages(long first, long behind) {
        ByteBuffer zeros = files.buffers().take(0);
        inode.writeBackLock().lock();
        inode.exclusiveLock().lock();
        try {
            int shift = Integer.numberOfTrailingZeros(pages.memory().frames().pageSize());
            int room = Math.max(1, zeros.capacity() >>> shift);
            for (long page = first; page < behind; page += room) {
                long count = Math.min(room, behind - page);
                long failed = inode.writes().zero(zeros, page << shift, count << shift);
                if (failed != 0) {
                    return failed;
                }
                pages.remove(page, count);
            }
            return 0;
        } finally {
            inode.exclusiveLock().unlock();
            inode.writeBackLock().unlock();
            files.buffers().giveBack(zeros);
        }
    }
}
