// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

import dev.samara.core.internal.file.FilePages;

/**
 * The pages of one file that are in memory, shared by all its opens and mappings ({@code struct address_space}). A
 * {@code Machine} with memory makes it.
 *
 * <p>The cache also records which VMAs map the file. A page that is removed from the cache is removed from every
 * mapping before its frame is reused. A file has a size: nothing can be mapped beyond its last page ({@code SIGBUS}),
 * and the bytes after its end in that page are zeros.
 *
 * <p>Thread-safe. {@link #frameAt} takes no lock. The methods that change pages take locks of their own, wait for CPUs,
 * and must not be called from {@link Backing#rcuMapPages}. A method that removes pages throws {@link
 * IllegalStateException}, and changes nothing, while as many calls work on pages as the machine has workers for
 * (65536).
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
     * Returns the frame of a page. Within {@link Backing#rcuMapPages} the frame stays the frame of that page; for any
     * other caller it may be removed at any time.
     *
     * @param page number of the page in the file
     * @return the frame, or -1 if the page is not in memory
     */
    public abstract int frameAt(long page);

    /**
     * Allocates a frame, filled with zeros, for a page that is not in memory. If no frame is free, this may reclaim
     * pages of other files and then waits for CPUs; it does not reclaim while a CPU of the thread is in GUEST, or in
     * {@link Backing#rcuMapPages}.
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
     * Inserts a page. If the page is already in memory, or lies beyond the end, the frame is freed.
     *
     * @param page number of the page in the file
     * @param frame an allocated frame with the content of the page
     * @return the current frame of the page, or -1 if the page lies beyond the end
     * @throws IllegalArgumentException if the frame was not allocated here, or is freed or inserted already; nothing is
     *     changed then
     * @throws IllegalStateException if the cache is closed; the frame is freed then
     */
    public abstract int insert(long page, int frame);

    /**
     * Removes pages from the cache and from every mapping; later accesses read the content behind the cache again.
     * Private copies stay.
     *
     * <p>If this throws after it has removed pages, the next change of the file, or a thread of the machine, removes
     * them from the mappings and frees them.
     *
     * @param first number of the first page in the file
     * @param count number of pages
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or if this is called from {@link
     *     Backing#rcuMapPages}
     */
    public abstract void remove(long first, long count);

    /**
     * Changes the size ({@code ftruncate}). The pages beyond the end are removed from the cache and from every mapping,
     * private copies too; the rest of the last page becomes zeros.
     *
     * <p>If this throws after it has changed the size, the next change of the file, or a thread of the machine, removes
     * the pages beyond the end from the mappings. The rest of the last page becomes zeros before the file grows.
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
     * <p>The file may stay mapped, and may be mapped again: an access that needs a page of it is a {@code SIGBUS}, and
     * its backing is not called. {@link #frameAt} then finds nothing; {@link #allocate} and {@link #insert} are
     * refused; {@link #free}, {@link #size}, {@link #truncate} and {@link #remove} work as for a file with no page
     * in memory.
     *
     * <p>A cache that is not closed is not lost. The machine closes a cache that is unreachable, and therefore mapped
     * nowhere, some time after the garbage collector has found it unreachable, before memory is exhausted.
     *
     * @throws IllegalStateException if a CPU of the thread is in GUEST, if this is called from {@link
     *     Backing#rcuMapPages}, or for the cache of a {@code MemoryFile} or of shared anonymous memory, which ends with
     *     its owner
     */
    @Override
    public abstract void close();

    /**
     * Returns the store with the bytes of the frames.
     *
     * @return the store
     */
    public abstract FrameStore store();
}
