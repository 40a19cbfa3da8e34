// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/** The {@code MAP_*} bits of {@code mmap}, as in {@code sys/mman.h} on Linux x86-64. */
public final class MapFlags {
    /** {@code MAP_SHARED}: all mappings of the object see each store. */
    public static final int SHARED = 0x01;

    /** {@code MAP_PRIVATE}: stores are private to the space (copy on write). */
    public static final int PRIVATE = 0x02;

    /** {@code MAP_SHARED_VALIDATE}: like {@link #SHARED}, but unknown flags are refused. */
    public static final int SHARED_VALIDATE = 0x03;

    /**
     * {@code MAP_DROPPABLE}: private memory whose pages may be dropped at any time; a dropped page reads as zeros.
     * {@link Advice#PAGEOUT} drops them immediately. When a fault finds no free frame, the machine drops droppable
     * pages before the fault fails, and before it reaps a space ({@code MachineBuilder.lowMemory}), but not from a
     * space with an {@code MmuNotifier}. A pinned page stays. A child does not inherit such pages.
     */
    public static final int DROPPABLE = 0x08;

    /** {@code MAP_TYPE}: the bits that hold the type of the mapping. */
    public static final int TYPE = 0x0f;

    /** {@code MAP_FIXED}: map exactly at the address, and replace the mappings there. */
    public static final int FIXED = 0x10;

    /** {@code MAP_ANONYMOUS}: not backed by a file. */
    public static final int ANONYMOUS = 0x20;

    /** {@code MAP_32BIT}: place below 2 GiB, and above 1 GiB if the hint is not free. */
    public static final int BELOW_2G = 0x40;

    /** {@code MAP_ABOVE4G}: place above 4 GiB, unless the hint is free. Only effective with top-down placement. */
    public static final int ABOVE_4G = 0x80;

    /** {@code MAP_GROWSDOWN}: the mapping grows down when the page below it is touched. */
    public static final int GROWSDOWN = 0x0100;

    /** {@code MAP_DENYWRITE}: ignored, as by Linux. */
    public static final int DENYWRITE = 0x0800;

    /** {@code MAP_EXECUTABLE}: ignored, as by Linux. */
    public static final int EXECUTABLE = 0x1000;

    /** {@code MAP_LOCKED}: lock the pages in memory. */
    public static final int LOCKED = 0x2000;

    /** {@code MAP_NORESERVE}: do not account for the memory. */
    public static final int NORESERVE = 0x4000;

    /** {@code MAP_POPULATE}: fault the pages in before the call returns. */
    public static final int POPULATE = 0x8000;

    /** {@code MAP_NONBLOCK}: with {@link #POPULATE}: no page is faulted in. */
    public static final int NONBLOCK = 0x10000;

    /** {@code MAP_STACK}: meant as a stack. Sets only the attribute against huge pages. */
    public static final int STACK = 0x20000;

    /**
     * {@code MAP_HUGETLB}: use huge pages. No machine has any, so the call fails with ENOMEM after the other checks.
     */
    public static final int HUGETLB = 0x40000;

    /** {@code MAP_SYNC}: synchronous faults. Sets only the attribute of the mapping, unless the backing refuses it. */
    public static final int MAP_SYNC = 0x80000;

    /** {@code MAP_FIXED_NOREPLACE}: like {@link #FIXED}, but fail if a mapping exists in the range. */
    public static final int FIXED_NOREPLACE = 0x100000;

    /** {@code MAP_UNINITIALIZED}: no effect, as on a kernel with an MMU. */
    public static final int UNINITIALIZED = 0x4000000;

    /**
     * {@code MAP_HUGE_SHIFT}: position of the huge page size in the flags; the size is encoded as its binary logarithm.
     */
    public static final int HUGE_SHIFT = 26;

    /** {@code MAP_HUGE_MASK}: the bits of the huge page size, after shifting by {@link #HUGE_SHIFT}. */
    public static final int HUGE_MASK = 0x3f;

    private MapFlags() {}
}
