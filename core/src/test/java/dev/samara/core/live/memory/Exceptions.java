// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import dev.samara.core.AddressSpace;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.PageCategory;
import dev.samara.core.mman.PagemapWord;
import dev.samara.core.vma.VmaFlags;
import java.util.List;

/**
 * What is not compared, each with its reason: where the library promises more or other than the kernel, or where the
 * kernel of this machine has a detail that is out of scope.
 */
final class Exceptions {
    private static final long PAGE = 4096;

    /**
     * Bits of pagemap: frame numbers are not told, and SOFT_DIRTY is that of {@code collectDirty}, while the kernel
     * may be built without it.
     */
    private static final long PAGEMAP = PagemapWord.PM_EXCLUSIVE
            | PagemapWord.PM_GUARD_REGION
            | PagemapWord.PM_FILE
            | PagemapWord.PM_SWAP
            | PagemapWord.PM_PRESENT;

    /**
     * Categories of a scan: as for pagemap. A page that is not there is WRITTEN where a page table exists. The kernel
     * keeps a table while a neighbour may use it, and the judge has memory of its own nearby; the library frees tables
     * by a rule of its own.
     */
    static final long CATEGORIES = PageCategory.ALL & ~(PageCategory.SOFT_DIRTY | PageCategory.WRITTEN);

    private Exceptions() {}

    /**
     * The flag {@code gu} is of kernels from 6.19 on, which show it in place of an anon_vma.
     */
    static String flags(String flags) {
        return flags.replace(" gu", "");
    }

    /** Returns whether an operation is left out. */
    static boolean isOut(Operation operation) {
        return switch (operation.verb()) {
            // A kernel without reserved huge pages lets NORESERVE succeed and fails at the access.
            case MMAP ->
                (operation.argument(3) & MapFlags.HUGETLB) != 0 && (operation.argument(3) & MapFlags.NORESERVE) != 0
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

    /** Returns whether an operation after a fork asks for what {@link #amounts} leaves out. */
    static boolean isOut(Operation operation, AddressSpace space) {
        if (operation.verb() != Verb.PAGEMAP && operation.verb() != Verb.SCAN) {
            return false;
        }
        boolean[] found = {false};
        long start = operation.argument(0);
        long length = operation.verb() == Verb.SCAN ? operation.argument(1) - start : operation.argument(1) * PAGE;
        space.forEach(start, length, vma -> found[0] |= vma.backing() != null && !vma.has(VmaFlags.MAYSHARE));
        return found[0];
    }

    /** The file {@code mem} of a process tells EIO where {@code process_vm_readv} tells EFAULT, as the library does. */
    static long result(Verb verb, long result) {
        boolean isForced = verb == Verb.FORCED_READ || verb == Verb.FORCED_WRITE;
        return isForced && result == Errno.EIO.result() ? Errno.EFAULT.result() : result;
    }

    /**
     * Returns the amounts of a mapping, or nothing for a private mapping of a file after a fork: the kernel copies the
     * entries of pages of the file into the child where the mapping has private pages too, and the library lets the
     * child fault them in.
     */
    static String amounts(String amounts, boolean isPrivateFile, boolean isForked) {
        return isPrivateFile && isForked ? "" : amounts + "\t";
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
