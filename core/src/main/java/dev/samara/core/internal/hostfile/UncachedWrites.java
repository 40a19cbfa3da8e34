// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.mman.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Writes whole pages of one host file that are not in memory, from the buffer of the caller ({@code
 * generic_file_direct_write} in {@code mm/filemap.c}). A write needs no frames, and leaves no page in memory.
 *
 * <p>A write holds the lock of the write-back, so only one thread at a time writes the host's bytes, and there is no
 * concurrent truncation or hole. The write is recorded as under way ({@link FilePages.PageRead}), so a page that is read
 * during the write is stale, and is read again after the end of the write. So an access through a mapping or another
 * call sees all the new bytes if it is after the write, and the old bytes if it is before the write. If the host fails
 * during the write, the pages are still not in memory, and their content is what the host stored. Thread-safe.
 */
final class UncachedWrites {
    /**
     * The maximum number of bytes of a heap buffer that the JDK may copy through a buffer that it caches per thread.
     */
    private static final int MOST_COPIED = 64 << 10;

    private final InodeState inode;
    private final HostSize size;
    private final HostForces forces;
    private final TransferBuffers buffers;
    private final FilePages pages;
    private final FilePages saved;
    private final int pageSize;

    UncachedWrites(InodeState inode, HostSize size, HostForces forces, TransferBuffers buffers) {
        this.inode = inode;
        this.size = size;
        this.forces = forces;
        this.buffers = buffers;
        pages = inode.pages();
        saved = inode.saved();
        pageSize = pages.memory().frames().pageSize();
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
    long write(ByteBuffer source, long offset, boolean isFirst) {
        int length = Math.min(source.remaining(), FilePolicy.BUFFER) & -pageSize;
        if (inode.rules().holdsWrites()
                || offset % pageSize != 0
                || length == 0
                || pages.frameAt(offset / pageSize) != Frames.NONE) {
            return 0;
        }
        return source.isDirect()
                ? write(source, offset, length, isFirst, null)
                : writeHeap(source, offset, length, isFirst);
    }

    private long writeHeap(ByteBuffer source, long offset, int length, boolean isFirst) {
        ByteBuffer buffer = buffers.tryTake();
        if (buffer == null) {
            int most = Math.max(pageSize, Math.min(length, MOST_COPIED));
            return write(source, offset, most, isFirst, null);
        }
        try {
            return write(source, offset, length, isFirst, buffer);
        } finally {
            buffers.giveBackTaken(buffer);
        }
    }

    /** Adopts the size to which a write beyond the end extended the host's file. */
    private void grow(long end, boolean isWritten) {
        if (!isWritten || end <= pages.size()) {
            return;
        }
        try {
            pages.truncate(end);
        } finally {
            if (pages.size() < end) {
                size.undo(end);
            }
        }
    }

    /**
     * Writes under the lock of the write-back.
     *
     * @param by a buffer that receives the bytes and is then written; null if the source is written directly
     */
    private long write(ByteBuffer source, long offset, int length, boolean isFirst, @Nullable ByteBuffer by) {
        inode.writeBackLock().lock();
        try {
            if (!isFirst && isCut(offset, length)) {
                return 0;
            }
            long first = offset / pageSize;
            int count = saved.beginUncachedWrite(first, length / pageSize);
            if (count == 0) {
                return 0;
            }
            int start = source.position();
            try {
                try {
                    return write(source, offset, count * pageSize, by);
                } finally {
                    // Called before the end of the write, so that a read that starts after the end sees the new size. A
                    // read that started earlier is stale.
                    grow(offset + source.position() - start, source.position() > start);
                }
            } finally {
                saved.endWrite();
                // Counted after the write, because a force that started before it may not cover it.
                forces.noteChange();
                forces.addWritten(first, first + count - 1);
            }
        } catch (IOException failed) {
            return Errno.of(failed).result();
        } finally {
            inode.writeBackLock().unlock();
        }
    }

    /**
     * Returns whether another program has truncated the file to less than the end of these bytes. A write must not undo
     * this.
     */
    private boolean isCut(long offset, int length) throws IOException {
        long known = Math.min(offset + length, pages.size());
        return offset < known && inode.channel().size() < known;
    }

    private long write(ByteBuffer source, long offset, int length, @Nullable ByteBuffer by) throws IOException {
        int start = source.position();
        if (by == null) {
            int limit = source.limit();
            try {
                return writeFully(source.limit(start + length), offset);
            } finally {
                source.limit(limit);
            }
        }
        try {
            return writeFully(by.put(0, source, start, length).limit(length), offset);
        } finally {
            source.position(start + by.position());
        }
    }

    /** Writes the remaining bytes of a buffer. Returns 0, or negated EIO if the host writes none of them. */
    private long writeFully(ByteBuffer bytes, long offset) throws IOException {
        long before = offset - bytes.position();
        while (bytes.hasRemaining()) {
            if (inode.channel().write(bytes, before + bytes.position()) <= 0) {
                return Errno.EIO.result();
            }
        }
        return 0;
    }
}
