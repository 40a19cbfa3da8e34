// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/**
 * Bits of the words of {@code /proc/PID/pagemap} (Documentation/admin-guide/mm/pagemap.rst), with the names of
 * fs/proc/task_mmu.c. The frame number in the lower bits is 0, as it is for a reader without privileges.
 */
public final class PagemapWord {
    /** {@code PM_SOFT_DIRTY}: written since {@code AddressSpace.collectDirty} last reported the page. */
    public static final long PM_SOFT_DIRTY = 1L << 55;

    /** {@code PM_MMAP_EXCLUSIVE}: present, and mapped by no other page table entry. Never set for the zero page. */
    public static final long PM_EXCLUSIVE = 1L << 56;

    /** {@code PM_GUARD_REGION}: a guard marker of {@link Advice#GUARD_INSTALL}. */
    public static final long PM_GUARD_REGION = 1L << 58;

    /** {@code PM_FILE}: a present page of the page cache of a file, of shared anonymous memory or of a segment. */
    public static final long PM_FILE = 1L << 61;

    /** {@code PM_SWAP}: not present, but not empty either, i.e. a guard marker. */
    public static final long PM_SWAP = 1L << 62;

    /** {@code PM_PRESENT}: in memory, and in this space's page table. */
    public static final long PM_PRESENT = 1L << 63;

    private PagemapWord() {}
}
