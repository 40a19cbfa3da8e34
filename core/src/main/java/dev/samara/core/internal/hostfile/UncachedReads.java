// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.ReadsUnderWay;
import dev.samara.core.internal.file.SavedPages;
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
 * be waited for. A read takes {@code invalidate} shared, as {@link PageReads} does, so that no truncation cuts a page
 * between two calls of the host. Thread-safe.
 */
final class UncachedReads {
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
     * @return the number of bytes; 0 if they have to be read in the usual way
     */
    int read(ByteBuffer target, long offset) {
        // Hooks check whole pages.
        if (target.remaining() < least
                || !inode.channel().isCachedByHost()
                || inode.rules().hooks() != null) {
            return 0;
        }
        int piece = piece((int) Math.max(0, Math.min(target.remaining(), pages.size() - offset)));
        if (target.isDirect()) {
            return readDirect(target, offset, piece);
        }
        // The JDK would keep a buffer as large as the call for this thread.
        ByteBuffer buffer = buffers.tryTake();
        if (buffer == null) {
            return 0;
        }
        try {
            int count = readDirect(buffer, offset, piece);
            target.put(buffer.flip());
            return count;
        } finally {
            buffers.giveBackTaken(buffer);
        }
    }

    /** Returns how many bytes are read at once. What is left then is nothing, or enough for a further piece. */
    private int piece(int length) {
        int most = FilePolicy.BUFFER;
        return length <= most ? length : length - most >= least ? most : length / 2 & -pageSize;
    }

    private int readDirect(ByteBuffer target, long offset, int piece) {
        int start = target.position();
        int limit = target.limit();
        int count = 0;
        inode.invalidateLock().lockShared();
        try {
            // After the lock: the size stays what it is, or grows.
            long end = Math.min(offset + piece, pages.size());
            long first = offset / pageSize;
            ReadsUnderWay.PageRead read = begin(first, end);
            if (read == null) {
                return 0;
            }
            int unchanged = 0;
            try {
                end = Math.min(end, (first + read.count()) * pageSize);
                fill(target.limit(start + (int) (end - offset)), offset - start);
            } finally {
                unchanged = saved.endUncachedRead(read);
            }
            count = (int) Math.max(0, Math.min(target.position() - start, (first + unchanged) * pageSize - offset));
            return count;
        } catch (IOException failed) {
            // The usual way finds out which page it is, and tells the caller.
            return 0;
        } finally {
            inode.invalidateLock().unlockShared();
            target.limit(limit).position(start + count);
        }
    }

    private ReadsUnderWay.@Nullable PageRead begin(long first, long end) {
        long count = (end + pageSize - 1) / pageSize - first;
        int fewest = Math.max(1, least / pageSize);
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
