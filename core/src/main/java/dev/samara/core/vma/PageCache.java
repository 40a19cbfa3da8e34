// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

/**
 * The pages of one file that are in memory, shared by all its opens and mappings ({@code struct address_space}): made
 * by a {@code Machine}, for one that has memory.
 *
 * <p>It also knows which VMAs map the file, so that a page that is taken out of it is taken out of every mapping before
 * its frame is used again. A file has a size; beyond its last page nothing can be mapped ({@code SIGBUS}), and behind
 * its end in that page there are zeros.
 *
 * <p>Thread-safe. {@link #frameAt} takes no lock. What changes pages takes locks of its own, waits for CPUs, and must
 * not be called from {@link Backing#rcuMapPages}. A call that takes pages out throws {@link IllegalStateException}, and
 * changes nothing, while as many calls work on pages as the machine has workers for (65536).
 */
public abstract class PageCache implements AutoCloseable {
    /** For the machine. */
    protected PageCache() {}

    /**
     * The size of the file.
     *
     * @return bytes
     */
    public abstract long size();

    /**
     * The frame of a page. It stays that page's while the caller is within {@link Backing#rcuMapPages}; anybody else
     * may find it taken away.
     *
     * @param page its number in the file
     * @return the frame, or -1 if it is not in memory
     */
    public abstract int frameAt(long page);

    /**
     * Takes a frame for a page that is not in memory, filled with zeros. Where there is none left, it may first take
     * back pages of other files, and waits for CPUs then, unless a CPU of the thread is in GUEST, or this is called
     * from {@link Backing#rcuMapPages}.
     *
     * @return a frame, to be given to {@link #insert} or {@link #giveBack}; -1 if there is no memory left
     * @throws IllegalStateException if the cache is closed
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
     * @throws IllegalArgumentException if the frame was not allocated here, or is given back or inserted already;
     *     nothing is changed then
     * @throws IllegalStateException if the cache is closed; the frame is given back then
     */
    public abstract int insert(long page, int frame);

    /**
     * Takes pages out, and out of every mapping; they read as what is behind the cache again. Private copies stay.
     *
     * <p>If this throws after it has taken pages out, the next change of the file, or a thread of the machine, takes
     * them out of the mappings and frees them.
     *
     * @param first the first page
     * @param count how many
     */
    public abstract void remove(long first, long count);

    /**
     * Changes the size ({@code ftruncate}). What lies beyond the end is taken out, and out of every mapping, private
     * copies too; the rest of the last page becomes zeros.
     *
     * <p>If this throws after it has changed the size, the next change of the file, or a thread of the machine, takes
     * out of the mappings what lies beyond the end. The rest of the last page becomes zeros before the file grows.
     *
     * @param bytes the new size, not negative
     */
    public abstract void truncate(long bytes);

    /**
     * Ends the cache: its pages are taken out, and out of every mapping, as by {@link #remove}. Private copies stay;
     * what was written to the pages and not saved is gone; a page that is pinned is freed with its last pin. Waits for
     * CPUs. Nothing happens if it has been closed.
     *
     * <p>The file may still be mapped, and mapped anew: an access that needs a page of it is a {@code SIGBUS}, and its
     * backing is not asked. {@link #frameAt} finds nothing then; {@link #allocate} and {@link #insert} are refused;
     * {@link #giveBack}, {@link #size}, {@link #truncate} and {@link #remove} go on as for a file of which no page is
     * in memory.
     *
     * <p>Who does not call this loses nothing in the end: a cache that nobody can reach, so that it is mapped nowhere
     * either, is closed by its machine some time after the garbage collector has found that out, before memory is used
     * up.
     *
     * @throws IllegalStateException if a CPU of the thread is in GUEST, if it is called from {@link
     *     Backing#rcuMapPages}, or for the cache of a {@code MemoryFile} or of shared anonymous memory, which ends with
     *     that
     */
    @Override
    public abstract void close();

    /**
     * Where the bytes of frames are.
     *
     * @return the store
     */
    public abstract FrameStore store();
}
