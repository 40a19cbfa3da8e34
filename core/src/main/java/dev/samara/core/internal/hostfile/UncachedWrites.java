// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.ReadsUnderWay;
import dev.samara.core.internal.file.SavedPages;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.mman.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Writes of whole pages of one file of the host that are not in memory, from the buffer of the caller ({@code
 * generic_file_direct_write} in {@code mm/filemap.c}). They need no frames, and leave no page in memory.
 *
 * <p>A write holds the lock of the write-back, so there is one write of the host's bytes at a time, and no truncation
 * or hole beside it. It is noted as a write under way ({@link ReadsUnderWay}): a page that is read during it is stale,
 * and is read again after its end. So a mapping or another call that comes later sees all of the bytes, and one that
 * comes before it, the old ones. If the host fails in between, the pages are still not in memory, and are what the host
 * has. Thread-safe.
 */
final class UncachedWrites {
    /** The most bytes of a heap buffer for which the JDK may make a buffer, which it keeps for the thread. */
    private static final int MOST_COPIED = 64 << 10;

    private final InodeState inode;
    private final HostSize size;
    private final HostForces forces;
    private final TransferBuffers buffers;
    private final FilePages pages;
    private final SavedPages saved;
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
     * Writes some of the remaining bytes of a buffer: whole pages, up to the first one in memory. Advances the position
     * by the number of written bytes, and makes the file larger if they reach beyond its end. The caller holds the lock
     * of the changes.
     *
     * @param isFirst whether the size of the host's file was looked at for these bytes
     * @return 0 or a negated errno; a part may be written in both cases. If it is 0 and none was written, the page at
     *     the offset is to be written in the usual way
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

    /** Takes the size that a write beyond the end has given to the host's file. */
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
     * @param by receives the bytes and is then written; null if the source is written itself
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
                    // Before the end: a read that begins later has the new size, and one that began before is stale.
                    grow(offset + source.position() - start, source.position() > start);
                }
            } finally {
                saved.endWrite();
                // After the write: a force that has started before need not cover it.
                forces.noteChange();
                forces.addWritten(first, first + count - 1);
            }
        } catch (IOException failed) {
            return HostErrors.of(failed).result();
        } finally {
            inode.writeBackLock().unlock();
        }
    }

    /** Returns whether another program has cut the file before the end of these bytes, which this must not undo. */
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

    /** Writes the remaining bytes of a buffer. Returns 0; EIO, negated, if the host takes none of them. */
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
