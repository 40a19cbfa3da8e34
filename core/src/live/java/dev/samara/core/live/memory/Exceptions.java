// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import dev.samara.core.AddressSpace;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.PagemapFlags;
import dev.samara.core.vma.VmaFlags;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;

/**
 * The cases that are not compared, each with its reason: the library deliberately differs from the kernel, or a detail
 * of this machine's kernel is out of scope.
 */
final class Exceptions {
    private static final long PAGE = 4096;

    /**
     * The bits of pagemap that are compared. The library reports no frame numbers, and its SOFT_DIRTY is that of {@code
     * collectDirty}; the kernel may be built without SOFT_DIRTY.
     */
    private static final long PAGEMAP = PagemapFlags.PM_EXCLUSIVE
            | PagemapFlags.PM_GUARD_REGION
            | PagemapFlags.PM_FILE
            | PagemapFlags.PM_SWAP
            | PagemapFlags.PM_PRESENT;

    /**
     * The categories of a scan that are compared, as for pagemap. WRITTEN is left out, because an absent page is
     * WRITTEN where a page table exists: the kernel keeps a table while neighbouring memory, such as the judge's own,
     * may use it, whereas the library frees empty tables.
     */
    static final long CATEGORIES = PagemapFlags.ALL & ~(PagemapFlags.SOFT_DIRTY | PagemapFlags.WRITTEN);

    /** The number of amounts of a mapping, in the order of {@link LibraryState}. */
    private static final int AMOUNTS = 8;

    /** The index of the amount of private pages. */
    private static final int ANONYMOUS = 6;

    private Exceptions() {}

    /** Removes the flag {@code gu}, which kernels from 6.19 on show in place of an anon_vma. */
    private static String flags(String flags) {
        return flags.replace(" gu", "");
    }

    /**
     * Adds up clean and dirty pages of a mapping with private pages, if the kernel does not map the zero page. On such
     * a kernel, a private page that was only read is clean if its mapping did not permit writes. The library counts
     * each private page as dirty, because the page is stored nowhere else, and a dirty scan may have cleared its dirty
     * bit.
     *
     * @param flags the flags, after the amounts and a tab if there are any
     */
    static String flags(String flags, boolean mapsZeroPage) {
        String shown = flags(flags);
        int tab = shown.indexOf('\t');
        String[] amounts = tab < 0 ? new String[0] : shown.substring(0, tab).split(",", -1);
        if (mapsZeroPage || amounts.length != AMOUNTS || amounts[ANONYMOUS].equals("0")) {
            return shown;
        }
        return String.join(
                        ",",
                        amounts[0],
                        amounts[1],
                        sum(amounts[2], amounts[3]),
                        sum(amounts[4], amounts[5]),
                        amounts[ANONYMOUS],
                        amounts[7])
                + shown.substring(tab);
    }

    private static String sum(String clean, String dirty) {
        return Long.toString(Long.parseLong(clean) + Long.parseLong(dirty));
    }

    /**
     * Whether this processor has protection keys. With them, Linux on x86-64 makes memory that may only be executed
     * unreadable, which the library does for other architectures.
     */
    private static final boolean HAS_KEYS = hasKeys();

    private static boolean hasKeys() {
        try {
            return java.nio.file.Files.readString(Path.of("/proc/cpuinfo")).contains(" ospke");
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
    }

    /** Returns whether an operation is left out. */
    static boolean isOut(Operation operation) {
        boolean mayExecuteOnly = HAS_KEYS
                && (operation.verb() == Verb.MMAP || operation.verb() == Verb.MPROTECT)
                && operation.argument(2) == Mman.EXEC;
        return mayExecuteOnly || isOutEverywhere(operation);
    }

    private static boolean isOutEverywhere(Operation operation) {
        return switch (operation.verb()) {
            // A kernel without reserved huge pages lets NORESERVE succeed, and fails at the access.
            case MMAP ->
                ((operation.argument(3) & Mman.HUGETLB) != 0 && (operation.argument(3) & Mman.NORESERVE) != 0)
                        // The kernel mistakes the address itself for an errno.
                        || Long.compareUnsigned(operation.argument(0), -PAGE) > 0
                        // No huge page is reserved, so the call fails. The kernel searches for a larger range than the
                        // library.
                        || ((operation.argument(3) & Mman.HUGETLB) != 0 && (operation.argument(3) & Mman.FIXED) == 0);
            // The kernel may create a huge page, which the library does not support.
            case MADVISE -> operation.argument(2) == Mman.COLLAPSE;
            default -> false;
        };
    }

    /**
     * What a script excludes. The kernel's fork copies the entries of file pages if the mapping contains private pages
     * or guard markers, whereas the library lets the child fault these pages in. Amounts and pagemap show the
     * difference, so a script excludes either such queries, or forks, or such mappings. Only a script without such
     * queries contains holes as in {@link #isInFirstPage}.
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
                case MMAP -> this == NOT_PRIVATE && (operation.argument(3) & (Mman.ANONYMOUS | Mman.SHARED)) == 0;
                case MADVISE ->
                    this == NOT_PRIVATE
                            && operation.argument(2) == Mman.GUARD_INSTALL
                            && hasShared(space, operation.argument(0), operation.argument(1));
                default -> false;
            };
        }

        /**
         * Returns whether a hole is within the first page. In the kernel, such a hole unmaps each page of the file from
         * the next page boundary on, because the end of the hole's whole pages is -1 (shmem_fallocate). The pages stay
         * in the file, and an access maps them again. In the library, such a hole unmaps nothing.
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

    /**
     * Replaces EIO, which the file {@code mem} of a process returns, with EFAULT, which {@code process_vm_readv} and
     * the library return.
     */
    static long result(Verb verb, long result) {
        boolean isForced = verb == Verb.FORCED_READ || verb == Verb.FORCED_WRITE;
        return isForced && result == Errno.EIO.result() ? Errno.EFAULT.result() : result;
    }

    /**
     * Returns whether an operation is a move with DONTUNMAP. If the memory was locked, the kernel continues to count
     * the pages that were moved away as locked (dontunmap_complete), even for the limit, and the library does not.
     */
    static boolean isLockMiscounted(Operation operation) {
        return operation.verb() == Verb.MREMAP && (operation.argument(3) & Mman.DONTUNMAP) != 0;
    }

    /**
     * Returns the amounts that count against limits. The amount of locked memory is left out if the two sides count it
     * differently. It is compared as an int, because the kernel adds the pages of a mapping as an int, which the
     * mappings around a world overflow.
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
