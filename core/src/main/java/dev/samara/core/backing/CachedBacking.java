// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.backing;

import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.NoFrame;
import dev.samara.core.internal.file.ReadsUnderWay;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.PageRequest;
import java.nio.ByteBuffer;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A backing whose subclass only implements the reading of a page. It keeps each page in a page cache, and offers the
 * cached pages to later faults.
 *
 * <p>Two opens of one file are two objects with the same cache. The cache can be {@linkplain PageCache#close closed}
 * when the file is not needed any more; the machine closes a cache that is mapped nowhere and is unreachable. The last
 * {@code munmap} ends nothing.
 *
 * <p>Before an access fails with {@link Fault#OUT_OF_MEMORY}, the machine reclaims pages that are clean, unpinned and
 * unmapped; they are read again when they are needed. A page becomes dirty when it is written through a mapping, by
 * {@link #pwrite}, or pinned for writing. {@link #read} must therefore be able to read each page again at any time. A
 * write to a frame through its store, without a pin for writing, may be lost.
 */
public abstract class CachedBacking implements Backing {
    /* Results of fetch; the result of PageCache.insert for a page beyond the end is -1. */
    private static final int NO_MEMORY = NoFrame.NO_MEMORY;
    private static final int UNREADABLE = NoFrame.EVICTED - 1;

    private final String name;
    private final PageCache cache;

    /**
     * Makes one open of a file.
     *
     * @param name the displayed name, not empty
     * @param cache the pages of the file, made by the machine whose spaces will map it
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
     * Reads a page. May block. An exception makes the fault a SIGBUS; {@link #pread} and {@link #pwrite} pass it on. If
     * the page is removed from the cache during this call, what was read is dropped, and this is called again: so an
     * access after {@link PageCache#remove} sees what is behind the cache by then.
     *
     * @param page number of the page in the file
     * @param frame a frame filled with zeros, which no other thread has
     * @param store the store with the bytes of the frame
     * @return true if the page was read; otherwise the fault is a SIGBUS, and a {@code pread} or {@code pwrite} is EIO
     */
    protected abstract boolean read(long page, int frame, FrameStore store);

    @Override
    public int fault(PageRequest request) {
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

    /** Reads a page into the cache. Returns its frame, -1 beyond the end, NO_MEMORY or UNREADABLE. */
    private int fetch(long page) {
        FilePages pages = (FilePages) cache;
        int result = NoFrame.STALE;
        while (result == NoFrame.STALE) {
            ReadsUnderWay.PageRead read = pages.beginRead(page, 1);
            try {
                result = fetch(pages, read, page);
            } finally {
                pages.endRead(read);
            }
        }
        return result;
    }

    /** Reads a page once. Returns {@link NoFrame#STALE} if it was removed from the cache during the read. */
    private int fetch(FilePages pages, ReadsUnderWay.PageRead read, long page) {
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
            if (!isRead || result == NoFrame.STALE) {
                pages.free(frame);
            }
        }
        return result;
    }

    /**
     * Reads bytes of the file into the remaining bytes of a buffer, up to the end of the file, as {@code read(2)} of a
     * mapped file does. The bytes come from the cached pages, so the read sees all earlier stores through shared
     * mappings. A page that is not in memory is {@linkplain #read read} into the cache first. The position of the
     * buffer advances by the number of read bytes. The rights of this open are not checked.
     *
     * @param target receives the bytes; a heap or a direct buffer
     * @param offset of the first byte in the file
     * @return the number of read bytes, 0 at the end of the file; if none was read, a negated errno: EIO if the page
     *     cannot be read, ENOMEM if there is no memory for it, EINVAL for a negative offset or an end beyond the
     *     largest offset
     * @throws java.nio.ReadOnlyBufferException if {@code target} is read-only
     * @throws IllegalStateException if the cache is closed, if a CPU of the thread is in GUEST, or if this is called
     *     from {@link #rcuMapPages}
     */
    public final long pread(ByteBuffer target, long offset) {
        Cpus.checkMayWait("a read of a file");
        return transfer(target, offset, false);
    }

    /**
     * Reads bytes as {@link #pread(ByteBuffer, long)} does.
     *
     * @param target receives the bytes
     * @param at index of the first byte in {@code target}
     * @param length largest number of bytes
     * @param offset of the first byte in the file
     * @return the number of read bytes, or a negated errno, as for a buffer
     */
    public final long pread(byte[] target, int at, int length, long offset) {
        return pread(ByteBuffer.wrap(target, at, length), offset);
    }

    /**
     * Writes the remaining bytes of a buffer to the cached pages of the file, as {@code write(2)} of a mapped file
     * does, and makes the file larger if they reach beyond its end. A page of which a part stays is {@linkplain #read
     * read} into the cache first, if it is not in memory. A gap between the old end and the write is not in memory
     * either: {@code read} is asked for its pages when they are needed. The written pages are dirty. The position of
     * the buffer advances by the number of written bytes. The rights of this open are not checked.
     *
     * <p>Each part of the write for which the cached pages suffice excludes other writes and changes of the size. They
     * may come in between where a page is read.
     *
     * @param source has the bytes; a heap or a direct buffer
     * @param offset of the first byte in the file
     * @return the number of written bytes; if none was written, a negated errno: EIO if the page cannot be read, ENOMEM
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
     * @param source has the bytes
     * @param at index of the first byte in {@code source}
     * @param length number of bytes
     * @param offset of the first byte in the file
     * @return the number of written bytes, or a negated errno, as for a buffer
     */
    public final long pwrite(byte[] source, int at, int length, long offset) {
        return pwrite(ByteBuffer.wrap(source, at, length), offset);
    }

    private long transfer(ByteBuffer buffer, long offset, boolean writes) {
        int pageSize = ((FilePages) cache).memory().frames().pageSize();
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

    /** Returns the errno of a fetch, negated. A page beyond the end is none: the file has become smaller. */
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
