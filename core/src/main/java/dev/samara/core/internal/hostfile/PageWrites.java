// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.backing.PageHooks;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.mman.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.function.ToLongFunction;

/**
 * Writes dirty pages of one file to the host ({@code file_write_and_wait_range}), while it holds the lock of the
 * write-back. {@link HostForces} forces them to the device.
 */
final class PageWrites implements FilePages.PageWriter {
    /** The host's file is shorter than the size in the page cache. No errno has this value. */
    static final long SHORT = -4096;

    private static final byte[] ZEROS = new byte[4096];

    private final InodeState inode;
    private final FilePages pages;
    private final HostForces forces;
    private final TransferBuffers buffers;
    private final HookCalls hooks;
    private final int pageShift;

    /** Whether a page becomes clean although its write failed. */
    private final boolean dropsFailed;

    /** The first failure of this write-back that was dropped, i.e. whose pages became clean, or 0. */
    private long dropped;

    PageWrites(InodeState inode, HostForces forces, TransferBuffers buffers, boolean dropsFailed, HookCalls hooks) {
        this.inode = inode;
        this.forces = forces;
        this.buffers = buffers;
        this.dropsFailed = dropsFailed;
        this.hooks = hooks;
        pages = inode.saved();
        pageShift = Integer.numberOfTrailingZeros(pages.memory().frames().pageSize());
    }

    /**
     * Writes the dirty pages of a range. Waits for other changes and write-backs. Pages whose write failed stay dirty,
     * unless failed writes are dropped.
     *
     * @param alsoFailed whether to write also pages whose last write failed
     * @return 0; a negated errno, which is recorded; {@link #SHORT}, or {@link FilePages.PageWriter#HELD}
     */
    long write(long first, long last, boolean alsoFailed) {
        inode.writeBackLock().lock();
        try {
            return write(buffer -> pages.writeBack(first, last, alsoFailed, buffer, this));
        } finally {
            inode.writeBackLock().unlock();
        }
    }

    /** Writes the dirty pages that evictions found. Waits for no lock. The caller holds the lock of the write-back. */
    void writeForEviction() {
        write(buffer -> pages.tryWriteBack(buffer, this));
    }

    private long write(ToLongFunction<ByteBuffer> writeBack) {
        if (!inode.isWritable()) {
            // The file was never opened for writing, so no page of it is dirty.
            return 0;
        }
        ByteBuffer buffer = buffers.take(pages.memory().frames().pageSize());
        try {
            dropped = 0;
            long failed = writeBack.applyAsLong(buffer);
            failed = FilePages.PageWriter.worse(failed, dropped);
            if (failed != 0 && failed != SHORT && failed != HELD) {
                inode.errors().add(failed);
            }
            return failed;
        } finally {
            buffers.giveBack(buffer);
        }
    }

    @Override
    public boolean mayWrite(long offset, ByteBuffer page) {
        PageHooks of = inode.rules().hooks();
        return of == null || hooks.mayWrite(of, offset, page);
    }

    @Override
    public long write(long offset, ByteBuffer bytes) {
        try {
            // A write-back does not extend a file that another program truncated.
            if (offset + bytes.remaining() > inode.channel().size()) {
                return SHORT;
            }
            return drop(writeFully(offset, bytes));
        } catch (IOException failed) {
            return drop(Errno.of(failed).result());
        }
    }

    /** Returns the result that the page cache receives for a write: 0 makes the pages clean. */
    private long drop(long failed) {
        if (!dropsFailed) {
            return failed;
        }
        dropped = dropped == 0 ? failed : dropped;
        return 0;
    }

    private long writeFully(long offset, ByteBuffer bytes) throws IOException {
        if (!bytes.hasRemaining()) {
            return 0;
        }
        HostChannel to = inode.channel();
        long at = offset;
        long first = offset >>> pageShift;
        long last = (offset + bytes.remaining() - 1) >>> pageShift;
        pages.beginWrite(first, last);
        try {
            while (bytes.hasRemaining()) {
                int written = to.write(bytes, at);
                if (written <= 0) {
                    return Errno.EIO.result();
                }
                at += written;
            }
            return 0;
        } finally {
            pages.endWrite();
            // Counted after the write, because a force that started before it may not cover it.
            forces.noteChange();
            forces.addWritten(first, last);
        }
    }

    /**
     * Returns whether bytes of the host's file are all zeros. Needs no lock; the result may be outdated. A failure of
     * the host is not reported, because {@link #zero} then reads the bytes again.
     *
     * @param buffer a buffer for the bytes; at least {@code length} bytes long
     * @param length the number of bytes, a multiple of 8
     */
    boolean areZeros(ByteBuffer buffer, long offset, int length) {
        try {
            return read(buffer, offset, length) && areZeros(buffer, 0, length);
        } catch (IOException failed) {
            return false;
        }
    }

    /** Reads bytes of the host's file. Returns false if the file is too short. */
    private boolean read(ByteBuffer buffer, long offset, int length) throws IOException {
        buffer.clear().limit(length);
        while (buffer.hasRemaining()) {
            if (inode.channel().read(buffer, offset + buffer.position()) < 0) {
                return false;
            }
        }
        return true;
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
     * @return 0, a negated errno, or {@link #SHORT}
     */
    long zero(ByteBuffer buffer, long offset, int length) {
        int pageSize = pages.memory().frames().pageSize();
        try {
            if (!read(buffer, offset, length)) {
                return SHORT;
            }
            long failed = 0;
            for (int from = 0; failed == 0 && from < length; ) {
                int to = from;
                while (to < length && clear(buffer, to, pageSize)) {
                    to += pageSize;
                }
                buffer.limit(to).position(from);
                failed = writeFully(offset + from, buffer);
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
