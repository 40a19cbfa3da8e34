// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.mman.Errno;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import org.jspecify.annotations.Nullable;

/**
 * Reads and writes the bytes of one file through its pages in memory ({@code filemap_read} and {@code
 * generic_perform_write} in {@code mm/filemap.c}).
 *
 * <p>A read looks up each page in a reader section, so the frame is not freed while it is copied. A write holds the
 * inode lock, so no page that it found or inserted is removed before the page is marked dirty. If no frame is free, a
 * write reclaims pages while it holds that lock. The reclaim may free clean pages of the same file, but the write uses
 * no frame while it reclaims pages.
 */
final class FileBytes {
    /** The page must first be read into the cache. */
    private static final int ABSENT = FilePages.NO_MEMORY - 1;

    private final MachineMemory memory;
    private final FilePages.CachedPages cached;
    private final FilePages file;
    private final Truncation truncation;

    FileBytes(FilePages file, MachineMemory memory, FilePages.CachedPages cached, Truncation truncation) {
        this.memory = memory;
        this.cached = cached;
        this.file = file;
        this.truncation = truncation;
    }

    private int offsetOf(long position) {
        return (int) position & memory.frames().pageSize() - 1;
    }

    /**
     * Returns whether a range starts at a negative offset or ends beyond the largest offset ({@code rw_verify_area}).
     */
    private static boolean isOutside(long offset, int length) {
        return offset < 0 || offset + length < 0;
    }

    private long pageOf(long position) {
        return position >>> cached.pageShift;
    }

    /**
     * See {@link dev.samara.core.vma.PageCache#pread(ByteBuffer, long)}.
     *
     * @param isOfZeros whether a page that is not in memory consists of zeros
     */
    long read(ByteBuffer target, long offset, boolean isOfZeros) {
        if (target.isReadOnly()) {
            throw new ReadOnlyBufferException();
        }
        if (isOutside(offset, target.remaining())) {
            return Errno.EINVAL.result();
        }
        int there = (int) Math.max(0, Math.min(target.remaining(), cached.size - offset));
        if (there == 0) {
            return 0;
        }
        PageTableContext context = memory.contexts().borrow();
        try {
            int done = 0;
            while (done < there) {
                long from = offset + done;
                int part = Math.min(there - done, memory.frames().pageSize() - offsetOf(from));
                int count = readPart(context, from, target, part, isOfZeros);
                if (count == ABSENT) {
                    return done > 0 ? done : Errno.EAGAIN.result();
                }
                if (count == 0) {
                    return done;
                }
                done += count;
            }
            return done;
        } finally {
            memory.contexts().giveBack(context);
        }
    }

    /**
     * Reads bytes within one page.
     *
     * @return the number of bytes, 0 at the end of the file, or {@link #ABSENT}
     */
    private int readPart(PageTableContext context, long from, ByteBuffer target, int most, boolean isOfZeros) {
        int at = target.position();
        int length;
        // If the page is removed in the meantime, its frame is not freed before this section ends.
        context.reader().readLock();
        try {
            int frame = cached.frameAt(pageOf(from));
            // The size is read after the lookup. A truncation stores the size before it removes pages, so a page that
            // it removed is not read as zeros.
            length = (int) Math.max(0, Math.min(most, cached.size - from));
            if (frame != Frames.NONE) {
                memory.frames().store().read(frame, offsetOf(from), target, at, length);
            } else if (isOfZeros) {
                putZeros(target, at, length);
            } else if (length > 0) {
                return ABSENT;
            }
        } finally {
            context.reader().readUnlock();
        }
        target.position(at + length);
        return length;
    }

    private static void putZeros(ByteBuffer target, int at, int length) {
        for (int i = at; i < at + length; i++) {
            target.put(i, (byte) 0);
        }
    }

    /**
     * See {@link dev.samara.core.vma.PageCache#pwrite(ByteBuffer, long)}.
     *
     * @param isOfZeros whether a page that is not in memory consists of zeros
     * @param seals the seals of the file, or null if it can never be sealed
     */
    long write(ByteBuffer source, long offset, boolean isOfZeros, @Nullable Seals seals) {
        int length = source.remaining();
        if (isOutside(offset, length)) {
            return Errno.EINVAL.result();
        }
        // The lock excludes holes, truncations and removals during the write.
        ThreadCpus.checkMayWait("a change of a file");
        truncation.lock();
        try {
            int done = 0;
            while (done < length) {
                long from = offset + done;
                int part = Math.min(length - done, memory.frames().pageSize() - offsetOf(from));
                if (seals != null && seals.forbidWrite(from + part, cached.size)) {
                    return done > 0 ? done : Errno.EPERM.result();
                }
                int frame = writePart(from, source, part, isOfZeros);
                if (frame < 0) {
                    return done > 0 ? done : errorOf(frame, isOfZeros);
                }
                done += part;
            }
            return done;
        } finally {
            truncation.unlock();
        }
    }

    private static long errorOf(int frame, boolean isOfZeros) {
        Errno noMemory = isOfZeros ? Errno.ENOSPC : Errno.ENOMEM;
        return (frame == ABSENT ? Errno.EAGAIN : noMemory).result();
    }

    /**
     * Writes bytes within one page, and makes the file large enough for them. The caller holds the inode lock.
     *
     * @return the frame, or {@link #ABSENT} or {@link FilePages#NO_MEMORY}, in which case nothing was changed
     */
    private int writePart(long from, ByteBuffer source, int length, boolean isOfZeros) {
        long page = pageOf(from);
        int frame = cached.frameAt(page);
        boolean isFresh = frame == Frames.NONE;
        if (isFresh) {
            if (!isOfZeros && needsContent(from, length)) {
                return ABSENT;
            }
            // Checked first, because a frame would be lost if the stack overflowed between its allocation and its
            // insertion.
            StackReserve.check(Truncation.DEPTH);
            frame = file.allocateFor(page);
            if (frame == Frames.NONE) {
                return FilePages.NO_MEMORY;
            }
        }
        boolean grows = from + length > cached.size;
        boolean done = false;
        try {
            if (isFresh) {
                file.reserve(page);
            }
            if (grows) {
                truncation.beginGrowth();
            }
            // The bytes are stored before the file grows, because a failed store must not leave the file larger, and
            // before other threads can find a fresh page, so that none of them sees the zeros of its frame.
            put(frame, from, source, length);
            if (grows) {
                truncation.endGrowth(from + length);
            }
            done = true;
        } finally {
            if (isFresh && !done) {
                file.free(frame);
            }
        }
        int known = isFresh ? file.insert(page, frame) : frame;
        if (known != frame) {
            // A fault inserted the page in the meantime, and the frame of the fault stays.
            put(known, from, source, length);
        }
        source.position(source.position() + length);
        return known;
    }

    /** Returns whether any byte of the page that is not written may differ from zero. */
    private boolean needsContent(long from, int length) {
        long start = from - offsetOf(from);
        long size = cached.size;
        boolean isBehindEnd = start >= size;
        boolean coversRest = from == start && (length == memory.frames().pageSize() || from + length >= size);
        return !isBehindEnd && !coversRest;
    }

    private void put(int frame, long from, ByteBuffer source, int length) {
        Frames frames = memory.frames();
        frames.store().write(frame, offsetOf(from), source, source.position(), length);
        if (!frames.isDirty(frame)) {
            frames.setDirty(frame);
            frames.noteDirtied(frame);
        }
    }
}
