// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.backing.PageHooks;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.internal.page.Frames;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Finds pages of one host file, and reads those that are not in memory ({@code filemap_read_folio}). If the frames are
 * in direct memory, the host reads directly into them. The last page of the file is filled up with zeros. A failed read
 * changes nothing, and the next access reads again.
 *
 * <p>A read holds {@code invalidate} shared, so no truncation and no hole can happen between the read and the insertion
 * of its pages. Writes of pages are not excluded. During the read, other threads may insert one of the pages, change
 * it, write it back and reclaim it. In that case the bytes that were read are stale, and the page is read again. {@link
 * FilePages.PageRead} compares the ranges, so only a write or a removal of the page itself makes its read stale. A read
 * of a page that no thread writes or removes waits neither for a write-back nor for a force.
 */
final class PageReads {
    /* Results in addition to the results of FilePages. */

    /** The page is beyond the end of the file. */
    private static final int BEYOND = Frames.NONE;

    /** The host failed to read the page. */
    static final int UNREADABLE = FilePages.EVICTED - 1;

    /** The host's file is shorter than the size in the page cache. */
    private static final int SHORT = UNREADABLE - 1;

    /** The maximum number of attempts of a read or a write-back that finds that the host's file was truncated. */
    static final int ATTEMPTS = 8;

    /** How often a stale page is read again before the read excludes write-backs. */
    private static final int UNLOCKED_RETRIES = 4;

    /**
     * A pool of arrays, and of views of frames, that reads of pages reuse, so that a read need not create them. Keeps
     * only a few. Thread-safe.
     */
    static final class ReadArraysPool {
        private static final int MOST_IDLE = 8;

        /** The maximum number of pages of a read-ahead window with pages of 4 KiB. */
        private static final int LEAST = 64;

        /** The arrays of one read of pages, for one thread. */
        static final class ReadArrays {
            /** The frames that the read fills. */
            final int[] fresh;

            /** See {@link DirectFrames#bytes(int, int, ByteBuffer[])}. */
            final @Nullable ByteBuffer[] views;

            private ReadArrays(int most, int buffers) {
                fresh = new int[most];
                views = new ByteBuffer[buffers];
            }
        }

        private final int buffers;

        /**
         * Words: {@code idle}, {@code idleCount}.
         * Written: a thread that starts or ends a read (monitor).
         * Read: such threads (monitor).
         * Invariant: arrays that no read is using.
         */
        @GuardedBy("this")
        private final @Nullable ReadArrays[] idle = new ReadArrays[MOST_IDLE];

        @GuardedBy("this")
        private int idleCount;

        /**
         * Creates an empty pool.
         *
         * @param direct the frames, or null if they are not in direct memory
         */
        ReadArraysPool(@Nullable DirectFrames direct) {
            buffers = direct == null ? 0 : direct.buffers();
        }

        /** Returns arrays for a read of up to {@code most} pages, for one thread. */
        ReadArrays take(int most) {
            ReadArrays known = poll();
            return known == null || known.fresh.length < most ? new ReadArrays(Math.max(LEAST, most), buffers) : known;
        }

        private synchronized @Nullable ReadArrays poll() {
            if (idleCount == 0) {
                return null;
            }
            ReadArrays last = idle[--idleCount];
            idle[idleCount] = null;
            return last;
        }

        /** Returns arrays of {@link #take} to the pool. */
        synchronized void giveBack(ReadArrays arrays) {
            if (idleCount < MOST_IDLE) {
                idle[idleCount++] = arrays;
            }
        }
    }

    private final HostInode inode;
    private final FilePages pages;
    private final Frames frames;
    private final int pageShift;
    private final ReadArraysPool pool;

    /** Creates the reads of a file. The caller holds the monitor of {@link HostFiles}. */
    PageReads(HostInode inode) {
        this.inode = inode;
        pages = inode.pages;
        frames = pages.memory().frames();
        pageShift = Integer.numberOfTrailingZeros(frames.pageSize());
        pool = inode.files.readArrays(pages.memory());
    }

    /**
     * Returns the frame of a page; reads the page if it is not in memory.
     *
     * @param page the page
     * @param most the maximum number of pages that are read at once, from {@code page} on
     * @param isScan whether the pages after {@code page} are read ahead, because {@code page} is accessed
     * @return the frame; {@link #BEYOND}, {@link FilePages#NO_MEMORY} or {@link #UNREADABLE}
     */
    int fetch(long page, int most, boolean isScan) {
        inode.files.limit.makeRoom(pages);
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            int frame = read(page, most, isScan);
            while (frame == FilePages.EVICTED) {
                pages.awaitChange();
                frame = read(page, most, isScan);
            }
            if (frame != SHORT) {
                return frame;
            }
            // Another program has truncated the file, so its size is read again before the retry.
            if (inode.revalidate() != 0) {
                return UNREADABLE;
            }
        }
        return UNREADABLE;
    }

    /**
     * Reads a page and the pages that follow it, up to the next page that is in memory.
     *
     * @param page the page
     * @param most the maximum number of pages
     * @param isScan whether the pages after {@code page} are read ahead, because {@code page} is accessed
     * @return the frame of the page, or a result of this class or of {@link FilePages}
     */
    private int read(long page, int most, boolean isScan) {
        int result = fetchOnce(page, most, isScan);
        if (result == UNREADABLE && most > 1) {
            // Retries with the requested page alone, because possibly only one of the following pages cannot be read.
            result = fetchOnce(page, 1, isScan);
        }
        for (int retries = 0; result == FilePages.STALE; retries++) {
            result = retries < UNLOCKED_RETRIES ? fetchOnce(page, 1, false) : fetchAlone(page);
        }
        return result;
    }

    private int fetchOnce(long page, int most, boolean isScan) {
        ReadArraysPool.ReadArrays arrays = pool.take(most);
        try {
            return fetch(page, most, isScan, arrays);
        } finally {
            pool.giveBack(arrays);
        }
    }

    private int fetch(long page, int most, boolean isScan, ReadArraysPool.ReadArrays arrays) {
        int[] fresh = arrays.fresh;
        Arrays.fill(fresh, 0, most, Frames.NONE);
        try {
            int count = pages.allocateForRead(page, fresh, absent(page, most));
            if (count == 0) {
                return FilePages.NO_MEMORY;
            }
            // Sorted so that neighbouring frames are filled by one call.
            Arrays.sort(fresh, 0, count);
            return read(page, arrays, count, isScan);
        } finally {
            pages.freeRead(fresh, most);
        }
    }

    /** Returns the number of pages to read: from {@code page} up to the next page in memory, or the end of the file. */
    private int absent(long page, int most) {
        int count = 1;
        while (count < most && page + count < pages.pages() && pages.frameAt(page + count) == Frames.NONE) {
            count++;
        }
        return count;
    }

    /** Reads a page while write-backs are excluded, because the page was written during each of the earlier reads. */
    private int fetchAlone(long page) {
        inode.writeBack.lock();
        try {
            return fetchOnce(page, 1, false);
        } finally {
            inode.writeBack.unlock();
        }
    }

    private int read(long page, ReadArraysPool.ReadArrays arrays, int count, boolean isScan) {
        inode.invalidate.lockShared();
        try {
            long start = page << pageShift;
            long wanted = wanted(start, count);
            if (wanted <= 0) {
                return BEYOND;
            }
            int used = (int) ((wanted + frames.pageSize() - 1) >>> pageShift);
            // Started before the bytes are read, so that a write or removal after this makes them stale.
            FilePages.PageRead read = pages.beginRead(page, used);
            try {
                if (wanted(start, count) != wanted) {
                    // A write that bypasses the cache may have extended the file and ended before this read was
                    // started.
                    return FilePages.STALE;
                }
                if (!fill(arrays, used, start, wanted)) {
                    return SHORT;
                }
                PageHooks of = inode.rules.hooks();
                boolean areAccepted = of == null || areAccepted(of, arrays.fresh, used, start, wanted);
                return areAccepted ? pages.insertRead(read, arrays.fresh, isScan) : UNREADABLE;
            } finally {
                pages.endRead(read);
            }
        } catch (IOException failed) {
            return UNREADABLE;
        } finally {
            inode.invalidate.unlockShared();
        }
    }

    /** Returns the number of bytes of the file in {@code count} pages from the offset {@code start} on. */
    private long wanted(long start, int count) {
        return Math.min((long) count << pageShift, pages.size() - start);
    }

    /**
     * Fills frames with bytes of the file, and the rest of the last frame with zeros. Returns false if the host's file
     * is too short for these bytes.
     */
    private boolean fill(ReadArraysPool.ReadArrays arrays, int count, long start, long wanted) throws IOException {
        DirectFrames direct = frames.direct();
        boolean isFilled = direct != null
                ? fillInPlace(direct, arrays, count, start, wanted)
                : fillByBuffer(arrays.fresh, count, start, (int) wanted);
        int rest = (int) (((long) count << pageShift) - wanted);
        if (isFilled && rest > 0) {
            frames.store().fill(arrays.fresh[count - 1], frames.pageSize() - rest, rest, (byte) 0);
        }
        return isFilled;
    }

    private boolean fillByBuffer(int[] fresh, int count, long start, int wanted) throws IOException {
        ByteBuffer buffer = inode.files.buffers.take(wanted);
        try {
            if (!HostChannel.readFully(inode.channel, buffer.limit(wanted), start)) {
                return false;
            }
            for (int i = 0; i < count; i++) {
                int at = i << pageShift;
                frames.store().write(fresh[i], 0, buffer, at, Math.min(frames.pageSize(), wanted - at));
            }
            return true;
        } finally {
            inode.files.buffers.giveBack(buffer);
        }
    }

    /** Reads each run of consecutive frames with one call, or with several calls if the run is in several buffers. */
    private boolean fillInPlace(
            DirectFrames direct, ReadArraysPool.ReadArrays arrays, int count, long start, long wanted)
            throws IOException {
        int[] fresh = arrays.fresh;
        int from = 0;
        while (from < count) {
            int to = from + 1;
            while (to < count && fresh[to] == fresh[to - 1] + 1 && direct.areTogether(fresh[from], fresh[to])) {
                to++;
            }
            long before = (long) from << pageShift;
            int length = (int) Math.min((long) (to - from) << pageShift, wanted - before);
            if (!HostChannel.readFully(
                    inode.channel, direct.bytes(fresh[from], length, arrays.views), start + before)) {
                return false;
            }
            from = to;
        }
        return true;
    }

    /** Returns whether the hooks of the file accept all pages that were read. */
    private boolean areAccepted(PageHooks of, int[] fresh, int count, long start, long wanted) {
        DirectFrames direct = frames.direct();
        for (int i = 0; i < count; i++) {
            long before = (long) i << pageShift;
            int length = (int) Math.min(frames.pageSize(), wanted - before);
            ByteBuffer page;
            if (direct != null) {
                page = direct.bytes(fresh[i], length);
            } else {
                page = ByteBuffer.allocate(length);
                frames.store().read(fresh[i], 0, page, 0, length);
            }
            if (!inode.answer(of, "afterRead", start + before, page)) {
                return false;
            }
        }
        return true;
    }
}
