// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import dev.samara.core.AddressSpace;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.PageCategory;
import dev.samara.core.mman.PagemapWord;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.vma.VmaFlags;
import java.util.List;

/**
 * The cases that are not compared, each with its reason: the library deliberately differs from the kernel, or a detail
 * of this machine's kernel is out of scope.
 */
final class Exceptions {
    private static final long PAGE = 4096;

    /**
     * Bits of pagemap: the library reports no frame numbers, and its SOFT_DIRTY is that of {@code collectDirty}; the
     * kernel may be built without it.
     */
    private static final long PAGEMAP = PagemapWord.PM_EXCLUSIVE
            | PagemapWord.PM_GUARD_REGION
            | PagemapWord.PM_FILE
            | PagemapWord.PM_SWAP
            | PagemapWord.PM_PRESENT;

    /**
     * Categories of a scan: as for pagemap. An absent page is WRITTEN where a page table exists. The kernel keeps a
     * table while a neighbour may use it, and the judge has memory of its own nearby; the library frees empty tables.
     */
    static final long CATEGORIES = PageCategory.ALL & ~(PageCategory.SOFT_DIRTY | PageCategory.WRITTEN);

    private Exceptions() {}

    /**
     * The flag {@code gu}: kernels from 6.19 on show it in place of an anon_vma.
     */
    static String flags(String flags) {
        return flags.replace(" gu", "");
    }

    /** Returns whether an operation is left out. */
    static boolean isOut(Operation operation) {
        return switch (operation.verb()) {
            // A kernel without reserved huge pages lets NORESERVE succeed and fails at the access.
            case MMAP ->
                ((operation.argument(3) & MapFlags.HUGETLB) != 0 && (operation.argument(3) & MapFlags.NORESERVE) != 0)
                        // The kernel takes the address itself for an errno.
                        || Long.compareUnsigned(operation.argument(0), -PAGE) > 0
                        // No huge page is reserved, so it fails. The kernel searches for more room than the library.
                        || ((operation.argument(3) & MapFlags.HUGETLB) != 0
                                && (operation.argument(3) & MapFlags.FIXED) == 0);
            // The kernel may make a huge page, which the library does not have.
            case MADVISE -> operation.argument(2) == Advice.COLLAPSE;
            default -> false;
        };
    }

    /**
     * Whether something is excluded from a script. A fork of the kernel copies the entries of file pages if the mapping
     * has private pages or guard markers; the library lets the child fault them in. Amounts and pagemap show that. So a
     * script contains no such queries, no forks, or no such mappings. Only a script without such queries contains holes
     * of {@link #isInFirstPage}.
     */
    enum Files {
        NOT_ASKED,
        NOT_FORKED,
        NOT_PRIVATE;

        boolean isOut(Operation operation, AddressSpace space) {
            return switch (operation.verb()) {
                case PAGEMAP, SCAN -> this == NOT_ASKED;
                case FORK -> this == NOT_FORKED;
                case PUNCH -> this != NOT_ASKED && isInFirstPage(operation.argument(1), operation.argument(2));
                case MMAP ->
                    this == NOT_PRIVATE && (operation.argument(3) & (MapFlags.ANONYMOUS | MapFlags.SHARED)) == 0;
                case MADVISE ->
                    this == NOT_PRIVATE
                            && operation.argument(2) == Advice.GUARD_INSTALL
                            && hasShared(space, operation.argument(0), operation.argument(1));
                default -> false;
            };
        }

        /**
         * A hole within the first page unmaps each page of the file from the next boundary on, since the end of its
         * whole pages is -1 then (shmem_fallocate). They stay in the file, and an access maps them again. In the
         * library such a hole unmaps nothing.
         */
        static boolean isInFirstPage(long offset, long length) {
            return offset >= 0 && length > 0 && offset < PAGE && length < PAGE - offset;
        }

        private static boolean hasShared(AddressSpace space, long start, long length) {
            boolean[] found = {false};
            space.forEach(start, length, vma -> found[0] |= vma.has(VmaFlags.MAYSHARE));
            return found[0];
        }
    }

    /** The file {@code mem} of a process tells EIO where {@code process_vm_readv} tells EFAULT, as the library does. */
    static long result(Verb verb, long result) {
        boolean isForced = verb == Verb.FORCED_READ || verb == Verb.FORCED_WRITE;
        return isForced && result == Errno.EIO.result() ? Errno.EFAULT.result() : result;
    }

    /**
     * Returns whether an operation is a move with DONTUNMAP. If the memory was locked, the kernel goes on counting the
     * pages that the move has left as locked (dontunmap_complete), for the limit too, and the library does not.
     */
    static boolean isLockMiscounted(Operation operation) {
        return operation.verb() == Verb.MREMAP && (operation.argument(3) & RemapFlags.DONTUNMAP) != 0;
    }

    /**
     * Returns the amounts that count against limits; those of locked memory unless they are counted in another way. The
     * kernel adds the pages of a mapping as an int, which the mappings around a world exceed.
     */
    static String usage(long total, long data, long stack, long locked, Operation operation) {
        String text = "total " + (total >> 12) + " data " + (data >> 12) + " stack " + (stack >> 12);
        return operation.argument(0) == 0 ? text : text + " locked " + (int) (locked >> 12);
    }

    static String pagemap(long word) {
        return Long.toHexString(word & PAGEMAP);
    }

    static String scan(String result, List<Long> regions, List<Long> walkEnd, long base) {
        StringBuilder text = new StringBuilder(result);
        for (int i = 0; i + 2 < regions.size(); i += 3) {
            text.append(' ')
                    .append(Notation.address(regions.get(i), base))
                    .append("..")
                    .append(Notation.address(regions.get(i + 1), base))
                    .append('=')
                    .append(Long.toHexString(regions.get(i + 2) & CATEGORIES));
        }
        return text.append(" end ")
                .append(Notation.address(walkEnd.get(0), base))
                .toString();
    }
}
