// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.mman.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Reads and writes the bytes of one host file by calls, through its pages in memory or past them, and punches holes
 * into it ({@code generic_file_read_iter}, {@code generic_file_write_iter}). Thread-safe.
 *
 * <p><b>Reads past the cache</b> transfer many bytes that are not in memory into the buffer of the caller (like {@code
 * RWF_DONTCACHE} in {@code include/uapi/linux/fs.h}, which leaves no page in the cache either). If the buffer is
 * direct, the bytes are copied once instead of twice. A read needs no frame, and evicts nothing. The kernel of the host
 * caches the bytes, so a second read does not access the device.
 *
 * <p>If a page is not in memory, its bytes are stored only on the host. Later stores to the page reach the host only by
 * a write, and a write or a removal makes the read of the page stale ({@link FilePages.PageRead}). So the pages before
 * the first stale one contain the bytes as of one time, the start of the read, and stores of other threads are seen in
 * their order. The caller reads the first stale page and the following pages through the cache, which waits for
 * concurrent changes where necessary. A direct open instead retries to bypass the cache, while write-backs are
 * excluded. A read holds {@code invalidate} shared, like {@link PageReads}, so that no truncation happens between two
 * calls of the host.
 *
 * <p>A read for a mapping checks the page table after it has read the bytes. Only pages that have no entry at that
 * time, and that were neither changed nor inserted between the start and the end of the read, are returned. For these
 * pages, the mapping contained the returned bytes at the time of the check.
 *
 * <p><b>Writes past the cache</b> transfer whole pages that are not in memory from the buffer of the caller ({@code
 * generic_file_direct_write} in {@code mm/filemap.c}). A write needs no frames, and leaves no page in memory.
 *
 * <p>A write holds the lock of the write-back, so only one thread at a time writes the host's bytes, and there is no
 * concurrent truncation or hole. The write is recorded as under way ({@link FilePages.PageRead}), so a page that is
 * read during the write is stale, and is read again after the end of the write. So an access through a mapping or
 * another call sees all the new bytes if it is after the write, and the old bytes if it is before the write. If the
 * host fails during the write, the pages are still not in memory, and their content is what the host stored.
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

    private static final byte[] ZEROS = new byte[4096];

    /** A page was written or removed during its read. */
    private static final int STALE = -1;

    /**
     * The maximum number of bytes of a heap buffer that the JDK may copy through a buffer that it caches per thread.
     */
    private static final int MOST_COPIED = 64 << 10;

    private final HostInode inode;
    private final FilePages pages;
    private final int pageSize;

    /** See {@link HostFiles#leastUncached}. */
    private final int least;

    HostBytes(HostInode inode) {
        this.inode = inode;
        pages = inode.pages;
        pageSize = pages.memory().frames().pageSize();
        least = inode.files.leastUncached;
    }

    /**
     * Reads bytes of the file; see {@link dev.samara.core.backing.HostFile#pread}.
     *
     * @param ahead the read-ahead of the open; null if the open is direct
     */
    long pread(ByteBuffer target, long offset, OpenHostFile.@Nullable ReadAhead ahead) {
        long done = read(target, offset, ahead);
        if (done < 0 || !target.hasRemaining() || !inode.isOther()) {
            return done;
        }
        // The read ended at the end of the file as the cache knows it, but another program has changed the size.
        long failed = inode.revalidate();
        long rest = failed != 0 ? failed : read(target, offset + done, ahead);
        return done == 0 ? rest : done + Math.max(rest, 0);
    }

    private long read(ByteBuffer target, long offset, OpenHostFile.@Nullable ReadAhead ahead) {
        long done = 0;
        long failed = 0;
        while (failed == 0) {
            long at = offset + done;
            long part = pages.pread(target, at);
            if (part == Errno.EAGAIN.result()) {
                part = readUncached(target, at, ahead == null, null);
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
     * Reads a page. Returns a negated errno, or 0 if the page is in memory, or is beyond the end because the size
     * changed.
     */
    private long fetched(long page, OpenHostFile.@Nullable ReadAhead ahead) {
        int frame = inode.reads.fetch(page, ahead == null ? 1 : ahead.window(page, 0), true);
        return frame == FilePages.NO_MEMORY
                ? Errno.ENOMEM.result()
                : frame == PageReads.UNREADABLE ? Errno.EIO.result() : 0;
    }

    /**
     * Reads bytes of pages that are not in memory into the remaining bytes of a buffer, and advances the buffer's
     * position by their number. May also overwrite bytes of the buffer after the new position.
     *
     * @param isAnySize whether any number of bytes may be read, because the open is direct
     * @param mapped the entries of the pages in a mapping that reads them; null for a call
     * @return the number of bytes read; 0 if they must be read through the cache
     */
    int readUncached(ByteBuffer target, long offset, boolean isAnySize, OpenHostFile.@Nullable AbsentEntries mapped) {
        int fewest = isAnySize ? 1 : least;
        // Hooks check whole pages, so a file with hooks is read through the cache.
        if (target.remaining() < fewest
                || (!isAnySize && !inode.channel.isCachedByHost())
                || inode.rules.hooks() != null) {
            return 0;
        }
        int piece = piece((int) Math.max(0, Math.min(target.remaining(), pages.size() - offset)), fewest);
        if (target.isDirect()) {
            return readPages(target, offset, piece, isAnySize, mapped);
        }
        // For a heap buffer, the JDK would cache a direct buffer of the same size for this thread.
        ByteBuffer buffer = inode.files.buffers.tryTake();
        if (buffer == null) {
            return isAnySize ? readPages(target, offset, Math.min(piece, MOST_COPIED), true, mapped) : 0;
        }
        try {
            int count = readPages(buffer, offset, piece, isAnySize, mapped);
            target.put(buffer.flip());
            return count;
        } finally {
            inode.files.buffers.giveBackTaken(buffer);
        }
    }

    /** Returns how many bytes to read at once. The remaining bytes, if any, are enough for another piece. */
    private int piece(int length, int fewest) {
        int most = TransferBuffers.SIZE;
        return length <= most ? length : length - most >= fewest ? most : length / 2 & -pageSize;
    }

    private int readPages(
            ByteBuffer target, long offset, int piece, boolean isAnySize, OpenHostFile.@Nullable AbsentEntries mapped) {
        int fewest = isAnySize ? 1 : Math.max(1, least / pageSize);
        int count = readOnce(target, offset, piece, fewest, mapped);
        if (count == STALE && isAnySize) {
            // Retried here, because a read through the cache would bring the page into memory.
            inode.writeBack.lock();
            try {
                count = readOnce(target, offset, piece, fewest, mapped);
            } finally {
                inode.writeBack.unlock();
            }
        }
        return Math.max(count, 0);
    }

    /**
     * Reads pages once. Returns the number of bytes; 0 if the pages must be read through the cache; or {@link #STALE}.
     */
    private int readOnce(
            ByteBuffer target, long offset, int piece, int fewest, OpenHostFile.@Nullable AbsentEntries mapped) {
        int start = target.position();
        int limit = target.limit();
        int count = 0;
        inode.invalidate.lockShared();
        try {
            // Read after the lock was acquired, so that the size can only grow afterwards.
            long end = Math.min(offset + piece, pages.size());
            long first = offset / pageSize;
            FilePages.PageRead read = beginRead(first, end, fewest);
            if (read == null) {
                return 0;
            }
            int unchanged = 0;
            try {
                end = Math.min(end, (first + read.count()) * pageSize);
                HostChannel.readFully(inode.channel, target.limit(start + (int) (end - offset)), offset);
            } finally {
                unchanged = endRead(read, mapped);
            }
            count = (int) Math.max(0, Math.min(target.position() - start, (first + unchanged) * pageSize - offset));
            return unchanged == 0 ? STALE : count;
        } catch (IOException failed) {
            // The read through the cache determines which page failed, and returns the error to the caller.
            return 0;
        } finally {
            inode.invalidate.unlockShared();
            target.limit(limit).position(start + count);
        }
    }

    private FilePages.@Nullable PageRead beginRead(long first, long end, int fewest) {
        long count = (end + pageSize - 1) / pageSize - first;
        return count < fewest ? null : pages.beginUncachedRead(first, fewest, (int) count);
    }

    /** Ends the read. Returns the number of pages, from the first one on, whose bytes are valid. */
    private int endRead(FilePages.PageRead read, OpenHostFile.@Nullable AbsentEntries mapped) {
        if (mapped == null) {
            return pages.endUncachedRead(read);
        }
        int absent = 0;
        try {
            // Checked before the end of the read, because up to then these bytes are known to be the file's.
            absent = mapped.absent(read.count());
        } finally {
            absent = Math.min(absent, pages.endUncachedUnchanged(read));
        }
        return absent;
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
        inode.changes.lock();
        try {
            long failed = inode.revalidate();
            return failed != 0 ? failed : isDirect ? writeDirect(source, offset) : write(source, offset, true);
        } finally {
            inode.changes.unlock();
        }
    }

    /** Writes bytes at the end of the file; see {@link dev.samara.core.backing.HostFile#append} and {@link #pwrite}. */
    long append(ByteBuffer source, boolean isDirect) {
        ThreadCpus.checkMayWait("a write of a file");
        inode.changes.lock();
        try {
            long failed = inode.revalidate();
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
            inode.changes.unlock();
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
                inode.files.background.balance();
                inode.files.limit.makeRoom(pages);
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
        int added = inode.extend(source.position(start + inFile), from);
        source.position(start);
        if (added < 0 && inFile == 0) {
            return added;
        }
        int missing = source.remaining() - inFile - Math.max(added, 0);
        source.limit(source.limit() - missing);
        long failed = written(source, offset);
        if (added > 0 && pages.size() < from + added) {
            inode.undo(from + added);
        }
        // A short write ends this call; the next one returns the error.
        return failed == 0 && missing > 0 ? Errno.EIO.result() : failed;
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
            failed = writeUncached(source, at, before == start);
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
     * Writes some of the remaining bytes of a buffer: whole pages, up to the first page that is in memory. Advances the
     * position by the number of bytes written, and extends the file if they end beyond its end. The caller holds the
     * lock of the changes.
     *
     * @param isFirst whether the size of the host's file was already checked for these bytes
     * @return 0 or a negated errno; in both cases some of the bytes may have been written. If the result is 0 and no
     *     byte was written, the page at the offset must be written through the cache
     */
    private long writeUncached(ByteBuffer source, long offset, boolean isFirst) {
        int length = Math.min(source.remaining(), TransferBuffers.SIZE) & -pageSize;
        if (inode.rules.holdsWrites()
                || offset % pageSize != 0
                || length == 0
                || pages.frameAt(offset / pageSize) != Frames.NONE) {
            return 0;
        }
        return source.isDirect()
                ? writePages(source, offset, length, isFirst, null)
                : writeHeap(source, offset, length, isFirst);
    }

    private long writeHeap(ByteBuffer source, long offset, int length, boolean isFirst) {
        ByteBuffer buffer = inode.files.buffers.tryTake();
        if (buffer == null) {
            int most = Math.max(pageSize, Math.min(length, MOST_COPIED));
            return writePages(source, offset, most, isFirst, null);
        }
        try {
            return writePages(source, offset, length, isFirst, buffer);
        } finally {
            inode.files.buffers.giveBackTaken(buffer);
        }
    }

    /**
     * Writes under the lock of the write-back.
     *
     * @param by a buffer that receives the bytes and is then written; null if the source is written directly
     */
    private long writePages(ByteBuffer source, long offset, int length, boolean isFirst, @Nullable ByteBuffer by) {
        inode.writeBack.lock();
        try {
            if (!isFirst && isCut(offset, length)) {
                return 0;
            }
            long first = offset / pageSize;
            int count = pages.beginUncachedWrite(first, length / pageSize);
            if (count == 0) {
                return 0;
            }
            int start = source.position();
            try {
                try {
                    return writeTo(source, offset, count * pageSize, by);
                } finally {
                    // Called before the end of the write, so that a read that starts after the end sees the new size. A
                    // read that started earlier is stale.
                    growPages(offset + source.position() - start, source.position() > start);
                }
            } finally {
                inode.writes.endWrite(first, first + count - 1);
            }
        } catch (IOException failed) {
            return Errno.of(failed).result();
        } finally {
            inode.writeBack.unlock();
        }
    }

    /**
     * Returns whether another program has truncated the file to less than the end of these bytes. A write must not undo
     * this.
     */
    private boolean isCut(long offset, int length) throws IOException {
        long known = Math.min(offset + length, pages.size());
        return offset < known && inode.channel.size() < known;
    }

    private long writeTo(ByteBuffer source, long offset, int length, @Nullable ByteBuffer by) throws IOException {
        int start = source.position();
        if (by == null) {
            int limit = source.limit();
            try {
                return writeHost(source.limit(start + length), offset);
            } finally {
                source.limit(limit);
            }
        }
        try {
            return writeHost(by.put(0, source, start, length).limit(length), offset);
        } finally {
            source.position(start + by.position());
        }
    }

    private long writeHost(ByteBuffer bytes, long offset) throws IOException {
        return HostChannel.writeFully(inode.channel, bytes, offset) ? 0 : Errno.EIO.result();
    }

    /** Adopts the size to which a write beyond the end extended the host's file. */
    private void growPages(long end, boolean isWritten) {
        if (!isWritten || end <= pages.size()) {
            return;
        }
        try {
            pages.truncate(end);
        } finally {
            if (pages.size() < end) {
                inode.undo(end);
            }
        }
    }

    /**
     * Sets bytes to zero; see {@link dev.samara.core.backing.HostFile#punch}. Other changes of the file may take place
     * between two parts of a long hole.
     */
    long punch(long offset, long length) {
        ThreadCpus.checkMayWait("the punching of a hole");
        long result = inode.revalidate();
        // Determined once, so that a call never follows a file that grows all the time.
        long end = Math.min(offset + length, pages.size());
        long at = offset;
        long checked = offset;
        int cuts = 0;
        while (result == 0 && at < end) {
            long next = punchPart(at, end);
            if (next == BEYOND_END && ++cuts < PageReads.ATTEMPTS) {
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
        ByteBuffer buffer = inode.files.buffers.take(pageSize);
        try {
            int most = at % pageSize == 0 ? buffer.capacity() / pageSize : 0;
            int count = (int) Math.min(most, (end - at) / pageSize);
            if (count > 0 && !isLongEnd(at, end) && isHole(at / pageSize, count, buffer)) {
                return at + (long) count * pageSize;
            }
            inode.changes.lock();
            try {
                long refused = inode.revalidate();
                return refused != 0 ? refused : punchPart(at, Math.min(end, pages.size()), count, buffer);
            } finally {
                inode.changes.unlock();
            }
        } finally {
            inode.files.buffers.giveBack(buffer);
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
        return pages.areAbsent(first, first + count - 1) && areZeros(buffer, first * pageSize, count * pageSize);
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
        long cut = isLongEnd(at, end) ? cutAndExtend(at) : HostInode.NOT_CUT;
        if (cut != HostInode.NOT_CUT) {
            return cut != 0 ? cut : end;
        }
        int count = (int) Math.min(most, (end - at) / pageSize);
        long next = count > 0 ? at + (long) count * pageSize : Math.min(end, (at / pageSize + 1) * pageSize);
        long failed = count > 0 ? punchPages(at / pageSize, count, buffer) : zero(at, next);
        return failed != 0 ? failed : next;
    }

    /**
     * Replaces the end of the file by a hole, which takes constant time; see {@link HostInode#cutAndExtend}. The caller
     * holds the lock of the changes.
     *
     * @param from the offset from which on the bytes become zeros, a multiple of the page size
     */
    private long cutAndExtend(long from) {
        long first = from / pageSize;
        inode.lockPages();
        try {
            long failed = inode.cutAndExtend(from);
            if (failed == 0) {
                pages.remove(first, Long.MAX_VALUE - first);
            }
            return failed;
        } finally {
            inode.unlockPages();
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
        inode.lockPages();
        try {
            failed = writeZeros(zeros, first * pageSize, count * pageSize);
            if (failed == 0) {
                pages.remove(first, count);
            }
            return failed;
        } finally {
            try {
                if (failed != 0 && failed != BEYOND_END) {
                    // Some of the host's bytes may be zeros by now. Pages in memory keep their content, and are marked
                    // dirty so that they are saved again.
                    pages.setDirty(first, first + count - 1);
                }
            } finally {
                inode.unlockPages();
            }
        }
    }

    /**
     * Returns whether bytes of the host's file are all zeros. Needs no lock; the result may be outdated. A failure of
     * the host is not reported, because {@link #writeZeros} then reads the bytes again.
     *
     * @param buffer a buffer for the bytes; at least {@code length} bytes long
     * @param length the number of bytes, a multiple of 8
     */
    private boolean areZeros(ByteBuffer buffer, long offset, int length) {
        try {
            return HostChannel.readFully(inode.channel, buffer.clear().limit(length), offset)
                    && areZeros(buffer, 0, length);
        } catch (IOException failed) {
            return false;
        }
    }

    private static boolean areZeros(ByteBuffer buffer, int from, int length) {
        long bits = 0;
        for (int i = from; i < from + length; i += Long.BYTES) {
            bits |= buffer.getLong(i);
        }
        return bits == 0;
    }

    /**
     * Fills pages of the host's file with zeros. Reads the pages first, and does not write pages that already consist
     * of zeros, because they may be a hole, which takes no space. The caller holds the lock of the write-back.
     *
     * @param buffer a buffer for the bytes of the pages; at least {@code length} bytes long
     * @param length the number of bytes, a multiple of the page size
     * @return 0, a negated errno, or {@link #BEYOND_END}
     */
    private long writeZeros(ByteBuffer buffer, long offset, int length) {
        try {
            if (!HostChannel.readFully(inode.channel, buffer.clear().limit(length), offset)) {
                return BEYOND_END;
            }
            long failed = 0;
            for (int from = 0; failed == 0 && from < length; ) {
                int to = from;
                while (to < length && clear(buffer, to, pageSize)) {
                    to += pageSize;
                }
                buffer.limit(to).position(from);
                failed = inode.writes.writeFully(offset + from, buffer);
                buffer.limit(length);
                // The page at this position is skipped, because it already consists of zeros.
                from = to + pageSize;
            }
            return failed;
        } catch (IOException failed) {
            return Errno.of(failed).result();
        }
    }

    /** Fills a part of a buffer with zeros. Returns false if it already consisted of zeros. */
    private static boolean clear(ByteBuffer buffer, int from, int length) {
        if (areZeros(buffer, from, length)) {
            return false;
        }
        for (int i = from; i < from + length; i += ZEROS.length) {
            buffer.put(i, ZEROS, 0, Math.min(ZEROS.length, from + length - i));
        }
        return true;
    }
}
