// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

import dev.samara.core.mman.Capability;

/**
 * The sizes and bounds of an address space.
 *
 * <p>Placement follows x86-64. Without a hint a mapping is placed below the <em>mmap base</em>, which leaves a gap for
 * the stack under the {@linkplain #window() default window}. Addresses above the window are used only if the caller
 * gives one.
 *
 * @param pageShift binary logarithm of the page size in bytes, 9 to 24
 * @param levels number of page table levels, 1 to 6
 * @param hugeShift binary logarithm of the huge page size in bytes, above {@code pageShift} and below 48
 * @param minimum lowest address that may be mapped without {@link Capability#SYS_RAWIO} ({@code mmap_min_addr}); a
 *     multiple of the page size
 * @param window end of the part that is used by default, exclusive; a multiple of the page size
 * @param limit end of the space, exclusive ({@code TASK_SIZE}); a multiple of the page size, at most 2^62
 */
public record Geometry(int pageShift, int levels, int hugeShift, long minimum, long window, long limit) {
    /** x86-64 with four levels of page tables: 47 bits of address, pages of 4 KiB. */
    public static final Geometry LINUX_X86_64 = new Geometry(12, 4, 21, 0x10000, (1L << 47) - 4096, (1L << 47) - 4096);

    /** x86-64 with five levels of page tables: 56 bits of address, the upper ones only on request. */
    public static final Geometry LINUX_X86_64_LA57 =
            new Geometry(12, 5, 21, 0x10000, (1L << 47) - 4096, (1L << 56) - 4096);

    private static final long MOST_LIMIT = 1L << 62;

    private static final long STACK_ROOM = 128L << 20;

    /**
     * Checks that the sizes fit each other.
     *
     * @param pageShift binary logarithm of the page size in bytes
     * @param levels number of page table levels
     * @param hugeShift binary logarithm of the huge page size in bytes
     * @param minimum lowest address that may be mapped without privilege
     * @param window end of the part that is used by default
     * @param limit end of the space
     */
    public Geometry {
        require(pageShift >= 9 && pageShift <= 24, "pageShift", pageShift, "must lie in 9..24");
        require(levels >= 1 && levels <= 6, "levels", levels, "must lie in 1..6");
        require(
                hugeShift > pageShift && hugeShift < 48,
                "hugeShift",
                hugeShift,
                "must lie above pageShift " + pageShift + ", below 48");
        long inPage = (1L << pageShift) - 1;
        requireBound("minimum", minimum, inPage);
        requireBound("window", window, inPage);
        requireBound("limit", limit, inPage);
        // All three are at most 2^62 from here on, so signed comparisons hold.
        requireAddress(window > minimum, "window", window, "must lie above minimum " + hex(minimum));
        requireAddress(limit >= window, "limit", limit, "must lie at or above window " + hex(window));
    }

    private static void require(boolean holds, String name, int value, String rule) {
        if (!holds) {
            throw new IllegalArgumentException(name + " " + value + " " + rule);
        }
    }

    private static void requireBound(String name, long value, long inPage) {
        requireAddress((value & inPage) == 0, name, value, "must be a multiple of the page size " + hex(inPage + 1));
        requireAddress(Long.compareUnsigned(value, MOST_LIMIT) <= 0, name, value, "must be at most 2^62");
    }

    private static void requireAddress(boolean holds, String name, long value, String rule) {
        if (!holds) {
            throw new IllegalArgumentException(name + " " + hex(value) + " " + rule);
        }
    }

    private static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }

    /**
     * Returns the page size.
     *
     * @return bytes, a power of two
     */
    public long pageSize() {
        return 1L << pageShift;
    }

    /**
     * Returns the huge page size.
     *
     * @return bytes, a power of two
     */
    public long hugeSize() {
        return 1L << hugeShift;
    }

    /**
     * Returns whether an address is a page boundary.
     *
     * @param address any address
     * @return true if it is a multiple of the page size
     */
    public boolean isAligned(long address) {
        return (address & (pageSize() - 1)) == 0;
    }

    /**
     * Rounds down to a page boundary.
     *
     * @param address any address
     * @return the start of its page
     */
    public long roundDown(long address) {
        return address & -pageSize();
    }

    /**
     * Rounds up to a page boundary, modulo 2^64 as the kernel does.
     *
     * @param length any length or address
     * @return the page boundary at or above {@code length}; 0 if that is 2^64
     */
    public long roundUp(long length) {
        return length + pageSize() - 1 & -pageSize();
    }

    /**
     * Converts bytes to whole pages.
     *
     * @param bytes a multiple of the page size, unsigned
     * @return pages
     */
    public long pages(long bytes) {
        return bytes >>> pageShift;
    }

    /**
     * Returns the base of top-down placement ({@code mmap_base}): the end of the window minus the gap for the stack.
     * The gap is at least 128 MiB, but never more than five sixths of the window.
     *
     * @param stackLimit soft limit of the stack in bytes, unsigned
     * @param guardGap bytes kept free below a stack
     * @return a page boundary; mappings end at or below it
     */
    public long mmapBase(long stackLimit, long guardGap) {
        long padded = stackLimit + guardGap;
        long gap = Long.compareUnsigned(padded, stackLimit) > 0 ? padded : stackLimit;
        long most = window / 6 * 5;
        if (Long.compareUnsigned(gap, most) > 0) {
            gap = most;
        } else if (Long.compareUnsigned(gap, Math.min(STACK_ROOM, most)) < 0) {
            gap = Math.min(STACK_ROOM, most);
        }
        return roundUp(window - gap);
    }

    /**
     * Returns the base of bottom-up placement ({@code TASK_UNMAPPED_BASE}): a third of the window.
     *
     * @return a page boundary
     */
    public long bottomUpBase() {
        return roundUp(window / 3);
    }

    /**
     * Returns the default start of the heap: two thirds of the window, as for a position-independent program.
     *
     * @return a page boundary
     */
    public long defaultHeap() {
        return roundDown(window / 3 * 2);
    }
}
