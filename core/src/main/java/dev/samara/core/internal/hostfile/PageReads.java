// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.sync.StackReserve;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.function.BooleanSupplier;

/**
 * Reads pages of one file of the host into memory ({@code filemap_read_folio}). The rest of the last page is zeros. A
 * failed read leaves nothing: the next access reads again.
 */
final class PageReads {
    /* Results beside those of FilePages. */

    /** The page lies beyond the end of the file. */
    static final int BEYOND = Frames.NONE;

    /** The host has failed to read the page. */
    static final int UNREADABLE = FilePages.STALE - 1;

    /** The file of the host is shorter than the page cache says. */
    static final int SHORT = UNREADABLE - 1;

    /** The number of frames of stack that a read touches before it has a frame of memory, to free or insert that. */
    private static final int DEPTH = 30;

    private final HostInode inode;
    private final FilePages pages;
    private final Frames frames;
    private final int pageShift;
    private final TransferBuffers buffers;

    PageReads(HostInode inode, TransferBuffers buffers) {
        this.inode = inode;
        this.buffers = buffers;
        pages = inode.pages();
        frames = pages.memory().frames();
        pageShift = Integer.numberOfTrailingZeros(frames.pageSize());
    }

    /**
     * Reads a page, and pages after it that are not in memory either, up to the next one that is.
     *
     * @param page the page
     * @param most the most pages
     * @return the frame of the page, or a result of this class or of {@link FilePages}
     */
    int fetch(long page, int most) {
        // Before there is a frame: the frame would be lost if there is no stack or no memory for this.
        StackReserve.check(DEPTH);
        int[] fresh = new int[most];
        int first = pages.allocate();
        if (first == Frames.NONE) {
            return FilePages.NO_MEMORY;
        }
        Arrays.fill(fresh, Frames.NONE);
        fresh[0] = first;
        int result;
        try {
            int count = 1;
            while (count < most && isAbsent(page + count)) {
                // Pages that are not needed yet are not worth a reclaim.
                fresh[count] = pages.tryAllocate();
                if (fresh[count] == Frames.NONE) {
                    break;
                }
                count++;
            }
            result = read(page, fresh, count);
        } finally {
            for (int frame : fresh) {
                if (frame != Frames.NONE) {
                    pages.free(frame);
                }
            }
        }
        if (result == UNREADABLE && most > 1) {
            // Perhaps it is another page that cannot be read.
            return fetch(page, 1);
        }
        return result == FilePages.STALE ? fetchAlone(page) : result;
    }

    private boolean isAbsent(long page) {
        return page < pages.pages() && pages.frameAt(page) == Frames.NONE;
    }

    /** Reads a page while no page is written back: it was found that one was, during a read before. */
    private int fetchAlone(long page) {
        inode.writeBackLock().lock();
        try {
            return fetch(page, 1);
        } finally {
            inode.writeBackLock().unlock();
        }
    }

    private int read(long page, int[] fresh, int count) {
        ByteBuffer buffer = buffers.take(count << pageShift);
        inode.readLock().lock();
        try {
            // Before the read. Another thread may insert the page, change it, write it back and reclaim it, before
            // this thread inserts it: what was read is not its content any more then.
            long written = inode.writes().begun();
            long start = page << pageShift;
            long wanted = Math.min((long) count << pageShift, pages.size() - start);
            if (wanted <= 0) {
                return BEYOND;
            }
            if (!readFully(buffer.limit((int) wanted), start)) {
                return SHORT;
            }
            // Before a frame is taken out of the fresh ones, as above.
            BooleanSupplier isCurrent = () -> inode.writes().begun() == written;
            int result = BEYOND;
            for (int i = 0; i < count && (long) i << pageShift < wanted; i++) {
                int length = (int) Math.min(frames.pageSize(), wanted - ((long) i << pageShift));
                int frame = fresh[i];
                frames.store().write(frame, 0, buffer, i << pageShift, length);
                // An insertion that fails frees the frame, too.
                fresh[i] = Frames.NONE;
                int inserted = pages.insertIf(page + i, frame, isCurrent);
                result = i == 0 ? inserted : result;
            }
            return result;
        } catch (IOException failed) {
            return UNREADABLE;
        } finally {
            inode.readLock().unlock();
            buffers.giveBack(buffer);
        }
    }

    /** Fills the remaining bytes of a buffer; returns false at the end of the file of the host. */
    private boolean readFully(ByteBuffer buffer, long start) throws IOException {
        HostChannel from = inode.channel();
        while (buffer.hasRemaining()) {
            if (from.read(buffer, start + buffer.position()) < 0) {
                return false;
            }
        }
        return true;
    }
}
