// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.backing;

import dev.samara.core.cache.FilePages;
import dev.samara.core.page.Frames;
import dev.samara.core.page.Memory;
import dev.samara.core.page.Worker;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Errno;
import dev.samara.core.vma.Fault;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.PageRequest;
import java.util.Objects;

/**
 * A file that exists in memory only ({@code memfd_create}, {@code mm/shmem.c}): its pages are frames of the machine, and there
 * are as many as were touched.
 *
 * <p>Made by a {@code Machine}. Reading and writing see what is stored through shared mappings, and the other way round, at
 * once. Thread-safe; none of the calls waits for anything but other changes of the size and for CPUs.
 */
public final class MemoryFile implements AutoCloseable {
    private final String name;
    private final long inode;
    private final Memory memory;
    private final FilePages pages;

    /**
     * Makes a file that reads as zeros.
     *
     * @param name the name to show, not empty
     * @param inode its number, as it is shown
     * @param pages its page cache, with its size
     */
    public MemoryFile(String name, long inode, PageCache pages) {
        this.name = Objects.requireNonNull(name, "name");
        this.inode = inode;
        if (!(pages instanceof FilePages own)) {
            throw new IllegalArgumentException("pages " + pages + " were not made by a machine");
        }
        this.pages = own;
        memory = own.memory();
    }

    /**
     * Opens it for reading and writing.
     *
     * @return a new identity
     */
    public Backing open() {
        return new Open(true);
    }

    /**
     * Opens it for reading.
     *
     * @return a new identity
     */
    public Backing openReadOnly() {
        return new Open(false);
    }

    /**
     * The size.
     *
     * @return bytes
     */
    public long size() {
        return pages.size();
    }

    /**
     * Changes the size ({@code ftruncate}). What lies beyond the end is gone, from every mapping too, private copies included.
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
     * Makes bytes zeros and gives their pages back ({@code fallocate} with {@code FALLOC_FL_PUNCH_HOLE}). Private copies stay.
     *
     * @param offset of the first byte, not negative
     * @param length how many bytes, positive
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
     * Writes bytes, and makes the file larger if they reach beyond its end.
     *
     * @param source the bytes
     * @param at index of the first
     * @param length how many
     * @param offset where in the file
     * @return how many were written; EINVAL, negated, for a negative offset or length; ENOSPC, negated, if there is no memory for the first
     */
    public long pwrite(byte[] source, int at, int length, long offset) {
        Objects.checkFromIndexSize(at, length, source.length);
        if (offset < 0 || offset + length < 0) {
            return Errno.EINVAL.result();
        }
        if (length > 0 && offset + length > pages.size()) {
            pages.growTo(offset + length);
        }
        return transfer(source, at, length, offset, true);
    }

    /**
     * Reads bytes, up to the end of the file.
     *
     * @param target where to
     * @param at index of the first
     * @param length how many at most
     * @param offset where in the file
     * @return how many were read; EINVAL, negated, for a negative offset
     */
    public long pread(byte[] target, int at, int length, long offset) {
        Objects.checkFromIndexSize(at, length, target.length);
        if (offset < 0) {
            return Errno.EINVAL.result();
        }
        long there = Math.max(0, Math.min(length, pages.size() - offset));
        return transfer(target, at, (int) there, offset, false);
    }

    private long transfer(byte[] bytes, int at, int length, long offset, boolean writes) {
        Worker worker = memory.borrow();
        try {
            int done = 0;
            while (done < length) {
                int part = part(bytes, at + done, length - done, offset + done, writes, worker);
                if (part == 0) {
                    break;
                }
                done += part;
            }
            return done > 0 || length == 0 || !writes ? done : Errno.ENOSPC.result();
        } finally {
            memory.giveBack(worker);
        }
    }

    /** Transfers what lies in one page; 0 if there is no memory for it. */
    private int part(byte[] bytes, int at, int length, long offset, boolean writes, Worker worker) {
        Frames frames = memory.frames();
        int in = (int) offset & frames.pageSize() - 1;
        int part = Math.min(length, frames.pageSize() - in);
        long page = offset / frames.pageSize();
        for (; ; ) {
            int there = writes ? pages.frameFor(page) : pages.frameAt(page);
            if (there == FilePages.NO_MEMORY) {
                return 0;
            }
            if (writes && there == Frames.NONE) {
                // Made shorter meanwhile: the write comes after that.
                pages.growTo(offset + part);
                continue;
            }
            // A page that is taken out meanwhile is not free before this section ends.
            worker.reader().enter();
            try {
                int frame = pages.frameAt(page);
                if (frame != Frames.NONE && writes) {
                    frames.store().write(frame, in, bytes, at, part);
                    frames.setDirty(frame);
                    return part;
                }
                if (frame != Frames.NONE) {
                    frames.store().read(frame, in, bytes, at, part);
                    return part;
                }
                if (!writes) {
                    java.util.Arrays.fill(bytes, at, at + part, (byte) 0);
                    return part;
                }
            } finally {
                worker.reader().exit();
            }
        }
    }

    /** Gives all of its memory back: it is empty then. */
    @Override
    public void close() {
        pages.truncate(0);
    }

    @Override
    public String toString() {
        return name;
    }

    /** One open. */
    private final class Open implements Backing {
        private final boolean writable;

        Open(boolean writable) {
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
