// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.backing;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.PageCache;
import java.nio.ByteBuffer;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A backing whose subclass only implements how a page is read. This class keeps each page in a page cache, and offers
 * the cached pages to later faults.
 *
 * <p>Two opens of one file are two objects with the same cache. The cache can be {@linkplain PageCache#close closed}
 * when the file is no longer needed. The machine closes a cache that is unreachable and not mapped. The last {@code
 * munmap} does not close the cache.
 *
 * <p>Before an access fails with {@link Fault#OUT_OF_MEMORY}, the machine reclaims pages that are clean, unpinned and
 * unmapped. They are read again when they are needed. A page becomes dirty when it is written through a mapping, by
 * {@link #pwrite}, or pinned for writing. {@link #read} must therefore be able to read each page again at any time. A
 * write to a frame through its store, without a pin for writing, may be lost.
 */
public abstract class CachedBacking implements Backing {
    /* Results of fetch; the result of PageCache.insert for a page beyond the end is -1. */
    private static final int NO_MEMORY = FilePages.NO_MEMORY;
    private static final int UNREADABLE = FilePages.EVICTED - 1;

    /** Ends the reads of a page whose {@link #read} itself removes it. */
    private static final int MOST_READS = 4096;

    private final String name;
    private final PageCache cache;

    /**
     * Creates one open of a file.
     *
     * @param name the displayed name, not empty
     * @param cache the pages of the file, created by the machine whose spaces will map it
     */
    protected CachedBacking(String name, PageCache cache) {
        this.name = Objects.requireNonNull(name, "name");
        this.cache = Objects.requireNonNull(cache, "cache");
        if (name.isEmpty()) {
            throw new IllegalArgumentException("name is empty: a backing must have a name to show");
        }
        ((FilePages) cache).allowReclaim();
    }

    /**
     * Reads a page. May block. If it throws, the fault is a SIGBUS, and {@link #pread} and {@link #pwrite} rethrow the
     * exception. If the page is removed from the cache during this call, the data read is dropped, and this method is
     * called again, up to 4,096 times for one access, which then fails as if this had returned false. So an access
     * after {@link PageCache#remove} sees the content that the file has by then.
     *
     * @param page number of the page in the file
     * @param frame a frame filled with zeros, which no other thread uses
     * @param store the store that contains the bytes of the frame
     * @return true if the page was read; if false, the fault is a SIGBUS, and a {@code pread} or {@code pwrite} returns
     *     EIO
     */
    protected abstract boolean read(long page, int frame, FrameStore store);

    @Override
    public int fault(Backing.PageRequest request) {
        int known = cache.frameAt(request.page());
        if (known >= 0) {
            return known;
        }
        int frame = fetch(request.page());
        if (frame == NO_MEMORY) {
            return -Fault.OUT_OF_MEMORY;
        }
        request.major();
        return frame >= 0 ? frame : -Fault.ADRERR;
    }

    /**
     * Reads a page into the cache. Returns its frame, -1 if the page is beyond the end of the file, NO_MEMORY or
     * UNREADABLE.
     */
    private int fetch(long page) {
        FilePages pages = (FilePages) cache;
        int result = FilePages.STALE;
        for (int reads = 0; result == FilePages.STALE && reads < MOST_READS; reads++) {
            FilePages.PageRead read = pages.beginRead(page, 1);
            try {
                result = fetch(pages, read, page);
            } finally {
                pages.endRead(read);
            }
        }
        return result == FilePages.STALE ? UNREADABLE : result;
    }

    /** Reads a page once. Returns {@link FilePages#STALE} if the page was removed from the cache during the read. */
    private int fetch(FilePages pages, FilePages.PageRead read, long page) {
        int frame = pages.allocateFor(page);
        if (frame < 0) {
            return NO_MEMORY;
        }
        int result = UNREADABLE;
        boolean isRead = false;
        try {
            isRead = read(page, frame, pages.store());
            if (isRead) {
                result = pages.insertRead(read, frame);
            }
        } finally {
            if (!isRead || result == FilePages.STALE) {
                pages.free(frame);
            }
        }
        return result;
    }

    /**
     * Reads bytes of the file into the remaining bytes of a buffer, up to the end of the file, as {@code read(2)} of a
     * mapped file does on Linux. The bytes come from the cached pages, so the read sees all earlier stores through
     * shared mappings. A page that is not in memory is {@linkplain #read read} into the cache first. The position of
     * the buffer advances by the number of bytes read. The rights of this open are not checked.
     *
     * @param target receives the bytes; a heap or a direct buffer
     * @param offset the offset of the first byte in the file
     * @return the number of bytes read, 0 at the end of the file; if none was read, a negated errno: EIO if the page
     *     cannot be read, ENOMEM if there is no memory for it, EINVAL for a negative offset or an end beyond the
     *     largest offset
     * @throws java.nio.ReadOnlyBufferException if {@code target} is read-only
     * @throws IllegalStateException if the cache is closed, if a CPU of the thread is in GUEST, or if this is called
     *     from {@link #rcuMapPages}
     */
    public final long pread(ByteBuffer target, long offset) {
        ThreadCpus.checkMayWait("a read of a file");
        return transfer(target, offset, false);
    }

    /**
     * Reads bytes as {@link #pread(ByteBuffer, long)} does.
     *
     * @param target receives the bytes
     * @param at index of the first byte in {@code target}
     * @param length the maximum number of bytes
     * @param offset the offset of the first byte in the file
     * @return the number of bytes read, or a negated errno, as for a buffer
     */
    public final long pread(byte[] target, int at, int length, long offset) {
        return pread(ByteBuffer.wrap(target, at, length), offset);
    }

    /**
     * Writes the remaining bytes of a buffer to the cached pages of the file, as {@code write(2)} of a mapped file does
     * on Linux, and grows the file if they reach beyond its end. A page that is overwritten only in part is {@linkplain
     * #read read} into the cache first, unless it is in memory. The pages of a gap between the old end and the write
     * are not in memory either; they are {@code read} when they are needed. The written pages are dirty. The position
     * of the buffer advances by the number of bytes written. The rights of this open are not checked.
     *
     * <p>Each part of the write that needs no {@code read} excludes other writes and changes of the size. Other writes
     * and changes may intervene while a page is read.
     *
     * @param source contains the bytes; a heap or a direct buffer
     * @param offset the offset of the first byte in the file
     * @return the number of bytes written; if none was written, a negated errno: EIO if the page cannot be read, ENOMEM
     *     if there is no memory for it, EINVAL for a negative offset or an end beyond the largest offset
     * @throws IllegalStateException if the cache is closed, if a CPU of the thread is in GUEST, or if this is called
     *     from {@link #rcuMapPages}
     */
    public final long pwrite(ByteBuffer source, long offset) {
        return transfer(source, offset, true);
    }

    /**
     * Writes bytes as {@link #pwrite(ByteBuffer, long)} does.
     *
     * @param source contains the bytes
     * @param at index of the first byte in {@code source}
     * @param length number of bytes
     * @param offset the offset of the first byte in the file
     * @return the number of bytes written, or a negated errno, as for a buffer
     */
    public final long pwrite(byte[] source, int at, int length, long offset) {
        return pwrite(ByteBuffer.wrap(source, at, length), offset);
    }

    private long transfer(ByteBuffer buffer, long offset, boolean writes) {
        int pageSize = ((FilePages) cache).memory.frames.pageSize;
        long done = 0;
        for (; ; ) {
            long part = writes ? cache.pwrite(buffer, offset + done) : cache.pread(buffer, offset + done);
            if (part >= 0) {
                done += part;
                if (part == 0 || !buffer.hasRemaining()) {
                    return done;
                }
            } else {
                long failure = part == Errno.EAGAIN.result() ? resultOf(fetch((offset + done) / pageSize)) : part;
                if (failure != 0) {
                    return done > 0 ? done : failure;
                }
            }
        }
    }

    /**
     * Returns the negated errno of a fetch. A page beyond end of file is not an error, because the file was truncated
     * concurrently.
     */
    private static long resultOf(int fetched) {
        return fetched == NO_MEMORY ? Errno.ENOMEM.result() : fetched == UNREADABLE ? Errno.EIO.result() : 0;
    }

    @Override
    public final @Nullable PageCache pageCache() {
        return cache;
    }

    @Override
    public int major() {
        return 0;
    }

    @Override
    public int minor() {
        return 1;
    }

    @Override
    public long inode() {
        return 0;
    }

    @Override
    public final String name() {
        return name;
    }

    @Override
    public String toString() {
        return name;
    }
}
