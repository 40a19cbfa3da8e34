// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.PageWriter;
import dev.samara.core.mman.Errno;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Writes dirty pages of one file of the host, and forces them to the device ({@code file_write_and_wait_range}, {@code
 * vfs_fsync_range}). All of it runs under the lock of the write-back.
 */
final class PageWrites implements PageWriter {
    /** The file of the host is shorter than the page cache says. No errno has this number. */
    static final long SHORT = -4096;

    private static final byte[] ZEROS = new byte[4096];

    /** The most numbers in {@link #runs}: a guest that never saves writes any number of runs. */
    private static final int MOST_RUNS = 1 << 7;

    private final HostInode inode;
    private final FilePages pages;
    private final TransferBuffers buffers;

    /** Whether a page whose write has failed is clean. */
    private final boolean dropsFailed;

    /** The first failure of this write-back whose pages are clean, or 0. */
    private long dropped;

    /**
     * The number of changes of the host's bytes that have begun or ended: odd during one. Written under the lock of the
     * write-back.
     */
    private volatile long begun;

    /** The runs of pages that were written since the last force: the first and the last page of each. */
    private long[] runs = new long[16];

    private int runsSize;

    PageWrites(HostInode inode, TransferBuffers buffers, boolean dropsFailed) {
        this.inode = inode;
        this.buffers = buffers;
        this.dropsFailed = dropsFailed;
        pages = inode.pages();
    }

    /** Returns a number that is another one after each write. */
    long begun() {
        return begun;
    }

    /**
     * Writes the dirty pages of a range, and perhaps forces the file. Pages whose write has failed stay dirty. If the
     * force fails, the pages that were written since the last one are dirty again, as far as they are in memory. If
     * failed writes are dropped, all these pages are clean.
     *
     * @param forces whether the file is forced
     * @return 0; a negated errno, which is recorded; or {@link #SHORT}
     */
    long flush(long first, long last, boolean forces) {
        inode.writeBackLock().lock();
        try {
            long failed = write(first, last, true);
            long unforced = forces && inode.isUnforced() ? force() : 0;
            return failed != 0 ? failed : unforced;
        } finally {
            inode.writeBackLock().unlock();
        }
    }

    /** Writes the dirty pages of a range. The caller holds the lock of the write-back. */
    long write(long first, long last, boolean mayWait) {
        if (!inode.isWritable()) {
            // No open of this file can have written to it.
            return 0;
        }
        ByteBuffer buffer = buffers.take(pages.memory().frames().pageSize());
        try {
            dropped = 0;
            long failed = mayWait ? pages.writeBack(first, last, buffer, this) : pages.tryWriteBack(buffer, this);
            failed = failed == 0 ? dropped : failed;
            if (failed != 0 && failed != SHORT) {
                inode.errors().add(failed);
            }
            return failed;
        } finally {
            buffers.giveBack(buffer);
        }
    }

    @Override
    public long write(long offset, ByteBuffer bytes) {
        try {
            // Nothing lengthens a file that another program has made shorter.
            if (offset + bytes.remaining() > inode.channel().size()) {
                return SHORT;
            }
            addRun(offset, bytes.remaining());
            return drop(writeFully(offset, bytes));
        } catch (IOException failed) {
            return drop(HostErrors.of(failed).result());
        }
    }

    /** Returns the result of a write for the cache: 0 if the pages are clean. */
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
        inode.setUnforced(true);
        begin();
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
            begin();
        }
    }

    private void begin() {
        long before = begun;
        begun = before + 1;
    }

    /**
     * Makes pages of the host zeros. Reads them first: those that are zeros already are not written, since they may be
     * a hole, which takes no space. The caller holds the lock of the write-back.
     *
     * @param buffer for the bytes of the pages; not shorter than {@code length}
     * @param length whole pages
     * @return 0, a negated errno, or {@link #SHORT}
     */
    long zero(ByteBuffer buffer, long offset, int length) {
        int pageSize = pages.memory().frames().pageSize();
        try {
            buffer.clear().limit(length);
            while (buffer.hasRemaining()) {
                if (inode.channel().read(buffer, offset + buffer.position()) < 0) {
                    return SHORT;
                }
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
                // The page at this place is zeros.
                from = to + pageSize;
            }
            return failed;
        } catch (IOException failed) {
            return HostErrors.of(failed).result();
        }
    }

    /** Fills a part of a buffer with zeros. Returns false if it consists of zeros. */
    private static boolean clear(ByteBuffer buffer, int from, int length) {
        long bits = 0;
        for (int i = from; i < from + length; i += Long.BYTES) {
            bits |= buffer.getLong(i);
        }
        for (int i = from; bits != 0 && i < from + length; i += ZEROS.length) {
            buffer.put(i, ZEROS, 0, Math.min(ZEROS.length, from + length - i));
        }
        return bits != 0;
    }

    private void addRun(long offset, long length) {
        int shift = Integer.numberOfTrailingZeros(pages.memory().frames().pageSize());
        long first = offset >>> shift;
        long last = (offset + length - 1) >>> shift;
        if (runsSize > 0 && runs[runsSize - 1] + 1 == first) {
            runs[runsSize - 1] = last;
            return;
        }
        if (runsSize == MOST_RUNS) {
            joinRuns();
        } else if (runsSize == runs.length) {
            runs = Arrays.copyOf(runs, 2 * runsSize);
        }
        runs[runsSize++] = first;
        runs[runsSize++] = last;
    }

    /** Makes one run of all: a page between them that is dirty after a force has failed is written once more. */
    private void joinRuns() {
        for (int i = 2; i < runsSize; i += 2) {
            runs[0] = Math.min(runs[0], runs[i]);
            runs[1] = Math.max(runs[1], runs[i + 1]);
        }
        runsSize = 2;
    }

    /** Forces the file. The caller holds the lock of the write-back. */
    private long force() {
        boolean isForced = false;
        // First: what is written meanwhile is not forced.
        inode.setUnforced(false);
        try {
            inode.channel().force();
            isForced = true;
            return 0;
        } catch (IOException failed) {
            long errno = HostErrors.of(failed).result();
            inode.errors().add(errno);
            return errno;
        } finally {
            if (!isForced) {
                inode.setUnforced(true);
                // Whether the device has them is not known.
                for (int i = 0; i < runsSize && !dropsFailed; i += 2) {
                    pages.setDirty(runs[i], runs[i + 1]);
                }
            }
            runsSize = 0;
        }
    }
}
