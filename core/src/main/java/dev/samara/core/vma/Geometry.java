// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

import dev.samara.core.mman.Capability;
import java.util.Objects;

/**
 * The sizes and bounds of an address space.
 *
 * <p>Placement follows x86-64. Without a hint a mapping is placed below the <em>mmap base</em>, which leaves a gap for
 * the stack under the {@linkplain #window() default window}. Addresses above the window are used only if the caller
 * passes such an address.
 *
 * <p><b>Constants.</b> Each {@code LINUX_} constant is the part of the address space that Linux gives to a program on
 * that architecture: its {@code TASK_SIZE} is the limit, its {@code DEFAULT_MAP_WINDOW} the window, and its {@code
 * PMD_SIZE} the huge page. Each constant names the header that defines them. Linux aligns no mapping of a 32-bit
 * program to huge pages by itself ({@code __thp_get_unmapped_area} in {@code mm/huge_memory.c}), though on a 64-bit
 * kernel such a program may get transparent huge pages. So a huge page of the 32-bit constants is as large as the whole
 * space, and no mapping is aligned to one. The minimum is this library's choice: 65536, and 32768 on 32-bit
 * architectures other than x86. {@code mm/Kconfig} ({@code DEFAULT_MMAP_MIN_ADDR}) advises 65536 for PowerPC with 64
 * bits and x86, and at most 32768 for ARM and others; its default is 4096. A space with another minimum needs its own
 * geometry. The rules of an architecture for addresses and alignment are in {@link dev.samara.core.guest.AccessRules}.
 *
 * <p>A program can observe only the page size, bounds, huge page size and rights of its architecture. The page tables
 * are the library's own, whatever the format on the architecture: a table is one page of 8-byte entries. The embedder
 * handles the page tables of a guest's kernel. Their entries refer to guest-physical memory, for which an embedder uses
 * a space with the geometry {@link #flat}.
 *
 * @param pageShift binary logarithm of the page size in bytes, 9 to 24
 * @param levels number of page table levels, 1 to 6
 * @param hugeShift binary logarithm of the huge page size in bytes, above {@code pageShift} and below 48
 * @param minimum lowest address that may be mapped without {@link Capability#SYS_RAWIO} ({@code mmap_min_addr}); a
 *     multiple of the page size
 * @param window end of the part that is used by default, exclusive; a multiple of the page size
 * @param limit end of the space, exclusive ({@code TASK_SIZE}), unsigned; a multiple of the page size, and at most 2^64
 *     minus the span of the last page table (2 MiB with pages of 4 KiB)
 * @param protectionMap the accesses that memory of each protection permits
 */
public record Geometry(
        int pageShift, int levels, int hugeShift, long minimum, long window, long limit, ProtectionMap protectionMap) {
    /** x86-64 with four levels of page tables: 47 address bits, pages of 4 KiB. */
    public static final Geometry LINUX_X86_64 =
            new Geometry(12, 4, 21, 0x10000, (1L << 47) - 4096, (1L << 47) - 4096, ProtectionMap.X86);

    /** x86-64 with five levels of page tables: 56 address bits; addresses above 47 bits only on request. */
    public static final Geometry LINUX_X86_64_LA57 =
            new Geometry(12, 5, 21, 0x10000, (1L << 47) - 4096, (1L << 56) - 4096, ProtectionMap.X86);

    /**
     * A 32-bit program on an x86-64 kernel: 4 GiB minus the last two pages ({@code IA32_PAGE_OFFSET} in {@code
     * arch/x86/include/asm/page_64_types.h}), pages of 4 KiB.
     */
    public static final Geometry LINUX_X86_32 =
            new Geometry(12, 3, 32, 0x10000, 0xffff_e000L, 0xffff_e000L, ProtectionMap.X86);

    /**
     * AArch64 with pages of 4 KiB and 48 address bits ({@code arch/arm64/include/asm/processor.h}, {@code
     * CONFIG_ARM64_VA_BITS_48}).
     */
    public static final Geometry LINUX_AARCH64_4K =
            new Geometry(12, 4, 21, 0x10000, 1L << 48, 1L << 48, ProtectionMap.AARCH64);

    /** AArch64 with pages of 16 KiB and 48 address bits; huge pages are 32 MiB. */
    public static final Geometry LINUX_AARCH64_16K =
            new Geometry(14, 4, 25, 0x10000, 1L << 48, 1L << 48, ProtectionMap.AARCH64);

    /**
     * AArch64 with pages of 64 KiB: 52 address bits; addresses above 48 bits only on request ({@code VA_BITS_MIN}).
     * Huge pages are 512 MiB.
     */
    public static final Geometry LINUX_AARCH64_64K =
            new Geometry(16, 3, 29, 0x10000, 1L << 48, 1L << 52, ProtectionMap.AARCH64);

    /**
     * RISC-V with Sv32: the addresses below {@code FIXADDR_START}, which is {@code TASK_SIZE} in {@code
     * arch/riscv/include/asm/pgtable.h}. {@code FIXADDR_START} is the start of {@code vmalloc}, 0xa000_0000 for the
     * usual {@code PAGE_OFFSET} of 0xc000_0000, minus 16 MiB of {@code struct page} with 32 bytes each, 16 MiB of PCI
     * ports, and 4 MiB each for the device tree and the fixed mappings. (The number in that header's comment is
     * outdated.)
     */
    public static final Geometry LINUX_RISCV_SV32 =
            new Geometry(12, 2, 32, 0x8000, 0x9d80_0000L, 0x9d80_0000L, ProtectionMap.RISCV);

    /** RISC-V with Sv39: 38 address bits, the lower half of the 39 bits. */
    public static final Geometry LINUX_RISCV_SV39 =
            new Geometry(12, 3, 21, 0x10000, 1L << 38, 1L << 38, ProtectionMap.RISCV);

    /** RISC-V with Sv48: 47 address bits. */
    public static final Geometry LINUX_RISCV_SV48 =
            new Geometry(12, 4, 21, 0x10000, 1L << 47, 1L << 47, ProtectionMap.RISCV);

    /**
     * RISC-V with Sv57: 56 address bits; addresses above 47 bits only on request ({@code MMAP_VA_BITS_64} in {@code
     * arch/riscv/include/asm/pgtable.h}).
     */
    public static final Geometry LINUX_RISCV_SV57 =
            new Geometry(12, 5, 21, 0x10000, 1L << 47, 1L << 56, ProtectionMap.RISCV);

    /**
     * MIPS32: {@code kuseg}, the lower 2 GiB ({@code arch/mips/include/asm/processor.h}), pages of 4 KiB.
     */
    public static final Geometry LINUX_MIPS32 = new Geometry(12, 2, 32, 0x8000, 1L << 31, 1L << 31, ProtectionMap.MIPS);

    /** 32-bit PowerPC: the lower 3 GiB ({@code CONFIG_TASK_SIZE} in {@code arch/powerpc/Kconfig}), pages of 4 KiB. */
    public static final Geometry LINUX_PPC32 =
            new Geometry(12, 2, 32, 0x8000, 0xc000_0000L, 0xc000_0000L, ProtectionMap.POWERPC);

    /**
     * 64-bit PowerPC with radix page tables and pages of 64 KiB: 4 PiB; addresses above 128 TiB only on request ({@code
     * arch/powerpc/include/asm/task_size_64.h}). Huge pages are 2 MiB.
     */
    public static final Geometry LINUX_PPC64_64K =
            new Geometry(16, 4, 21, 0x10000, 1L << 47, 1L << 52, ProtectionMap.POWERPC);

    private static final int FLAT_PAGE_SHIFT = 12;

    /** A page of a flat space holds 2^9 entries of 8 bytes. */
    private static final int FLAT_LEVEL_BITS = FLAT_PAGE_SHIFT - 3;

    private static final int FEWEST_FLAT_BITS = FLAT_PAGE_SHIFT;

    private static final int MOST_FLAT_BITS = Long.SIZE;

    /** The shift of the largest huge page that a geometry may have. Smaller mappings contain no huge page. */
    private static final int NO_HUGE_SHIFT = 47;

    private static final long STACK_ROOM = 128L << 20;

    /**
     * Checks that the sizes are consistent.
     *
     * @param pageShift binary logarithm of the page size in bytes
     * @param levels number of page table levels
     * @param hugeShift binary logarithm of the huge page size in bytes
     * @param minimum lowest address that may be mapped without privilege
     * @param window end of the part that is used by default
     * @param limit end of the space
     * @param protectionMap the accesses that memory of each protection permits
     */
    public Geometry {
        Objects.requireNonNull(protectionMap, "protectionMap");
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
        requireAddress(
                Long.compareUnsigned(window, minimum) > 0, "window", window, "must lie above minimum " + hex(minimum));
        requireAddress(
                Long.compareUnsigned(limit, window) >= 0, "limit", limit, "must lie at or above window " + hex(window));
    }

    /**
     * Creates a geometry with the rights of x86, {@link ProtectionMap#X86}.
     *
     * @param pageShift binary logarithm of the page size in bytes
     * @param levels number of page table levels
     * @param hugeShift binary logarithm of the huge page size in bytes
     * @param minimum lowest address that may be mapped without privilege
     * @param window end of the part that is used by default
     * @param limit end of the space
     */
    public Geometry(int pageShift, int levels, int hugeShift, long minimum, long window, long limit) {
        this(pageShift, levels, hugeShift, minimum, window, limit, ProtectionMap.X86);
    }

    /**
     * Returns a geometry with the same sizes and bounds but other rights, for a processor that lacks a feature which
     * the constant assumes, e.g. {@link ProtectionMap#AARCH64_WITHOUT_EPAN}.
     *
     * @param rights the accesses that memory of each protection permits
     * @return the geometry
     */
    public Geometry withProtectionMap(ProtectionMap rights) {
        return new Geometry(pageShift, levels, hugeShift, minimum, window, limit, rights);
    }

    private static void require(boolean holds, String name, int value, String rule) {
        if (!holds) {
            throw new IllegalArgumentException(name + " " + value + " " + rule);
        }
    }

    private static void requireBound(String name, long value, long inPage) {
        requireAddress((value & inPage) == 0, name, value, "must be a multiple of the page size " + hex(inPage + 1));
        long most = mostLimit(inPage + 1);
        requireAddress(Long.compareUnsigned(value, most) <= 0, name, value, "must be at most " + hex(most));
    }

    /**
     * Returns the highest end of a space: 2^64 minus the span of the last page table. So neither a range nor a page
     * table ends at 2^64, which a long cannot hold, and no address equals a negated errno.
     */
    private static long mostLimit(long pageSize) {
        long entries = pageSize / Long.BYTES;
        return -(pageSize * entries);
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
     * Returns the geometry of a machine without an operating system: its addresses are 0 to 2^bits, all of them may be
     * mapped without privilege, pages are 4 KiB, the rights are those of x86, and no mapping of less than 128 TiB is
     * aligned to huge pages. Use it for the memory of small machines, and for guest-physical memory. Such an embedder
     * maps with {@code FIXED}; a mapping without an address is placed as in a Linux program, with room left for a
     * stack.
     *
     * <p>With 64 bits the last 2 MiB are excluded, because a half-open range could not end at 2^64, and the last
     * addresses equal negated errnos.
     *
     * @param bits the number of address bits, 12 to 64: 16 for 64 KiB, 32 for 4 GiB
     * @return the geometry
     * @throws IllegalArgumentException if {@code bits} is out of range
     */
    public static Geometry flat(int bits) {
        require(
                bits >= FEWEST_FLAT_BITS && bits <= MOST_FLAT_BITS,
                "bits",
                bits,
                "must lie in " + FEWEST_FLAT_BITS + ".." + MOST_FLAT_BITS);
        int levels = Math.max(1, (bits - FLAT_PAGE_SHIFT + FLAT_LEVEL_BITS - 1) / FLAT_LEVEL_BITS);
        long end = bits == Long.SIZE ? mostLimit(1L << FLAT_PAGE_SHIFT) : 1L << bits;
        return new Geometry(FLAT_PAGE_SHIFT, levels, NO_HUGE_SHIFT, 0, end, end);
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
     * The gap is at least 128 MiB, but at most five sixths of the window.
     *
     * @param stackLimit soft limit of the stack in bytes, unsigned
     * @param guardGap bytes kept free below a stack
     * @return a page boundary; mappings end at or below it
     */
    public long mmapBase(long stackLimit, long guardGap) {
        long padded = stackLimit + guardGap;
        long gap = Long.compareUnsigned(padded, stackLimit) > 0 ? padded : stackLimit;
        long most = Long.divideUnsigned(window, 6) * 5;
        long least = Long.compareUnsigned(STACK_ROOM, most) < 0 ? STACK_ROOM : most;
        if (Long.compareUnsigned(gap, most) > 0) {
            gap = most;
        } else if (Long.compareUnsigned(gap, least) < 0) {
            gap = least;
        }
        return roundUp(window - gap);
    }

    /**
     * Returns the base of bottom-up placement ({@code TASK_UNMAPPED_BASE}): a third of the window.
     *
     * @return a page boundary
     */
    public long bottomUpBase() {
        return roundUp(Long.divideUnsigned(window, 3));
    }

    /**
     * Returns the default start of the heap: two thirds of the window, as for a position-independent program.
     *
     * @return a page boundary
     */
    public long defaultHeap() {
        return roundDown(Long.divideUnsigned(window, 3) * 2);
    }
}
