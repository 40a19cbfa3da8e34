// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.backing;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.sync.NoWaiting;
import dev.samara.core.internal.tlb.Memory;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.PageRequest;
import java.util.Arrays;
import java.util.Objects;

/**
 * A file that exists in memory only ({@code memfd_create}, {@code mm/shmem.c}). Its pages are frames of the machine,
 * allocated at the first access to each page.
 *
 * <p>A {@code Machine} makes it. Reads and writes of the file, and accesses through shared mappings, see each other's
 * stores at once. Thread-safe. A call waits only for other writes, holes and changes of the size, and for CPUs.
 */
public final class MemoryFile implements AutoCloseable {
    private final String name;
    private final long inode;
    private final Memory memory;
    private final FilePages pages;

    /**
     * Makes a file that reads as zeros.
     *
     * @param name the displayed name, not empty
     * @param inode the displayed inode number
     * @param pages its page cache, with its size
     */
    public MemoryFile(String name, long inode, PageCache pages) {
        this.name = Objects.requireNonNull(name, "name");
        if (name.isEmpty()) {
            throw new IllegalArgumentException("name is empty: a file must have a name to show");
        }
        this.inode = inode;
        this.pages = (FilePages) Objects.requireNonNull(pages, "pages");
        memory = this.pages.memory();
    }

    /**
     * Opens it for reading and writing.
     *
     * @return a new identity
     */
    public Backing open() {
        return new FileDescription(true);
    }

    /**
     * Opens it for reading.
     *
     * @return a new identity
     */
    public Backing openReadOnly() {
        return new FileDescription(false);
    }

    /**
     * Returns the size.
     *
     * @return bytes
     */
    public long size() {
        return pages.size();
    }

    /**
     * Changes the size ({@code ftruncate}). The pages beyond the end are removed from every mapping too, private copies
     * included.
     *
     * @param bytes the new size
     * @return 0, or EINVAL, negated, for a negative size
     */
    public long truncate(long bytes) {
        if (bytes < 0) {
            return Errno.EINVAL.result();
        }
        pages.truncate(bytes);
        return 0;
    }

    /**
     * Makes bytes zeros and frees their pages ({@code fallocate} with {@code FALLOC_FL_PUNCH_HOLE}). Private copies
     * stay.
     *
     * @param offset of the first byte, not negative
     * @param length number of bytes, positive
     * @return 0, or EINVAL, negated
     */
    public long punch(long offset, long length) {
        if (offset < 0 || length <= 0 || offset + length < 0) {
            return Errno.EINVAL.result();
        }
        pages.punch(offset, length);
        return 0;
    }

    /**
     * Writes bytes, and makes the file larger if they reach beyond its end. Writes, holes and changes of the size run
     * one at a time.
     *
     * @param source has the bytes
     * @param at index of the first byte in {@code source}
     * @param length number of bytes
     * @param offset of the first byte in the file
     * @return the number of written bytes, smaller than {@code length} if memory is short; EINVAL, negated, for a
     *     negative offset or an end beyond the largest offset; ENOSPC, negated, if there is no memory for the first
     *     byte
     */
    public long pwrite(byte[] source, int at, int length, long offset) {
        Objects.checkFromIndexSize(at, length, source.length);
        if (offset < 0 || offset + length < 0) {
            return Errno.EINVAL.result();
        }
        NoWaiting.check("a write to a file");
        // No hole and no truncation runs during the write.
        pages.lock();
        try {
            int written = write(source, at, length, offset);
            return written > 0 || length == 0 ? written : Errno.ENOSPC.result();
        } finally {
            pages.unlock();
        }
    }

    /**
     * Reads bytes, up to the end of the file.
     *
     * @param target receives the bytes
     * @param at index of the first byte in {@code target}
     * @param length largest number of bytes
     * @param offset of the first byte in the file
     * @return the number of read bytes; EINVAL, negated, for a negative offset
     */
    public long pread(byte[] target, int at, int length, long offset) {
        Objects.checkFromIndexSize(at, length, target.length);
        if (offset < 0) {
            return Errno.EINVAL.result();
        }
        int there = (int) Math.max(0, Math.min(length, pages.size() - offset));
        int pageSize = memory.frames().pageSize();
        PageTableContext worker = memory.borrow();
        try {
            int done = 0;
            while (done < there) {
                long from = offset + done;
                int in = (int) from & pageSize - 1;
                int part = Math.min(there - done, pageSize - in);
                read(from / pageSize, in, target, at + done, part, worker);
                done += part;
            }
        } finally {
            memory.giveBack(worker);
        }
        return there;
    }

    /**
     * Writes page by page. The caller holds the lock of the pages.
     *
     * @return the number of bytes for which there was memory
     */
    private int write(byte[] source, int at, int length, long offset) {
        Frames frames = memory.frames();
        int done = 0;
        while (done < length) {
            long from = offset + done;
            int in = (int) from & frames.pageSize() - 1;
            int part = Math.min(length - done, frames.pageSize() - in);
            int frame = pages.frameToWrite(from / frames.pageSize(), from + part);
            if (frame == FilePages.NO_MEMORY) {
                break;
            }
            frames.store().write(frame, in, source, at + done, part);
            frames.setDirty(frame);
            done += part;
        }
        return done;
    }

    private void read(long page, int in, byte[] target, int at, int length, PageTableContext worker) {
        // The frame of a page that is removed meanwhile is not freed before this section ends.
        worker.reader().readLock();
        try {
            int frame = pages.frameAt(page);
            if (frame == Frames.NONE) {
                Arrays.fill(target, at, at + length, (byte) 0);
            } else {
                memory.frames().store().read(frame, in, target, at, length);
            }
        } finally {
            worker.reader().readUnlock();
        }
    }

    /** Frees all memory of the file, which is empty afterwards. */
    @Override
    public void close() {
        pages.truncate(0);
    }

    @Override
    public String toString() {
        return name;
    }

    private final class FileDescription implements Backing {
        private final boolean writable;

        FileDescription(boolean writable) {
            this.writable = writable;
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
            return inode;
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public boolean writable() {
            return writable;
        }

        @Override
        public PageCache pageCache() {
            return pages;
        }

        @Override
        public boolean punchesHoles() {
            return true;
        }

        @Override
        public int fault(PageRequest request) {
            int frame = pages.frameFor(request.page());
            return frame == FilePages.NO_MEMORY ? -Fault.OOM : frame == Frames.NONE ? -Fault.ADRERR : frame;
        }

        @Override
        public String toString() {
            return name;
        }
    }
}
