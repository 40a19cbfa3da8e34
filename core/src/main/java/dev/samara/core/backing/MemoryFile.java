// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.backing;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.Seals;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.PageCache;
import java.nio.ByteBuffer;
import java.util.Objects;

/**
 * A file that exists in memory only ({@code memfd_create}, {@code mm/shmem.c}). Its pages are frames of the machine,
 * allocated at the first access to each page.
 *
 * <p>A {@code Machine} creates it. Reads and writes of the file, and accesses through shared mappings, see each other's
 * stores immediately. The bytes after the end of the file in its last page are zeros until they are written through a
 * mapping. When the file grows, bytes written there become part of the file, as on {@code tmpfs}. Thread-safe. A call
 * waits only for other writes, holes and changes of the size, and for CPUs.
 */
public final class MemoryFile implements AutoCloseable {
    private final String name;
    private final long inode;
    private final FilePages pages;
    private final Seals seals;

    /**
     * Creates a file that reads as zeros.
     *
     * @param name the displayed name, not empty
     * @param inode the displayed inode number
     * @param pages its page cache, which has the size of the file
     */
    public MemoryFile(String name, long inode, PageCache pages) {
        this.name = Objects.requireNonNull(name, "name");
        if (name.isEmpty()) {
            throw new IllegalArgumentException("name is empty: a file must have a name to show");
        }
        this.inode = inode;
        this.pages = (FilePages) Objects.requireNonNull(pages, "pages");
        seals = Seals.of(this.pages);
    }

    /**
     * Opens it for reading and writing.
     *
     * @return a new identity
     */
    public Backing open() {
        return new FileDescription(true, true);
    }

    /**
     * Opens it for reading.
     *
     * @return a new identity
     */
    public Backing openReadOnly() {
        return new FileDescription(true, false);
    }

    /**
     * Opens it for writing only. Such an open cannot be mapped at all (EACCES, as in {@code do_mmap} of {@code
     * mm/mmap.c}).
     *
     * @return a new identity
     */
    public Backing openWriteOnly() {
        return new FileDescription(false, true);
    }

    /**
     * Adds seals, which are never removed ({@code fcntl(2)} with {@code F_ADD_SEALS}, {@code memfd_add_seals} in {@code
     * mm/memfd.c}). Waits only for writes, holes and changes of the size that are in progress.
     *
     * <p>{@link Mman#SEAL_WRITE} and {@link Mman#SEAL_FUTURE_WRITE} refuse {@code pwrite}, {@code punch} and
     * {@code MADV_REMOVE} (EPERM), and writable shared mappings (EPERM of {@code mmap}). A shared mapping that is
     * created later cannot be written, and {@code mprotect} cannot make it writable (EACCES). {@code SEAL_WRITE} and a
     * concurrent {@code mmap} of a writable shared mapping exclude each other: one of them is refused. {@code
     * SEAL_FUTURE_WRITE} does not wait for an {@code mmap} or an {@code MADV_REMOVE} in progress, which may complete
     * after it.
     *
     * <p>{@link Mman#SEAL_EXEC} refuses a change of the execute bits of the {@linkplain #changeMode mode} (EPERM).
     * If one of them is set, it also adds SHRINK, GROW, WRITE and FUTURE_WRITE, and is refused if SEAL_WRITE is
     * refused. So an executable file can no longer change.
     *
     * <p>Errors: EINVAL for an unknown seal; EPERM if the file cannot be sealed or has {@link Mman#SEAL_SEAL};
     * EBUSY for SEAL_WRITE while a shared mapping exists that may be written, now or after an {@code mprotect}, or
     * while a page is pinned. (The kernel waits up to 150 ms for pins; this library does not wait.) On an error no seal
     * is added. Linux first checks whether the descriptor is open for writing (EPERM); the embedder must check this
     * itself.
     *
     * @param seals {@code F_SEAL_*} bits of {@link Mman}
     * @return 0, or a negated errno
     * @throws IllegalStateException if a CPU of the calling thread is in GUEST, or if this is called within {@code
     *     rcuMapPages}
     */
    public long addSeals(int seals) {
        return this.seals.add(pages, seals);
    }

    /**
     * Returns the seals ({@code F_GET_SEALS}). Never waits.
     *
     * @return {@code F_SEAL_*} bits of {@link Mman}; SEAL_SEAL for a file that cannot be sealed
     */
    public int seals() {
        return seals.bits();
    }

    /**
     * Changes the mode ({@code fchmod(2)}). In this library the mode only determines the effect of {@link
     * Mman#SEAL_EXEC}: the embedder opens files, and mappings may be executable whatever the mode of the file is.
     * Waits only for writes, holes and changes of the size that are in progress.
     *
     * @param wanted the new mode; bits above 07777 are ignored
     * @return 0; EPERM, negated, if an execute bit would change and the file has {@link Mman#SEAL_EXEC}
     * @throws IllegalStateException if a CPU of the calling thread is in GUEST, or if this is called within {@code
     *     rcuMapPages}
     */
    public long changeMode(int wanted) {
        return seals.changeMode(pages, wanted);
    }

    /**
     * Returns the mode: 0777 unless changed, or 0666 for a file that can never be executable. Never waits.
     *
     * @return bits of {@code chmod(2)}
     */
    public int mode() {
        return seals.mode();
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
     * Changes the size ({@code ftruncate}). The pages beyond the end are also removed from every mapping, including
     * private copies.
     *
     * @param bytes the new size
     * @return 0, or a negated errno: EINVAL for a negative size; EPERM if a {@linkplain #addSeals seal} forbids it
     */
    public long truncate(long bytes) {
        if (bytes < 0) {
            return Errno.EINVAL.result();
        }
        return seals.truncate(pages, bytes);
    }

    /**
     * Sets bytes to zeros and frees their pages ({@code fallocate} with {@code FALLOC_FL_PUNCH_HOLE}). Private copies
     * stay.
     *
     * @param offset the offset of the first byte, not negative
     * @param length number of bytes, positive
     * @return 0, or a negated errno: EINVAL for the arguments, EFBIG for an end beyond the largest offset; EPERM if a
     *     {@linkplain #addSeals seal} forbids it
     */
    public long punch(long offset, long length) {
        if (offset < 0 || length <= 0) {
            return Errno.EINVAL.result();
        } else if (offset + length < 0) {
            return Errno.EFBIG.result();
        }
        return seals.punch(pages, offset, length);
    }

    /**
     * Writes bytes, and grows the file if they reach beyond its end. Writes, holes and changes of the size exclude each
     * other.
     *
     * @param source contains the bytes
     * @param at index of the first byte in {@code source}
     * @param length number of bytes
     * @param offset the offset of the first byte in the file
     * @return the number of bytes written, less than {@code length} if memory is short; or a negated errno: EINVAL for
     *     a negative offset or an end beyond the largest offset; ENOSPC if there is no memory for the first byte; EPERM
     *     if a {@linkplain #addSeals seal} forbids the first byte
     */
    public long pwrite(byte[] source, int at, int length, long offset) {
        return pages.pwriteOfZeros(ByteBuffer.wrap(source, at, length), offset);
    }

    /**
     * Writes the remaining bytes of a buffer, as {@link #pwrite(byte[], int, int, long)} does. The position of the
     * buffer advances by the number of bytes written.
     *
     * @param source contains the bytes; a heap or a direct buffer
     * @param offset the offset of the first byte in the file
     * @return the number of bytes written, or a negated errno, as for an array
     */
    public long pwrite(ByteBuffer source, long offset) {
        return pages.pwriteOfZeros(source, offset);
    }

    /**
     * Reads bytes, up to the end of the file.
     *
     * @param target receives the bytes
     * @param at index of the first byte in {@code target}
     * @param length the maximum number of bytes
     * @param offset the offset of the first byte in the file
     * @return the number of bytes read; negated EINVAL for a negative offset or an end beyond the largest offset
     */
    public long pread(byte[] target, int at, int length, long offset) {
        return pages.preadOfZeros(ByteBuffer.wrap(target, at, length), offset);
    }

    /**
     * Reads bytes into the remaining bytes of a buffer, up to the end of the file. The position of the buffer advances
     * by the number of bytes read.
     *
     * @param target receives the bytes; a heap or a direct buffer
     * @param offset the offset of the first byte in the file
     * @return the number of bytes read; negated EINVAL for a negative offset or an end beyond the largest offset
     * @throws java.nio.ReadOnlyBufferException if {@code target} is read-only
     */
    public long pread(ByteBuffer target, long offset) {
        return pages.preadOfZeros(target, offset);
    }

    /**
     * Truncates the file to 0, which frees all its memory. Later accesses to its mappings fail with {@code BUS_ADRERR},
     * even to pages that a private mapping copied. The file is empty afterwards, and can be written again unless a
     * {@linkplain #addSeals seal} forbids it. Seals do not prevent this call.
     */
    @Override
    public void close() {
        pages.truncate(0);
    }

    @Override
    public String toString() {
        return name;
    }

    private final class FileDescription implements Backing {
        private final boolean readable;
        private final boolean writable;

        FileDescription(boolean readable, boolean writable) {
            this.readable = readable;
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
        public boolean readable() {
            return readable;
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
        public boolean acceptsNames() {
            return true;
        }

        @Override
        public boolean punchesHoles() {
            return true;
        }

        @Override
        public int fault(Backing.PageRequest request) {
            return pages.fault(request.page());
        }

        @Override
        public String toString() {
            return name;
        }
    }
}
