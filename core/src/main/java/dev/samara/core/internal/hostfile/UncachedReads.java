// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.UncachedFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Reads many bytes of one host file that are not in memory, into the buffer of the caller (like {@code RWF_DONTCACHE}
 * in {@code include/uapi/linux/fs.h}, which leaves no page in the cache either). If the buffer is direct, the bytes are
 * copied once instead of twice. A read needs no frame, and evicts nothing. The kernel of the host caches the bytes, so
 * a second read does not access the device.
 *
 * <p>If a page is not in memory, its bytes are stored only on the host. Later stores to the page reach the host only by
 * a write, and a write or a removal makes the read of the page stale ({@link FilePages.PageRead}). So the pages before the
 * first stale one contain the bytes as of one time, the start of the read, and stores of other threads are seen in
 * their order. The caller reads the first stale page and the following pages through the cache, which waits for
 * concurrent changes where necessary. A direct open instead retries to bypass the cache, while write-backs are
 * excluded. A read holds {@code invalidate} shared, like {@link PageReads}, so that no truncation happens between two
 * calls of the host.
 *
 * <p>A read for a mapping checks the page table after it has read the bytes. Only pages that have no entry at that
 * time, and that were neither changed nor inserted between the start and the end of the read, are returned. For these
 * pages, the mapping contained the returned bytes at the time of the check. Thread-safe.
 */
final class UncachedReads {
    /** A page was written or removed during its read. */
    private static final int STALE = -1;

    /**
     * The maximum number of bytes of a heap buffer that the JDK may copy through a buffer that it caches per thread.
     */
    private static final int MOST_COPIED = 64 << 10;

    private final InodeState inode;
    private final FilePages pages;
    private final FilePages saved;
    private final TransferBuffers buffers;
    private final int pageSize;

    /** See {@link FilePolicy#leastUncached}. */
    private final int least;

    UncachedReads(InodeState inode, FilePolicy policy) {
        this.inode = inode;
        buffers = policy.buffers;
        least = policy.leastUncached;
        pages = inode.pages();
        saved = inode.saved();
        pageSize = pages.memory().frames().pageSize();
    }

    /**
     * Reads bytes of pages that are not in memory into the remaining bytes of a buffer, and advances the buffer's
     * position by their number. May also overwrite bytes of the buffer after the new position.
     *
     * @param isAnySize whether any number of bytes may be read, because the open is direct
     * @return the number of bytes read; 0 if they must be read through the cache
     */
    int read(ByteBuffer target, long offset, boolean isAnySize) {
        return read(target, offset, isAnySize, null);
    }

    /** Reads bytes of a mapping; see {@link UncachedFile#readUncached}. */
    int readMapped(ByteBuffer target, long offset, UncachedFile.AbsentEntries mapped) {
        return read(target, offset, false, mapped);
    }

    private int read(ByteBuffer target, long offset, boolean isAnySize, UncachedFile.@Nullable AbsentEntries mapped) {
        int fewest = isAnySize ? 1 : least;
        // Hooks check whole pages, so a file with hooks is read through the cache.
        if (target.remaining() < fewest
                || (!isAnySize && !inode.channel().isCachedByHost())
                || inode.rules().hooks() != null) {
            return 0;
        }
        int piece = piece((int) Math.max(0, Math.min(target.remaining(), pages.size() - offset)), fewest);
        if (target.isDirect()) {
            return readPages(target, offset, piece, isAnySize, mapped);
        }
        // For a heap buffer, the JDK would cache a direct buffer of the same size for this thread.
        ByteBuffer buffer = buffers.tryTake();
        if (buffer == null) {
            return isAnySize ? readPages(target, offset, Math.min(piece, MOST_COPIED), true, mapped) : 0;
        }
        try {
            int count = readPages(buffer, offset, piece, isAnySize, mapped);
            target.put(buffer.flip());
            return count;
        } finally {
            buffers.giveBackTaken(buffer);
        }
    }

    /** Returns how many bytes to read at once. The remaining bytes, if any, are enough for another piece. */
    private int piece(int length, int fewest) {
        int most = FilePolicy.BUFFER;
        return length <= most ? length : length - most >= fewest ? most : length / 2 & -pageSize;
    }

    private int readPages(
            ByteBuffer target, long offset, int piece, boolean isAnySize, UncachedFile.@Nullable AbsentEntries mapped) {
        int fewest = isAnySize ? 1 : Math.max(1, least / pageSize);
        int count = readOnce(target, offset, piece, fewest, mapped);
        if (count == STALE && isAnySize) {
            // Retried here, because a read through the cache would bring the page into memory.
            inode.writeBackLock().lock();
            try {
                count = readOnce(target, offset, piece, fewest, mapped);
            } finally {
                inode.writeBackLock().unlock();
            }
        }
        return Math.max(count, 0);
    }

    /**
     * Reads pages once. Returns the number of bytes; 0 if the pages must be read through the cache; or {@link #STALE}.
     */
    private int readOnce(
            ByteBuffer target, long offset, int piece, int fewest, UncachedFile.@Nullable AbsentEntries mapped) {
        int start = target.position();
        int limit = target.limit();
        int count = 0;
        inode.invalidateLock().lockShared();
        try {
            // Read after the lock was acquired, so that the size can only grow afterwards.
            long end = Math.min(offset + piece, pages.size());
            long first = offset / pageSize;
            FilePages.PageRead read = begin(first, end, fewest);
            if (read == null) {
                return 0;
            }
            int unchanged = 0;
            try {
                end = Math.min(end, (first + read.count()) * pageSize);
                fill(target.limit(start + (int) (end - offset)), offset - start);
            } finally {
                unchanged = end(read, mapped);
            }
            count = (int) Math.max(0, Math.min(target.position() - start, (first + unchanged) * pageSize - offset));
            return unchanged == 0 ? STALE : count;
        } catch (IOException failed) {
            // The read through the cache determines which page failed, and returns the error to the caller.
            return 0;
        } finally {
            inode.invalidateLock().unlockShared();
            target.limit(limit).position(start + count);
        }
    }

    /** Ends the read. Returns the number of pages, from the first one on, whose bytes are valid. */
    private int end(FilePages.PageRead read, UncachedFile.@Nullable AbsentEntries mapped) {
        if (mapped == null) {
            return saved.endUncachedRead(read);
        }
        int absent = 0;
        try {
            // Checked before the end of the read, because up to then these bytes are known to be the file's.
            absent = mapped.absent(read.count());
        } finally {
            absent = Math.min(absent, saved.endUncachedUnchanged(read));
        }
        return absent;
    }

    private FilePages.@Nullable PageRead begin(long first, long end, int fewest) {
        long count = (end + pageSize - 1) / pageSize - first;
        return count < fewest ? null : saved.beginUncachedRead(first, fewest, (int) count);
    }

    /** Fills the remaining bytes of a buffer, up to the end of the host's file. */
    private void fill(ByteBuffer target, long before) throws IOException {
        HostChannel from = inode.channel();
        int count = 0;
        while (count >= 0 && target.hasRemaining()) {
            count = from.read(target, before + target.position());
        }
    }
}
