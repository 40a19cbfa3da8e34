// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import org.jspecify.annotations.Nullable;

/**
 * The object behind a mapping that is not plain anonymous memory: one <em>open</em> of a file, a device or a shared
 * object.
 *
 * <p>The identity of a backing is the Java object. Two mappings continue each other, and may therefore be merged, only
 * if they have the same {@code Backing} object, as two mappings on Linux must have the same {@code struct file}. Two
 * opens of one file are two objects that agree on {@link #major()}, {@link #minor()} and {@link #inode()}.
 *
 * <p>An implementation returns constant values. They are read once per mapping, before anything is changed and without
 * any lock; an exception is thrown to the caller of that operation. A backing that needs callbacks when mappings are
 * created and removed returns {@link #operations}.
 */
public interface Backing {
    /**
     * Returns the major number of the device, as {@code /proc/PID/maps} shows it.
     *
     * @return the number, not negative
     */
    int major();

    /**
     * Returns the minor number of the device.
     *
     * @return the number, not negative
     */
    int minor();

    /**
     * Returns the inode on the device.
     *
     * @return the number, unsigned
     */
    long inode();

    /**
     * Returns the displayed name, usually a path.
     *
     * @return the name, not empty
     */
    String name();

    /**
     * Returns whether it was opened for reading, which every mapping requires ({@code EACCES}).
     *
     * @return true if it was opened for reading
     */
    default boolean readable() {
        return true;
    }

    /**
     * Returns whether it was opened for writing. Otherwise a shared mapping cannot become writable ({@code EACCES}).
     *
     * @return true if it was opened for writing
     */
    default boolean writable() {
        return true;
    }

    /**
     * Returns whether its code may be executed, that is, its mount is not {@code noexec} ({@code EPERM}).
     *
     * @return true if its code may be executed
     */
    default boolean executable() {
        return true;
    }

    /**
     * Returns whether it may only be appended to. If so, a writable open must not be mapped shared ({@code EACCES}).
     *
     * @return true if it may only be appended to
     */
    default boolean appendOnly() {
        return false;
    }

    /**
     * Returns whether it is in use as swap space. If so, it must not be mapped shared and writable ({@code ETXTBSY}).
     *
     * @return true if it is in use as swap space
     */
    default boolean swapFile() {
        return false;
    }

    /**
     * Returns whether it can be mapped at all ({@code ENODEV}).
     *
     * @return true if it can be mapped
     */
    default boolean mappable() {
        return true;
    }

    /**
     * Returns the largest size in bytes that the file can have; a mapping that reaches beyond it fails with {@code
     * EOVERFLOW}.
     *
     * @return the size, unsigned; {@link Long#MAX_VALUE} for a regular file, -1 for a device
     */
    default long maximumSize() {
        return Long.MAX_VALUE;
    }

    /**
     * Returns whether mappings of at least one huge page should be placed so that address and offset agree modulo the
     * huge page size, as Linux does for file systems that use {@code thp_get_unmapped_area}.
     *
     * @return true to align such mappings
     */
    default boolean wantsHugeAlignment() {
        return false;
    }

    /**
     * Returns whether this is {@code /dev/zero}. A private mapping of it is anonymous memory, placed on a huge page
     * boundary where huge pages may help. A shared mapping of it is a new shared object.
     *
     * @return true for the zero device
     */
    default boolean isZeroDevice() {
        return false;
    }

    /**
     * Returns whether it cannot be mapped with {@code MAP_SYNC} ({@code EOPNOTSUPP}), like a file on a file system
     * without direct access to persistent memory.
     *
     * @return true if it cannot be mapped with {@code MAP_SYNC}
     */
    default boolean refusesSync() {
        return false;
    }

    /**
     * Returns whether a move of several mappings at once must not include a mapping of this backing. On Linux such a
     * mapping has its own placement rule. True for System V shared memory and the zero device.
     *
     * @return true if its mappings can only be moved one at a time
     */
    default boolean movesAlone() {
        return countsMappings() || isZeroDevice();
    }

    /**
     * Returns whether this backing counts its mappings, so that a merge must not remove a mapping. Linux tests whether
     * the mapping has a close hook, as System V shared memory has.
     *
     * @return true if it counts its mappings
     */
    default boolean countsMappings() {
        return false;
    }

    /**
     * Returns whether its mappings can be given names by {@code AddressSpace.setAnonymousName} ({@code
     * vma_is_anon_shmem}). On Linux these are shared anonymous memory and files of {@code memfd_create}, i.e. files in
     * memory that no directory contains. For mappings of any other backing the call returns {@code EBADF}.
     *
     * @return true if its mappings can be named
     */
    default boolean acceptsNames() {
        return false;
    }

    /**
     * Returns the callbacks about its mappings.
     *
     * @return the same object for the life of this backing, or null if it needs no callbacks
     */
    default @Nullable VmOperations operations() {
        return null;
    }

    /**
     * Returns the cache of the file's pages that are in memory. All opens of a file share it. A backing without a cache
     * has no memory, so each fault is a SIGBUS. Called once per mapping.
     *
     * @return the same object for the life of this backing, created by the machine whose spaces map it; or null
     */
    default @Nullable PageCache pageCache() {
        return null;
    }

    /**
     * Returns whether holes can be punched into the file ({@code fallocate} with {@code FALLOC_FL_PUNCH_HOLE}). {@code
     * MADV_REMOVE} punches a hole: it removes the pages from the page cache, and they must read as zeros afterwards. If
     * this returns false, the advice is refused ({@code EOPNOTSUPP}). If {@link #underlying} is a {@link
     * dev.samara.core.backing.HostFile}, the hole is punched in that file instead.
     *
     * @return true if holes can be punched; unless overridden, true if there is no page cache, because then a hole
     *     changes nothing
     */
    default boolean punchesHoles() {
        return pageCache() == null;
    }

    /**
     * Returns the open whose file this backing maps: itself, or the open that it wraps, for example to restrict the
     * access mode ({@code backing_file} on Linux). {@code MADV_REMOVE} punches its hole in that file. A wrapper itself
     * passes on all other calls.
     *
     * @return the same object for the life of this backing; unless overridden, this
     */
    default Backing underlying() {
        return this;
    }

    /**
     * Returns whether it must be called before the first write to each page of a shared mapping ({@code page_mkwrite}).
     *
     * @return true if {@link #pageMkwrite} is to be called
     */
    default boolean noticesWrites() {
        return false;
    }

    /**
     * Offers the frames of pages that are in memory ({@code map_pages}, called within an RCU read-side section).
     *
     * <p>Called in a read-side section, without holding any reference, at each fault that needs a page of the file.
     * (For a write to a shared mapping of a backing that {@linkplain #noticesWrites notices writes}, only {@link
     * #fault} is called.) It must not block, wait, or call into an address space or a {@code Cpu}. No page, table or
     * frame of this machine is freed during the call. If it calls a method of the library that would wait, even through
     * another {@code Cpu} of the thread, that method throws {@link IllegalStateException} and changes nothing. With
     * {@code MachineBuilder.checkOffers}, more calls are refused and reported. An exception of this method is reported,
     * and its offers are ignored. The method need not offer anything: {@link #fault} is called for the accessed page if
     * it is not offered. An offered frame that is not the frame of that page in this backing's page cache is skipped,
     * whatever its number; an offer outside the window throws.
     *
     * @param window the wanted pages
     */
    @Experimental
    default void rcuMapPages(PageWindow window) {
        window.offerFrom(window.cache());
    }

    /**
     * Fetches a page that is not in memory, and inserts it into the page cache.
     *
     * <p>Called without any lock, but with a reference to the VMA. It may block for any length of time, and only faults
     * that need the same page wait for it. The page is mapped only if the mapping still exists afterwards. An exception
     * is reported, and the fault is a SIGBUS. The fault is also a SIGBUS, and is reported, if the result is
     * repeatedly not the cache's frame of that page. A result is ignored if pages were removed from the cache during
     * the call; the method is then called again, up to 4,096 times for one access.
     *
     * <p>An interrupt of the thread does not end the access. A method that must end early because of an interrupt
     * returns {@code -Fault.RETRY}, and leaves the interrupt flag set.
     *
     * <p>The method may call into any address space, and use any {@code Cpu} of its thread, but the CPU that faults
     * must stay in its space. If the method never returns, only that thread is lost: other threads can unmap, replace
     * or protect the range, and fork or close the space. The open of the backing stays until the method returns.
     *
     * @param request the requested page
     * @return the frame that {@link PageCache#insert} or {@link PageCache#frameAt} returned, or a negative number:
     *     {@code -Fault.ADRERR}, {@code -Fault.OUT_OF_MEMORY} and {@code -Fault.RETRY} become the result of the access,
     *     any other negative number is a SIGBUS. A call that needs the page returns EINTR for {@code -Fault.RETRY}
     */
    default int fault(PageRequest request) {
        return -Fault.ADRERR;
    }

    /**
     * Is called before the first write to a page of a shared mapping, under the same rules as {@link #fault}. If it
     * fails or throws, nothing is written, and the next write calls it again.
     *
     * <p>Once it has returned 0, the page may be written at that address until a call removes the page or the right to
     * write: {@code mprotect}, advice that discards pages, {@link PageCache#remove} or {@link PageCache#truncate}. The
     * next write after that call calls this method again. If this method is running for a write when such a call
     * starts, it is called again before that write happens. So a notification never covers a write after a call that
     * started later than the notification. A backing that writes a page back therefore first records that the
     * write-back starts, then removes the right to write, and then writes the page. It treats the page as clean if it
     * has not been notified since it recorded the start. A collection of written pages removes no right, so it causes
     * no call of this method.
     *
     * @param request the page
     * @return 0, or a negative number as for {@link #fault}
     */
    default int pageMkwrite(PageRequest request) {
        return 0;
    }

    /**
     * Saves what was written to a part of the file ({@code fsync}), before {@code msync} with {@code MS_SYNC} returns.
     * Called once for each shared mapping in the range of the call, in ascending order of addresses, under the same
     * rules as {@link #fault}: without any lock, but with a reference to the VMA. When this method returns 0,
     * everything that was written before the call must be saved. An exception is reported, and treated as {@code EIO}.
     *
     * @param offset the offset of the first byte in the file
     * @param length number of bytes, positive; the range may reach beyond the end of the file
     * @return 0, or a negated errno, which {@code msync} returns; unless overridden, 0, as for a file in memory
     */
    default long fsync(long offset, long length) {
        return 0;
    }

    /**
     * Is notified that a part of the file will be needed soon ({@code POSIX_FADV_WILLNEED}), by {@code madvise} with
     * {@code MADV_WILLNEED}. Called once for each mapping in the range of the call, shared or private, in ascending
     * order of addresses, under the same rules as {@link #fault}: without any lock, but with a reference to the VMA.
     * The call waits for this method, which should therefore start reads but not wait for them. The call succeeds even
     * if the reads fail. An exception is reported, and the call continues. Unless overridden, this method does nothing.
     *
     * @param offset the offset of the first byte in the file
     * @param length number of bytes, positive; the range may reach beyond the end of the file
     */
    default void willNeed(long offset, long length) {}

    /** A request to {@link Backing#fault} for one page that is not in memory. */
    interface PageRequest {
        /**
         * Returns the VMA of the access.
         *
         * @return a VMA that is referenced until the call returns; it may become detached in the meantime
         */
        Vma vma();

        /**
         * Returns the requested page.
         *
         * @return its number in the file
         */
        long page();

        /**
         * Returns the address of the access.
         *
         * @return any address of the page
         */
        long address();

        /**
         * Returns the kind of the access, as in {@link dev.samara.core.mman.Fault#access}.
         *
         * @return one {@code PROT_*} bit of {@link Mman}: EXEC for a fetch, WRITE for a store or an atomic update, READ
         *     for a load
         */
        int access();

        /** Counts the fault as a major fault, because the page had to be fetched. */
        void major();
    }

    /**
     * A window of pages of a file around the accessed page, for which {@link Backing#rcuMapPages} offers frames. The
     * object is reused after the call.
     */
    @Experimental
    interface PageWindow {
        /**
         * Returns the page cache that the mapping uses.
         *
         * @return the page cache that the backing returned when it was mapped
         */
        PageCache cache();

        /**
         * Returns the first page of the window.
         *
         * @return its number in the file
         */
        long first();

        /**
         * Returns the number of pages in the window.
         *
         * @return positive
         */
        int count();

        /**
         * Returns whether the entry of a page is empty, so that an offer has an effect.
         *
         * @param at index of the page in the window, from 0 up
         * @return true if the entry is empty
         */
        boolean isWanted(int at);

        /**
         * Offers the frame of a page. A frame that is not the page cache's frame of that page is skipped.
         *
         * @param at index of the page in the window, from 0 up
         * @param frame its frame
         */
        void offer(int at, int frame);

        /**
         * Offers all wanted pages that a cache has in memory.
         *
         * @param cache the page cache of the file
         */
        default void offerFrom(PageCache cache) {
            for (int i = 0; i < count(); i++) {
                if (isWanted(i)) {
                    offer(i, cache.frameAt(first() + i));
                }
            }
        }
    }
}
