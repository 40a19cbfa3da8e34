// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

/**
 * The pages of one file that are in memory, shared by all its opens and mappings ({@code struct address_space}): made by a
 * {@code Machine}, for one that has memory.
 *
 * <p>It also knows which VMAs map the file, so that a page that is taken out of it is taken out of every mapping before its
 * frame is used again. A file has a size; beyond its last page nothing can be mapped ({@code SIGBUS}), and behind its end
 * in that page there are zeros.
 *
 * <p>Thread-safe. {@link #frameAt} takes no lock. What changes pages takes locks of its own, waits for CPUs, and must not be
 * called from {@link Backing#rcuMapPages}.
 */
public abstract class PageCache {
    /** For the machine. */
    protected PageCache() {}

    /**
     * The size of the file.
     *
     * @return bytes
     */
    public abstract long size();

    /**
     * The frame of a page. It stays that page's while the caller is within {@link Backing#rcuMapPages}; anybody else may find it
     * taken away.
     *
     * @param page its number in the file
     * @return the frame, or -1 if it is not in memory
     */
    public abstract int frameAt(long page);

    /**
     * Takes a frame for a page that is not in memory, filled with zeros.
     *
     * @return a frame, to be given to {@link #insert} or {@link #giveBack}; -1 if there is no memory left
     */
    public abstract int allocate();

    /**
     * Gives back what was allocated and not inserted.
     *
     * @param frame the frame
     * @throws IllegalArgumentException if it was not, or is given back or inserted already; nothing is changed then
     */
    public abstract void giveBack(int frame);

    /**
     * Puts a page in. If somebody else was first, or it lies beyond the end, the frame is given back.
     *
     * @param page its number
     * @param frame an allocated frame with its content
     * @return the frame of the page now, or -1 if it lies beyond the end
     * @throws IllegalArgumentException if the frame was not allocated here, or is given back or inserted already; nothing is
     *     changed then
     */
    public abstract int insert(long page, int frame);

    /**
     * Takes pages out, and out of every mapping; they read as what is behind the cache again. Private copies stay.
     *
     * @param first the first page
     * @param count how many
     */
    public abstract void remove(long first, long count);

    /**
     * Changes the size ({@code ftruncate}). What lies beyond the end is taken out, and out of every mapping, private copies too; the
     * rest of the last page becomes zeros.
     *
     * @param bytes the new size, not negative
     */
    public abstract void truncate(long bytes);

    /**
     * Where the bytes of frames are.
     *
     * @return the store
     */
    public abstract FrameStore store();
}
