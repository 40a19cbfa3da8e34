// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class GeometryTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long MIB = 1L << 20;

    @Test
    @DisplayName("x86-64 with four levels: the numbers of a running Linux")
    void linuxNumbers() {
        assertEquals(0x7fff_ffff_f000L, LINUX.limit());
        assertEquals(4096, LINUX.pageSize());
        assertEquals(2 * MIB, LINUX.hugeSize());
        assertEquals(0x7fff_f7ff_f000L, LINUX.mmapBase(8 * MIB, 256 * 4096));
        assertEquals(0x2aaa_aaaa_b000L, LINUX.bottomUpBase());
        assertEquals(0x5555_5555_4000L, LINUX.defaultHeap());
    }

    @Test
    @DisplayName("five levels: placement as with four, and more space on request")
    void fiveLevels() {
        Geometry five = Geometry.LINUX_X86_64_LA57;
        assertEquals(0xff_ffff_ffff_f000L, five.limit());
        assertEquals(LINUX.mmapBase(8 * MIB, 0), five.mmapBase(8 * MIB, 0));
        assertEquals(LINUX.bottomUpBase(), five.bottomUpBase());
    }

    /** Columns: page size and huge page size in KiB, levels; minimum, window and limit in hexadecimal. */
    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "LINUX_X86_64, 4, 2048, 4, 10000, 7ffffffff000, 7ffffffff000",
        "LINUX_X86_64_LA57, 4, 2048, 5, 10000, 7ffffffff000, fffffffffff000",
        "LINUX_X86_32, 4, 4194304, 3, 10000, ffffe000, ffffe000",
        "LINUX_AARCH64_4K, 4, 2048, 4, 10000, 1000000000000, 1000000000000",
        "LINUX_AARCH64_16K, 16, 32768, 4, 10000, 1000000000000, 1000000000000",
        "LINUX_AARCH64_64K, 64, 524288, 3, 10000, 1000000000000, 10000000000000",
        "LINUX_RISCV_SV32, 4, 4194304, 2, 8000, 9d800000, 9d800000",
        "LINUX_RISCV_SV39, 4, 2048, 3, 10000, 4000000000, 4000000000",
        "LINUX_RISCV_SV48, 4, 2048, 4, 10000, 800000000000, 800000000000",
        "LINUX_RISCV_SV57, 4, 2048, 5, 10000, 800000000000, 100000000000000",
        "LINUX_MIPS32, 4, 4194304, 2, 8000, 80000000, 80000000",
        "LINUX_PPC32, 4, 4194304, 2, 8000, c0000000, c0000000",
        "LINUX_PPC64_64K, 64, 2048, 4, 10000, 800000000000, 10000000000000"
    })
    @DisplayName("each constant has the numbers of its header")
    void constants(String name, int page, long huge, int levels, String minimum, String window, String limit)
            throws ReflectiveOperationException {
        Geometry of = (Geometry) Geometry.class.getField(name).get(null);
        assertEquals(page * 1024L, of.pageSize());
        assertEquals(huge * 1024, of.hugeSize());
        assertEquals(levels, of.levels());
        assertEquals(minimum, Long.toHexString(of.minimum()));
        assertEquals(window, Long.toHexString(of.window()));
        assertEquals(limit, Long.toHexString(of.limit()));
    }

    @Test
    @DisplayName("a flat space has all addresses of its bits, without a minimum")
    void flat() {
        assertEquals(new Geometry(12, 1, 47, 0, 0x1000, 0x1000), Geometry.flat(12));
        assertEquals(new Geometry(12, 1, 47, 0, 0x10000, 0x10000), Geometry.flat(16));
        assertEquals(new Geometry(12, 1, 47, 0, 1 << 21, 1 << 21), Geometry.flat(21));
        assertEquals(new Geometry(12, 2, 47, 0, 1 << 22, 1 << 22), Geometry.flat(22));
        assertEquals(new Geometry(12, 3, 47, 0, 1L << 32, 1L << 32), Geometry.flat(32));
        assertEquals(new Geometry(12, 6, 47, 0, 1L << 62, 1L << 62), Geometry.flat(62));
        assertEquals(new Geometry(12, 6, 47, 0, 1L << 63, 1L << 63), Geometry.flat(63));
        assertEquals(new Geometry(12, 6, 47, 0, -2 * MIB, -2 * MIB), Geometry.flat(64));
        for (int bits : new int[] {11, 65, 0, -1}) {
            IllegalArgumentException refused = assertThrows(IllegalArgumentException.class, () -> Geometry.flat(bits));
            assertEquals("bits " + bits + " must lie in 12..64", refused.getMessage());
        }
    }

    @Test
    @DisplayName("the room for the stack: its limit and the gap, at least 128 MiB, at most five sixths of the window")
    void roomForTheStack() {
        long window = LINUX.window();
        assertEquals(window - 128 * MIB, LINUX.mmapBase(0, 0));
        assertEquals(window - 128 * MIB, LINUX.mmapBase(127 * MIB, MIB));
        assertEquals(window - 129 * MIB, LINUX.mmapBase(128 * MIB, MIB));
        long most = window / 6 * 5;
        assertEquals(LINUX.roundUp(window - most), LINUX.mmapBase(-1, MIB), "no limit");
        assertEquals(LINUX.roundUp(window - most), LINUX.mmapBase(most, 4096));
        Geometry small = new Geometry(12, 2, 15, 0x1000, 0x60000, 0x60000);
        assertEquals(0x10000, small.mmapBase(0, 0), "five sixths are less than 128 MiB");
    }

    @Test
    @DisplayName("rounding is modulo 2^64, as the kernel's")
    void rounding() {
        assertEquals(0, LINUX.roundUp(0));
        assertEquals(4096, LINUX.roundUp(1));
        assertEquals(4096, LINUX.roundUp(4096));
        assertEquals(-4096, LINUX.roundUp(-4096));
        assertEquals(0, LINUX.roundUp(-4095));
        assertEquals(0, LINUX.roundUp(-1));
        assertEquals(-4096, LINUX.roundDown(-1));
        assertEquals(4096, LINUX.roundDown(8191));
        assertTrue(LINUX.isAligned(-4096));
        assertFalse(LINUX.isAligned(-4095));
        assertEquals(1L << 51, LINUX.pages(Long.MIN_VALUE));
        assertEquals((1L << 52) - 1, LINUX.pages(-1));
    }

    @Test
    @DisplayName("a refusal names the bound that was broken, and the other one that it is compared with")
    void refusalsNameTheRule() {
        String most = "must be at most 0xffffffffffe00000";
        assertRefused(12, 21, 0, -0x1ff000, -0x1ff000, "window 0xffffffffffe01000 " + most);
        assertRefused(12, 21, -0x1000, 1L << 62, 1L << 62, "minimum 0xfffffffffffff000 " + most);
        assertRefused(12, 21, 0, 0x1000, -0x1ff000, "limit 0xffffffffffe01000 " + most);
        assertRefused(16, 21, 0, 0x10000, -0x10000, "limit 0xffffffffffff0000 must be at most 0xffffffffe0000000");
        assertRefused(12, 21, 0, 0x1001, 0x2000, "window 0x1001 must be a multiple of the page size 0x1000");
        assertRefused(12, 21, 0x2000, 0x1000, 0x3000, "window 0x1000 must lie above minimum 0x2000");
        assertRefused(12, 21, 0, 0x3000, 0x2000, "limit 0x2000 must lie at or above window 0x3000");
        assertRefused(25, 30, 0, 1L << 25, 1L << 25, "pageShift 25 must lie in 9..24");
        assertRefused(12, 12, 0, 0x1000, 0x1000, "hugeShift 12 must lie above pageShift 12, below 48");
    }

    private static void assertRefused(int page, int huge, long minimum, long window, long limit, String message) {
        assertEquals(
                message,
                assertThrows(IllegalArgumentException.class, () -> new Geometry(page, 6, huge, minimum, window, limit))
                        .getMessage());
    }

    @ParameterizedTest(name = "pageShift {0}, levels {1}, hugeShift {2}, {3}, {4}, {5}: says {6}")
    @CsvSource({
        "8, 4, 21, 0, 0x1000, 0x1000, pageShift",
        "25, 4, 30, 0, 0x4000000, 0x4000000, pageShift",
        "12, 0, 21, 0, 0x1000, 0x1000, levels",
        "12, 7, 21, 0, 0x1000, 0x1000, levels",
        "12, 4, 12, 0, 0x1000, 0x1000, hugeShift",
        "12, 4, 48, 0, 0x1000, 0x1000, hugeShift",
        "12, 4, 21, 1, 0x1000, 0x1000, minimum",
        "12, 4, 21, -4096, 0x1000, 0x1000, minimum",
        "12, 4, 21, 0x1000, 0x1000, 0x1000, window",
        "12, 4, 21, 0, 0x1001, 0x2000, window",
        "12, 4, 21, 0, 0x2000, 0x1000, limit",
        "12, 4, 21, 0, 0x2000, 0x2001, limit",
        "12, 4, 21, 0, 0x2000, -4096, limit"
    })
    @DisplayName("sizes that do not fit each other are refused, by name")
    void refused(int pageShift, int levels, int hugeShift, long minimum, long window, long limit, String name) {
        IllegalArgumentException refused = assertThrows(
                IllegalArgumentException.class,
                () -> new Geometry(pageShift, levels, hugeShift, minimum, window, limit));
        assertTrue(String.valueOf(refused.getMessage()).startsWith(name), refused::getMessage);
    }

    @Test
    @DisplayName("the smallest and the largest that are allowed")
    void corners() {
        assertEquals(512, new Geometry(9, 1, 10, 0, 512, 512).pageSize());
        assertEquals(16 * MIB, new Geometry(24, 6, 47, 0, 1L << 62, 1L << 62).pageSize());
        assertEquals(-1L << 45, new Geometry(24, 6, 47, 0, -1L << 45, -1L << 45).limit());
    }
}
