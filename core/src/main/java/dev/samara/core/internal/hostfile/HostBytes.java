// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.UncachedFile;
import dev.samara.core.mman.Errno;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Reads and writes the bytes of one host file by calls, through its pages in memory, and punches holes into it ({@code
 * generic_file_read_iter}, {@code generic_file_write_iter}).
 */
final class HostBytes {
    /** The maximum number of bytes of a write for which room is made at a time. */
    private static final int MOST_BYTES = 128 << 10;

    /**
     * The maximum number of bytes at the end of a file that become a hole by writing zeros, and after which a longer
     * hole checks the interrupt flag.
     */
    private static final int MOST_ZEROS = 16 << 20;

    /** The file ends before a byte that must be within it. */
    private static final long BEYOND_END = PageWrites.SHORT;

    private final InodeState inode;
    private final HostSize size;
    private final UncachedReads uncached;
    private final UncachedWrites direct;
    private final PageFetches fetches;
    private final PageWrites writes;
    private final FilePolicy policy;
    private final FilePages pages;
    private final int pageSize;

    HostBytes(
            InodeState inode,
            HostSize size,
            PageFetches fetches,
            PageWrites writes,
            UncachedWrites direct,
            FilePolicy policy) {
        this.inode = inode;
        this.size = size;
        this.fetches = fetches;
        this.writes = writes;
        this.direct = direct;
        this.policy = policy;
        uncached = new UncachedReads(inode, policy);
        pages = inode.pages();
        pageSize = pages.memory().frames().pageSize();
    }

    /**
     * Reads bytes of the file; see {@link dev.samara.core.backing.HostFile#pread}.
     *
     * @param ahead the read-ahead of the open; null if the open is direct
     */
    long pread(ByteBuffer target, long offset, @Nullable ReadAhead ahead) {
        long done = read(target, offset, ahead);
        if (done < 0 || !target.hasRemaining() || !size.isOther()) {
            return done;
        }
        // The read ended at the end of the file as the cache knows it, but another program has changed the size.
        long failed = size.revalidate();
        long rest = failed != 0 ? failed : read(target, offset + done, ahead);
        return done == 0 ? rest : done + Math.max(rest, 0);
    }

    /** Reads bytes of a mapping; see {@link UncachedFile#readUncached}. */
    int readMapped(ByteBuffer target, long offset, UncachedFile.AbsentEntries mapped) {
        return uncached.readMapped(target, offset, mapped);
    }

    /**
     * Writes bytes of the file; see {@link dev.samara.core.backing.HostFile#pwrite}.
     *
     * @param isDirect whether writes of pages that are not in memory bypass the cache
     */
    long pwrite(ByteBuffer source, long offset, boolean isDirect) {
        ThreadCpus.checkMayWait("a write of a file");
        if (offset < 0 || offset + source.remaining() < 0) {
            return Errno.EINVAL.result();
        }
        inode.changesLock().lock();
        try {
            long failed = size.revalidate();
            return failed != 0 ? failed : isDirect ? writeDirect(source, offset) : write(source, offset, true);
        } finally {
            inode.changesLock().unlock();
        }
    }

    /** Writes bytes at the end of the file; see {@link dev.samara.core.backing.HostFile#append} and {@link #pwrite}. */
    long append(ByteBuffer source, boolean isDirect) {
        ThreadCpus.checkMayWait("a write of a file");
        inode.changesLock().lock();
        try {
            long failed = size.revalidate();
            if (failed != 0) {
                return failed;
            }
            long end = pages.size();
            if (end + source.remaining() < 0) {
                return Errno.EFBIG.result();
            }
            long done = isDirect ? writeDirect(source, end) : write(source, end, true);
            return done < 0 ? done : end;
        } finally {
            inode.changesLock().unlock();
        }
    }

    private long read(ByteBuffer target, long offset, @Nullable ReadAhead ahead) {
        long done = 0;
        long failed = 0;
        while (failed == 0) {
            long at = offset + done;
            long part = pages.pread(target, at);
            if (part == Errno.EAGAIN.result()) {
                part = uncached.read(target, at, ahead == null);
                failed = part == 0 ? fetched(at / pageSize, ahead) : 0;
            } else if (part <= 0) {
                failed = part;
                break;
            }
            done += part;
            if (!target.hasRemaining()) {
                break;
            }
        }
        return done > 0 ? done : failed;
    }

    /**
     * Writes bytes. Whole pages that are not in memory bypass the cache; all other pages are written one by one like in
     * {@link #write}. The caller holds the lock of the changes.
     *
     * @return the number of bytes written; a negated errno if no byte was written
     */
    private long writeDirect(ByteBuffer source, long offset) {
        int start = source.position();
        long failed = 0;
        while (failed == 0 && source.hasRemaining()) {
            int before = source.position();
            long at = offset + before - start;
            failed = direct.write(source, at, before == start);
            if (failed == 0 && source.position() == before) {
                failed = writeToPageEnd(source, at);
            }
        }
        int done = source.position() - start;
        return done > 0 ? done : failed;
    }

    /**
     * Writes bytes up to the end of a page. Returns 0 or a negated errno; in both cases some of the bytes may have been
     * written.
     */
    private long writeToPageEnd(ByteBuffer source, long offset) {
        int limit = source.limit();
        int rest = pageSize - (int) (offset % pageSize);
        source.limit(Math.min(limit, source.position() + rest));
        try {
            long done = write(source, offset, true);
            return done < 0 ? done : source.hasRemaining() ? Errno.EIO.result() : 0;
        } finally {
            source.limit(limit);
        }
    }

    /**
     * Writes bytes in several parts, so that a long write makes room in between. The caller holds the lock of the
     * changes.
     *
     * @param mayGrow whether the file grows if the bytes extend beyond its end; otherwise the write ends there
     * @return the number of bytes written; a negated errno if no byte was written
     */
    private long write(ByteBuffer source, long offset, boolean mayGrow) {
        int start = source.position();
        long failed = 0;
        boolean isFetched = false;
        while (failed == 0 && source.hasRemaining()) {
            if (!isFetched) {
                // Room is not made after a page was read for this write. If no other page is clean, that page would be
                // evicted each time, and the write would never end.
                policy.balanceDirty.run();
                policy.makeRoom.accept(inode.saved());
            }
            long at = offset + source.position() - start;
            failed = writePart(source, at, mayGrow);
            isFetched = failed == Errno.EAGAIN.result();
            if (isFetched) {
                // The file may have been truncated in the meantime, so the retry checks its end again.
                failed = fetched((offset + source.position() - start) / pageSize, null);
            }
        }
        int done = source.position() - start;
        return done > 0 ? done : failed;
    }

    /**
     * Writes some of the remaining bytes. Returns 0 or a negated errno; in both cases some of these bytes may have been
     * written.
     */
    private long writePart(ByteBuffer source, long offset, boolean mayGrow) {
        int limit = source.limit();
        int start = source.position();
        source.limit(Math.min(limit, start + MOST_BYTES));
        long end = offset + source.remaining();
        long known = pages.size();
        try {
            if (end <= known) {
                return written(source, offset);
            }
            if (!mayGrow) {
                return BEYOND_END;
            }
            return grow(source, offset, Math.max(offset, known));
        } finally {
            source.limit(limit);
        }
    }

    private long written(ByteBuffer source, long offset) {
        long done = pages.pwrite(source, offset);
        return done < 0 ? done : 0;
    }

    /**
     * Writes bytes that extend beyond the end of the file, as many as the device has room for. The bytes from the
     * offset {@code from} on are beyond the end.
     */
    private long grow(ByteBuffer source, long offset, long from) {
        if (offset % pageSize != 0 && offset / pageSize < pages.pages() && pages.frameAt(offset / pageSize) < 0) {
            // The page is read first, because if this failed after the host's file was extended, the extension would be
            // useless.
            return Errno.EAGAIN.result();
        }
        int inFile = (int) (from - offset);
        int start = source.position();
        int added = size.extend(source.position(start + inFile), from);
        source.position(start);
        if (added < 0 && inFile == 0) {
            return added;
        }
        int missing = source.remaining() - inFile - Math.max(added, 0);
        source.limit(source.limit() - missing);
        long failed = written(source, offset);
        if (added > 0 && pages.size() < from + added) {
            size.undo(from + added);
        }
        // A short write ends this call; the next one returns the error.
        return failed == 0 && missing > 0 ? Errno.EIO.result() : failed;
    }

    /**
     * Reads a page. Returns a negated errno, or 0 if the page is in memory, or is beyond the end because the size
     * changed.
     */
    private long fetched(long page, @Nullable ReadAhead ahead) {
        int frame = fetches.fetch(page, ahead == null ? 1 : ahead.window(page, 0), true);
        return frame == FilePages.NO_MEMORY
                ? Errno.ENOMEM.result()
                : frame == PageReads.UNREADABLE ? Errno.EIO.result() : 0;
    }

    /**
     * Sets bytes to zero; see {@link dev.samara.core.backing.HostFile#punch}. Other changes of the file may take place
     * between two parts of a long hole.
     */
    long punch(long offset, long length) {
        ThreadCpus.checkMayWait("the punching of a hole");
        long result = size.revalidate();
        // Determined once, so that a call never follows a file that grows all the time.
        long end = Math.min(offset + length, pages.size());
        long at = offset;
        long checked = offset;
        int cuts = 0;
        while (result == 0 && at < end) {
            long next = punchPart(at, end);
            if (next == BEYOND_END && ++cuts < PageFetches.ATTEMPTS) {
                // Another program has truncated the file. The next attempt first adopts the new size.
                continue;
            }
            result = Math.min(next, 0);
            at = next;
            if (at - checked >= MOST_ZEROS) {
                checked = at;
                result = at < end && Thread.currentThread().isInterrupted() ? Errno.EINTR.result() : 0;
            }
        }
        return result == BEYOND_END ? Errno.EIO.result() : result;
    }

    /**
     * Punches the first part of a hole. Returns the offset of the next part, or a failure.
     *
     * @param end the end of the hole, at most the size of the file when the call started
     */
    private long punchPart(long at, long end) {
        ByteBuffer buffer = policy.buffers.take(pageSize);
        try {
            int most = at % pageSize == 0 ? buffer.capacity() / pageSize : 0;
            int count = (int) Math.min(most, (end - at) / pageSize);
            if (count > 0 && !isLongEnd(at, end) && isHole(at / pageSize, count, buffer)) {
                return at + (long) count * pageSize;
            }
            inode.changesLock().lock();
            try {
                long refused = size.revalidate();
                return refused != 0 ? refused : punchPart(at, Math.min(end, pages.size()), count, buffer);
            } finally {
                inode.changesLock().unlock();
            }
        } finally {
            policy.buffers.giveBack(buffer);
        }
    }

    /** Returns whether a part of a file that starts with a page is its end, and too long to be read. */
    private boolean isLongEnd(long at, long end) {
        return at % pageSize == 0 && end == pages.size() && end - at > MOST_ZEROS;
    }

    /**
     * Returns whether pages contain only zeros, and none of them is in memory. Such pages need no punching. The bytes
     * are read without a lock, so that other threads can change the file in the meantime. If a page was not in memory
     * when the call started, its content was that of the host's file. If the host's bytes are zeros later, then either
     * they were zeros at that time, or the page has been changed to zeros concurrently.
     */
    private boolean isHole(long first, int count, ByteBuffer buffer) {
        return inode.saved().areAbsent(first, first + count - 1)
                && writes.areZeros(buffer, first * pageSize, count * pageSize);
    }

    /**
     * Punches the first part of a hole. The caller holds the lock of the changes.
     *
     * @param most the maximum number of whole pages
     */
    private long punchPart(long at, long end, int most, ByteBuffer buffer) {
        if (at >= end) {
            return Long.MAX_VALUE;
        }
        long cut = isLongEnd(at, end) ? cutAndExtend(at) : HostSize.NOT_CUT;
        if (cut != HostSize.NOT_CUT) {
            return cut != 0 ? cut : end;
        }
        int count = (int) Math.min(most, (end - at) / pageSize);
        long next = count > 0 ? at + (long) count * pageSize : Math.min(end, (at / pageSize + 1) * pageSize);
        long failed = count > 0 ? punchPages(at / pageSize, count, buffer) : zero(at, next);
        return failed != 0 ? failed : next;
    }

    /**
     * Replaces the end of the file by a hole, which takes constant time; see {@link HostSize#cutAndExtend}. The caller
     * holds the lock of the changes.
     *
     * @param from the offset from which on the bytes become zeros, a multiple of the page size
     */
    private long cutAndExtend(long from) {
        long first = from / pageSize;
        inode.lockAll();
        try {
            long failed = size.cutAndExtend(from);
            if (failed == 0) {
                pages.remove(first, Long.MAX_VALUE - first);
            }
            return failed;
        } finally {
            inode.unlockAll();
        }
    }

    /** Writes zeros through the pages in memory, for less than two pages. The caller holds the lock of the changes. */
    private long zero(long start, long end) {
        if (start >= end) {
            return 0;
        }
        long done = write(ByteBuffer.allocate((int) (end - start)), start, false);
        return done == end - start ? 0 : done < 0 ? done : pages.size() < end ? BEYOND_END : Errno.EIO.result();
    }

    /**
     * Writes zeros for whole pages to the host, and removes the pages from the cache. The caller holds the lock of the
     * changes.
     */
    private long punchPages(long first, int count, ByteBuffer zeros) {
        long failed = Errno.EIO.result();
        inode.lockAll();
        try {
            failed = writes.zero(zeros, first * pageSize, count * pageSize);
            if (failed == 0) {
                pages.remove(first, count);
            }
            return failed;
        } finally {
            try {
                if (failed != 0 && failed != BEYOND_END) {
                    // Some of the host's bytes may be zeros by now. Pages in memory keep their content, and are marked
                    // dirty so that they are saved again.
                    inode.saved().setDirty(first, first + count - 1);
                }
            } finally {
                inode.unlockAll();
            }
        }
    }
}
