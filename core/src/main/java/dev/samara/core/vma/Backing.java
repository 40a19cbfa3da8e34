// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

import dev.samara.core.mman.Fault;
import org.jspecify.annotations.Nullable;

/**
 * What stands behind a mapping that is not plain anonymous memory: one <em>open</em> of a file, a device or a shared
 * object.
 *
 * <p>The identity of a backing is the Java object: two mappings continue each other, and so may be merged, only if they
 * have the same {@code Backing} object, as two mappings on Linux must have the same {@code struct file}. Two opens of
 * one file are two objects that agree on {@link #major()}, {@link #minor()} and {@link #inode()}.
 *
 * <p>An implementation answers from fixed data. The answers are asked for once per mapping, before anything is changed
 * and without any lock ({@link BackingTraits}); what they throw goes to the caller of that operation. Who wants to be
 * told when mappings come and go offers {@link #operations}.
 */
public interface Backing {
    /**
     * The major number of the device, as {@code /proc/PID/maps} shows it.
     *
     * @return the number, not negative
     */
    int major();

    /**
     * The minor number of the device.
     *
     * @return the number, not negative
     */
    int minor();

    /**
     * The inode on the device.
     *
     * @return the number, unsigned
     */
    long inode();

    /**
     * The name to show, usually a path.
     *
     * @return the name, not empty
     */
    String name();

    /**
     * Whether it was opened for reading; every mapping needs that ({@code EACCES}).
     *
     * @return true if so
     */
    default boolean readable() {
        return true;
    }

    /**
     * Whether it was opened for writing; a shared mapping can become writable only then ({@code EACCES}).
     *
     * @return true if so
     */
    default boolean writable() {
        return true;
    }

    /**
     * Whether code on it may be executed, that is, its mount is not {@code noexec} ({@code EPERM}).
     *
     * @return true if so
     */
    default boolean executable() {
        return true;
    }

    /**
     * Whether it may only be appended to; then no shared mapping of a writable open is allowed ({@code EACCES}).
     *
     * @return true if so
     */
    default boolean appendOnly() {
        return false;
    }

    /**
     * Whether it is in use as swap space; then no shared writable mapping is allowed ({@code ETXTBSY}).
     *
     * @return true if so
     */
    default boolean swapFile() {
        return false;
    }

    /**
     * Whether it can be mapped at all ({@code ENODEV}).
     *
     * @return true if so
     */
    default boolean mappable() {
        return true;
    }

    /**
     * The largest size in bytes that the file can have; a mapping that reaches beyond fails with {@code EOVERFLOW}.
     *
     * @return the size, unsigned; {@link Long#MAX_VALUE} for a regular file, -1 for a device
     */
    default long maximumSize() {
        return Long.MAX_VALUE;
    }

    /**
     * Whether mappings of at least one huge page should be placed so that address and offset agree modulo the huge page
     * size, as Linux does for file systems that use {@code thp_get_unmapped_area}.
     *
     * @return true if so
     */
    default boolean wantsHugeAlignment() {
        return false;
    }

    /**
     * Whether a private mapping of it is anonymous memory, placed on a huge page boundary where that may help, and a
     * shared one a new shared object, as for {@code /dev/zero}.
     *
     * @return true if so
     */
    default boolean isZeroDevice() {
        return false;
    }

    /**
     * Whether it cannot be mapped with {@code MAP_SYNC} ({@code EOPNOTSUPP}), as a file system without direct access to
     * persistent memory.
     *
     * @return true if so
     */
    default boolean refusesSync() {
        return false;
    }

    /**
     * Whether a move of several mappings at once must not include one of it, because on Linux it has its own rule for
     * placement; true for System V shared memory and the zero device.
     *
     * @return true if so
     */
    default boolean movesAlone() {
        return countsMappings() || isZeroDevice();
    }

    /**
     * Whether it counts its mappings, so that none may vanish in a merge; Linux asks whether the mapping has a close
     * hook, which System V shared memory has.
     *
     * @return true if so
     */
    default boolean countsMappings() {
        return false;
    }

    /**
     * What wants to be told of the life of its mappings.
     *
     * @return always the same, or null for nobody
     */
    default @Nullable VmOperations operations() {
        return null;
    }

    /**
     * The pages of the file that are in memory; all opens of a file have the same. A backing without one has no memory:
     * a fault is a SIGBUS. Asked once per mapping.
     *
     * @return always the same, made by the machine whose spaces map it, or null
     */
    default @Nullable PageCache pageCache() {
        return null;
    }

    /**
     * Whether holes can be punched into the file ({@code fallocate} with {@code FALLOC_FL_PUNCH_HOLE}), which {@code
     * MADV_REMOVE} does: its pages are taken out of the page cache, and have to read as zeros from then on. If not, the
     * advice is refused ({@code EOPNOTSUPP}).
     *
     * @return true if so; unless overridden, if it has no page cache, since then there is nothing that a hole could
     *     change
     */
    default boolean punchesHoles() {
        return pageCache() == null;
    }

    /**
     * Whether it wants to be told of the first write to each page of a shared mapping ({@code page_mkwrite}).
     *
     * @return true if {@link #firstWrite} is to be called
     */
    default boolean noticesWrites() {
        return false;
    }

    /**
     * Offers the frames of pages that are in memory ({@code map_pages}, as {@code rcu_map_pages} would be).
     *
     * <p>Called in a reader section, for every fault, with no reference to anything: it must not block, wait or call
     * into an address space or a {@code Cpu}. Nothing of this machine is freed while it does. A call of the library
     * that would wait, also one by another {@code Cpu} of the thread, throws {@link IllegalStateException} here and
     * changes nothing; {@code Machine.Builder.checkOffers} refuses and reports more. What it throws is reported, and it
     * has offered nothing then. It need not offer anything: {@link #fault} is asked for what it does not offer. What is
     * not the frame of that page in this backing's page cache, whatever the number, is passed over; an offer outside of
     * the window throws.
     *
     * @param window the pages
     */
    default void rcuMapPages(PageWindow window) {
        window.offerFrom(window.cache());
    }

    /**
     * Fetches a page that is not in memory, and puts it into the page cache.
     *
     * <p>Called without any lock, under a keep of the VMA; it may block as long as it likes, and nobody else waits for
     * it but who wants the same page. What was fetched is mapped only if the mapping still stands then. What it throws
     * is reported, and the fault is a SIGBUS, as it is if time and again it answers with what is not the cache's frame
     * of that page. An answer does not count if pages were taken out of the cache since it was asked: it is asked
     * again, until the thread is interrupted.
     *
     * <p>It may call into any address space, and use any {@code Cpu} of its thread; the one that faults keeps its
     * space. If it never returns, that thread is lost and nothing else: the range can be unmapped, replaced or
     * protected, the space forked or closed, and the open of the backing stays until it returns.
     *
     * @param request which page
     * @return the frame that {@link PageCache#insert} or {@link PageCache#frameAt} gave; or a failure: {@code
     *     -Fault.ADRERR}, {@code -Fault.OOM}, {@code -Fault.RETRY}, which become the result; any other negative number
     *     is a SIGBUS
     */
    default int fault(PageRequest request) {
        return -Fault.ADRERR;
    }

    /**
     * Is told of the first write to a page of a shared mapping, before it happens; as free as {@link #fault}. If it
     * fails or throws, nothing is written, and the next write asks again.
     *
     * <p>Once it has returned 0, the page may be written at that address until a call takes the page or the right to
     * write away: {@code mprotect}, an advice that discards, {@link PageCache#remove} or {@link PageCache#truncate}.
     * The next write after that call is told of anew. A write of which this is being told when such a call begins is
     * told of again before it happens, so a notice counts for no write after a call that began later than the notice. A
     * backing that writes a page back therefore notes that it begins, then takes the right away, then writes, and takes
     * the page for clean if no notice has come since it began. A collection of written pages takes no right away, so
     * this is not called because of one.
     *
     * @param request which page
     * @return 0, or a failure as of {@link #fault}
     */
    default int firstWrite(PageRequest request) {
        return 0;
    }
}
