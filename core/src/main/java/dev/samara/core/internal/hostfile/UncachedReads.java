// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.ReadsUnderWay;
import dev.samara.core.internal.file.SavedPages;
import dev.samara.core.internal.file.UncachedFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Reads of many bytes of one file of the host that are not in memory, into the buffer of the caller ({@code
 * RWF_DONTCACHE} in {@code include/uapi/linux/fs.h}, which leaves no page behind either). A direct buffer gets them in
 * one copy in place of two. A read needs no frame, and evicts nothing. The kernel of the host keeps what was read, so a
 * second read asks no device.
 *
 * <p>The bytes of a page that is not in memory are those of the host. What is stored to the page from then on reaches
 * the host by a write only, and a write or a removal makes the read of the page stale ({@link ReadsUnderWay}). So the
 * pages up to the first stale one have the bytes of one instant, the begin of the read, and stores of other threads are
 * seen in their order. The caller reads the pages from the stale one on in the usual way, which waits for what has to
 * be waited for; a direct open reads them past the cache again, while none is written. A read takes {@code invalidate}
 * shared, as {@link PageReads} does, so that no truncation cuts a page between two calls of the host.
 *
 * <p>A read for a mapping looks at the page table once it has the bytes. Those pages count that have no entry then, and
 * that were neither changed nor brought into memory from the begin to the end: at the instant of the look, the mapping
 * had these bytes. Thread-safe.
 */
final class UncachedReads {
    /** A page was written or removed during its read. */
    private static final int STALE = -1;

    /** The most bytes of a heap buffer for which the JDK may make a buffer, which it keeps for the thread. */
    private static final int MOST_COPIED = 64 << 10;

    private final InodeState inode;
    private final FilePages pages;
    private final SavedPages saved;
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
     * Reads bytes of pages that are not in memory into the remaining bytes of a buffer, and advances its position by
     * their number. The bytes after these may have changed.
     *
     * @param isAnySize whether the number of the bytes is of no importance: the open is direct
     * @return the number of bytes; 0 if they have to be read in the usual way
     */
    int read(ByteBuffer target, long offset, boolean isAnySize) {
        return read(target, offset, isAnySize, null);
    }

    /** Reads bytes of a mapping, as {@link UncachedFile#readUncached} says. */
    int readMapped(ByteBuffer target, long offset, UncachedFile.AbsentEntries mapped) {
        return read(target, offset, false, mapped);
    }

    private int read(ByteBuffer target, long offset, boolean isAnySize, UncachedFile.@Nullable AbsentEntries mapped) {
        int fewest = isAnySize ? 1 : least;
        // Hooks check whole pages.
        if (target.remaining() < fewest
                || (!isAnySize && !inode.channel().isCachedByHost())
                || inode.rules().hooks() != null) {
            return 0;
        }
        int piece = piece((int) Math.max(0, Math.min(target.remaining(), pages.size() - offset)), fewest);
        if (target.isDirect()) {
            return readPages(target, offset, piece, isAnySize, mapped);
        }
        // The JDK would keep a buffer as large as the call for this thread.
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

    /** Returns how many bytes are read at once. What is left then is nothing, or enough for a further piece. */
    private int piece(int length, int fewest) {
        int most = FilePolicy.BUFFER;
        return length <= most ? length : length - most >= fewest ? most : length / 2 & -pageSize;
    }

    private int readPages(
            ByteBuffer target, long offset, int piece, boolean isAnySize, UncachedFile.@Nullable AbsentEntries mapped) {
        int fewest = isAnySize ? 1 : Math.max(1, least / pageSize);
        int count = readOnce(target, offset, piece, fewest, mapped);
        if (count == STALE && isAnySize) {
            // The usual way would read the page into memory.
            inode.writeBackLock().lock();
            try {
                count = readOnce(target, offset, piece, fewest, mapped);
            } finally {
                inode.writeBackLock().unlock();
            }
        }
        return Math.max(count, 0);
    }

    /** Reads pages once. Returns the number of bytes; 0 if the pages cannot be read so; or {@link #STALE}. */
    private int readOnce(
            ByteBuffer target, long offset, int piece, int fewest, UncachedFile.@Nullable AbsentEntries mapped) {
        int start = target.position();
        int limit = target.limit();
        int count = 0;
        inode.invalidateLock().lockShared();
        try {
            // After the lock: the size stays what it is, or grows.
            long end = Math.min(offset + piece, pages.size());
            long first = offset / pageSize;
            ReadsUnderWay.PageRead read = begin(first, end, fewest);
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
            // The usual way finds out which page it is, and tells the caller.
            return 0;
        } finally {
            inode.invalidateLock().unlockShared();
            target.limit(limit).position(start + count);
        }
    }

    /** Returns the number of pages, from the first one on, whose bytes count. */
    private int end(ReadsUnderWay.PageRead read, UncachedFile.@Nullable AbsentEntries mapped) {
        if (mapped == null) {
            return saved.endUncachedRead(read);
        }
        int absent = 0;
        try {
            // Before the end: the file has these bytes up to then.
            absent = mapped.absent(read.count());
        } finally {
            absent = Math.min(absent, saved.endUncachedUnchanged(read));
        }
        return absent;
    }

    private ReadsUnderWay.@Nullable PageRead begin(long first, long end, int fewest) {
        long count = (end + pageSize - 1) / pageSize - first;
        return count < fewest ? null : saved.beginUncachedRead(first, fewest, (int) count);
    }

    /** Fills the remaining bytes of a buffer, up to the end of the file of the host. */
    private void fill(ByteBuffer target, long before) throws IOException {
        HostChannel from = inode.channel();
        int count = 0;
        while (count >= 0 && target.hasRemaining()) {
            count = from.read(target, before + target.position());
        }
    }
}
