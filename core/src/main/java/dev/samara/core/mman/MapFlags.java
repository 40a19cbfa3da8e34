// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/** The {@code MAP_*} bits of {@code mmap}, as in {@code sys/mman.h} on Linux x86-64. */
public final class MapFlags {
    /** All mappings of the object see each store. */
    public static final int SHARED = 0x01;

    /** Stores are private to the space (copy on write). */
    public static final int PRIVATE = 0x02;

    /** Like {@link #SHARED}, but unknown flags are refused. */
    public static final int SHARED_VALIDATE = 0x03;

    /**
     * Private memory whose pages may be dropped at any time: a page reads as zeros then. {@link Advice#PAGEOUT} drops
     * them at once. When a fault finds no frame, the machine drops some before the fault fails, and before it reaps a
     * space ({@code MachineBuilder.lowMemory}); not those of a space that has an {@code MmuNotifier}. A pinned page
     * stays. A child has none of them.
     */
    public static final int DROPPABLE = 0x08;

    /** The bits that hold the type of the mapping. */
    public static final int TYPE = 0x0f;

    /** Map exactly at the address, and replace the mappings there. */
    public static final int FIXED = 0x10;

    /** Not backed by a file. */
    public static final int ANONYMOUS = 0x20;

    /** Place below 2 GiB. */
    public static final int BELOW_2G = 0x40;

    /** Place above 4 GiB. */
    public static final int ABOVE_4G = 0x80;

    /** The mapping grows down when the page below it is touched. */
    public static final int GROWSDOWN = 0x0100;

    /** Ignored, as by Linux. */
    public static final int DENYWRITE = 0x0800;

    /** Ignored, as by Linux. */
    public static final int EXECUTABLE = 0x1000;

    /** Lock the pages in memory. */
    public static final int LOCKED = 0x2000;

    /** Do not account for the memory. */
    public static final int NORESERVE = 0x4000;

    /** Fault the pages in at once. */
    public static final int POPULATE = 0x8000;

    /** With {@link #POPULATE}: do not block. */
    public static final int NONBLOCK = 0x10000;

    /** Meant as a stack: no huge pages. */
    public static final int STACK = 0x20000;

    /** Use huge pages. */
    public static final int HUGETLB = 0x40000;

    /** Synchronous faults. Sets only the attribute of the mapping, unless the backing refuses it. */
    public static final int MAP_SYNC = 0x80000;

    /** Like {@link #FIXED}, but fail if a mapping is there. */
    public static final int FIXED_NOREPLACE = 0x100000;

    /** No effect, as on a kernel with an MMU. */
    public static final int UNINITIALIZED = 0x4000000;

    /** Position of the huge page size in the flags; the size is given as its binary logarithm. */
    public static final int HUGE_SHIFT = 26;

    /** The bits of the huge page size, after shifting by {@link #HUGE_SHIFT}. */
    public static final int HUGE_MASK = 0x3f;

    private MapFlags() {}
}
