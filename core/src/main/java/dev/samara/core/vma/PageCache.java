// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

import dev.samara.core.internal.file.FilePages;
import java.nio.ByteBuffer;

/**
 * The pages of one file that are in memory, shared by all its opens and mappings ({@code struct address_space}). A
 * {@code Machine} with memory creates it.
 *
 * <p>The cache also records which VMAs map the file. When a page is removed from the cache, it is removed from every
 * mapping before its frame is reused. A file has a size: an access beyond its last page is a {@code SIGBUS}, and the
 * bytes after its end in that page are zeros until they are written through a mapping.
 *
 * <p>Thread-safe. {@link #frameAt} takes no lock, and {@link #pread} waits for no operation and no I/O. The methods
 * that change pages acquire internal locks, wait for CPUs, and must not be called from {@link Backing#rcuMapPages}. A
 * method that reads, writes, allocates or removes pages throws {@link IllegalStateException}, and changes nothing,
 * while all page table contexts of the machine (65536) are in use by other calls.
 */
public abstract sealed class PageCache implements AutoCloseable permits FilePages {
    /** Only for the library. */
    protected PageCache() {}

    /**
     * Returns the size of the file.
     *
     * @return bytes
     */
    public abstract long size();

    /**
     * Returns the number of VMAs that map the file, in all spaces of the machine. Exact if no operation on such a VMA
     * is in progress. Takes no lock and does not wait. Takes time proportional to that number.
     *
     * @return the number of VMAs
     */
    public abstract int mappings();

    /**
     * Allocates a frame as {@link #allocate} does, for a known page.
     *
     * @param page number of the page in the file
     * @return a frame, or -1
     */
    protected abstract int allocateFor(long page);

    /* The methods of the cache of a System V segment. */

    /**
     * Turns this into the cache of a segment. Its pages then count as shared memory without a file below it.
     *
     * @param whenRemoved run once, by any thread, when the segment is removed after its last use; must neither wait nor
     *     take a lock
     */
    protected abstract void becomeSegment(Runnable whenRemoved);

    /**
     * Returns the number of uses of a segment.
     *
     * @return the number of its VMAs plus the number of attachments and forks in progress
     */
    protected abstract int attachments();

    /** Requests that a segment is removed once it has no use. */
    protected abstract void removeWhenDetached();

    /**
     * Returns whether a segment is removed once it has no use.
     *
     * @return true if {@link #removeWhenDetached} was called, even if the segment has been removed since
     */
    protected abstract boolean isMarkedForRemoval();

    /**
     * Returns whether a segment was removed after its last use.
     *
     * @return true if it was removed; never false again
     */
    protected abstract boolean isRemoved();

    /**
     * Returns the frame of a page. Within {@link Backing#rcuMapPages} the frame remains valid for that page. For any
     * other caller the page may be removed at any time.
     *
     * @param page number of the page in the file
     * @return the frame, or -1 if the page is not in memory
     */
    public abstract int frameAt(long page);

    /**
     * Allocates a frame, filled with zeros, for a page that is not in memory. If no frame is free, this may reclaim
     * pages of other files, and then wait for CPUs. It reclaims nothing while a CPU of the thread is in GUEST, or in
     * {@link Backing#rcuMapPages}. Memory is also exhausted when the indexes of all page caches have reached their
     * limit, see {@link dev.samara.core.MachineBuilder#pageTableLimit}.
     *
     * @return a frame, to be passed to {@link #insert} or {@link #free}; -1 if there is no memory left
     * @throws IllegalStateException if the cache is closed
     */
    public abstract int allocate();

    /**
     * Frees a frame that was allocated and not inserted.
     *
     * @param frame the frame
     * @throws IllegalArgumentException if the frame was not allocated here, or is freed or inserted already; nothing is
     *     changed then
     */
    public abstract void free(int frame);

    /**
     * Inserts a page. If the page is already in memory, or beyond the end of the file, the frame is freed. It is also
     * freed if the call fails because heap or stack is exhausted.
     *
     * @param page number of the page in the file
     * @param frame an allocated frame with the content of the page
     * @return the current frame of the page, or -1 if the page is beyond the end of the file
     * @throws IllegalArgumentException if the frame was not allocated here, or is freed or inserted already; nothing is
     *     changed then
     * @throws IllegalStateException if the cache is closed; the frame is freed then
     */
    public abstract int insert(long page, int frame);

    /**
     * Reads bytes of the file into the remaining bytes of a buffer, from pages that are in memory ({@code preadv2} with
     * {@code RWF_NOWAIT}). The read ends at the end of the file, or before a page that is not in memory; in a file that
     * exists only in memory, such a page reads as zeros. The position of the buffer advances by the number of bytes
     * read.
     *
     * <p>The read sees all earlier stores through shared mappings, and earlier writes. Each page is read at some
     * instant of the call. Waits for no operation and no I/O. It takes a lock only to create a page table context, when
     * more threads work on pages than ever before. {@link dev.samara.core.backing.CachedBacking#pread} also reads the
     * pages that are not in memory.
     *
     * @param target receives the bytes; a heap or a direct buffer
     * @param offset the offset of the first byte in the file
     * @return the number of bytes read, 0 at the end of the file; negated EAGAIN if the first page is not in memory;
     *     negated EINVAL for a negative offset, or an end beyond the largest offset
     * @throws java.nio.ReadOnlyBufferException if {@code target} is read-only
     */
    public abstract long pread(ByteBuffer target, long offset);

    /**
     * Reads bytes as {@link #pread(ByteBuffer, long)} does.
     *
     * @param target receives the bytes
     * @param at index of the first byte in {@code target}
     * @param length the maximum number of bytes
     * @param offset the offset of the first byte in the file
     * @return the number of bytes read, 0 at the end of the file; negated EAGAIN if the first page is not in memory;
     *     negated EINVAL for a negative offset, or an end beyond the largest offset
     */
    public abstract long pread(byte[] target, int at, int length, long offset);

    /**
     * Writes the remaining bytes of a buffer to pages of the file, and grows the file if they reach beyond its end. The
     * position of the buffer advances by the number of bytes written.
     *
     * <p>A page that is not in memory is inserted if the write replaces its whole content, and always in a file in
     * memory. In other files, the write ends before a page that is not in memory and of which it would replace only a
     * part. {@link dev.samara.core.backing.CachedBacking#pwrite} first reads such pages.
     *
     * <p>Every mapping of the page sees the written bytes immediately; private copies of the page do not change.
     * Written pages are dirty, as after a store through a shared mapping. Neither {@link Backing#pageMkwrite} nor a
     * write listener is called. Writes, removals and changes of the size exclude each other, so this call may wait for
     * them. If no frame is free, it reclaims pages and waits for CPUs.
     *
     * @param source contains the bytes; a heap or a direct buffer
     * @param offset the offset of the first byte in the file
     * @return the number of bytes written. If none was written, a negated errno: EAGAIN if the first page must be in
     *     memory but is not; ENOMEM if there is no memory for it, or ENOSPC in a file in memory; EPERM if a seal of a
     *     file in memory forbids the write; EINVAL for a negative offset or an end beyond the largest offset
     * @throws IllegalStateException if the cache is closed and a page would be inserted, if a CPU of the thread is in
     *     GUEST, or if this is called from {@link Backing#rcuMapPages}
     */
    public abstract long pwrite(ByteBuffer source, long offset);

    /**
     * Writes bytes as {@link #pwrite(ByteBuffer, long)} does.
     *
     * @param source contains the bytes
     * @param at index of the first byte in {@code source}
     * @param length number of bytes
     * @param offset the offset of the first byte in the file
     * @return the number of bytes written, or a negated errno, as for a buffer
     * @throws IllegalStateException if the cache is closed and a page would be inserted, if a CPU of the thread is in
     *     GUEST, or if this is called from {@link Backing#rcuMapPages}
     */
    public abstract long pwrite(byte[] source, int at, int length, long offset);

    /**
     * Removes pages from the cache and from every mapping; later accesses read the content from the backing again.
     * Private copies stay. A {@code CachedBacking} or {@code HostFile} that is reading one of the pages at that time
     * reads it again. A backing that inserts pages itself must order its reads and removals, because otherwise a page
     * that it read before the removal is inserted after it.
     *
     * <p>If this throws after it has removed pages, the next change of the file, or one of the machine's threads,
     * removes them from the mappings and frees them.
     *
     * @param first number of the first page in the file
     * @param count number of pages
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@link
     *     Backing#rcuMapPages}
     */
    public abstract void remove(long first, long count);

    /**
     * Changes the size ({@code ftruncate}). The pages beyond the end are removed from the cache and from every mapping,
     * including private copies; the rest of the last page becomes zeros.
     *
     * <p>If this throws after it has changed the size, the next change of the file, or one of the machine's threads,
     * removes the pages beyond the end from the mappings. The rest of the last page becomes zeros before the file
     * grows.
     *
     * @param bytes the new size, not negative
     * @throws IllegalArgumentException if {@code bytes} is negative
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@link
     *     Backing#rcuMapPages}
     */
    public abstract void truncate(long bytes);

    /**
     * Closes the cache: removes its pages from the cache and from every mapping, as {@link #remove} does. Private
     * copies stay. Written pages that were not saved are lost. A pinned page is freed when its last pin is released.
     * Waits for CPUs. A second call does nothing.
     *
     * <p>The file may stay mapped, and may be mapped again. An access that needs a page of the file is then a {@code
     * SIGBUS}, and its backing is not called. {@link #frameAt} and {@link #pread} then find no page; {@link #allocate}
     * and {@link #insert} are refused; {@link #free}, {@link #size}, {@link #truncate} and {@link #remove} work as for
     * a file with no page in memory.
     *
     * <p>A cache that is never closed is not leaked. If it is unreachable, and therefore mapped nowhere, the machine
     * closes it some time after the garbage collector has found it unreachable, and before memory is exhausted.
     *
     * @throws IllegalStateException if a CPU of the thread is in GUEST, if this is called from {@link
     *     Backing#rcuMapPages}, or for the cache of a {@code MemoryFile} or of shared anonymous memory, which ends with
     *     its owner
     */
    @Override
    public abstract void close();

    /**
     * Returns the store that contains the bytes of the frames.
     *
     * @return the store
     */
    public abstract FrameStore store();
}
