// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/** The numbers of {@code AddressSpace.pagemap} and {@code AddressSpace.pagemapScan}. */
public final class PagemapFlags {
    // Page categories that AddressSpace.pagemapScan matches and reports (PAGE_IS_*, linux/fs.h).

    /**
     * {@code PAGE_IS_WPALLOWED}: the mapping tracks writes asynchronously through {@code userfaultfd}. Never reported:
     * there is no {@code userfaultfd}.
     */
    public static final long WPALLOWED = 1L;

    /**
     * {@code PAGE_IS_WRITTEN}: written since it was last write-protected through {@code userfaultfd}. Without {@code
     * userfaultfd}, as on Linux, every page covered by an existing page table belongs to this category, present or not.
     * Use {@link #SOFT_DIRTY} to find written pages.
     */
    public static final long WRITTEN = 1L << 1;

    /** {@code PAGE_IS_FILE}: a present page of the page cache of a file, of shared anonymous memory or of a segment. */
    public static final long FILE = 1L << 2;

    /** {@code PAGE_IS_PRESENT}: in memory, and in this space's page table. */
    public static final long PRESENT = 1L << 3;

    /**
     * {@code PAGE_IS_SWAPPED}: not present, but not empty either. Without swap, only guard markers belong to this
     * category, as on Linux.
     */
    public static final long SWAPPED = 1L << 4;

    /** {@code PAGE_IS_PFNZERO}: the zero page. */
    public static final long PFNZERO = 1L << 5;

    /** {@code PAGE_IS_HUGE}: a huge page. No page belongs to this category. */
    public static final long HUGE = 1L << 6;

    /**
     * {@code PAGE_IS_SOFT_DIRTY}: written since {@code AddressSpace.collectDirty} last reported the page. The scan
     * clears nothing.
     */
    public static final long SOFT_DIRTY = 1L << 7;

    /** {@code PAGE_IS_GUARD}: a guard marker of {@link Mman#GUARD_INSTALL}. */
    public static final long GUARD = 1L << 8;

    /** All categories. */
    public static final long ALL = (1L << 9) - 1;

    // Bits of the words of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst), with the names of
    // fs/proc/task_mmu.c. The frame number in the lower bits is 0, as it is for a reader without privileges.

    /** {@code PM_SOFT_DIRTY}: written since {@code AddressSpace.collectDirty} last reported the page. */
    public static final long PM_SOFT_DIRTY = 1L << 55;

    /** {@code PM_MMAP_EXCLUSIVE}: present, and mapped by no other page table entry. Never set for the zero page. */
    public static final long PM_EXCLUSIVE = 1L << 56;

    /** {@code PM_GUARD_REGION}: a guard marker of {@link Mman#GUARD_INSTALL}. */
    public static final long PM_GUARD_REGION = 1L << 58;

    /** {@code PM_FILE}: a present page of the page cache of a file, of shared anonymous memory or of a segment. */
    public static final long PM_FILE = 1L << 61;

    /** {@code PM_SWAP}: not present, but not empty either, i.e. a guard marker. */
    public static final long PM_SWAP = 1L << 62;

    /** {@code PM_PRESENT}: in memory, and in this space's page table. */
    public static final long PM_PRESENT = 1L << 63;

    private PagemapFlags() {}
}
