// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.vma.Geometry;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Where placement starts for stacks of any size, and how it is rounded for pages of any size. */
final class MmapBaseTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final Geometry LA57 = Geometry.LINUX_X86_64_LA57;
    private static final long GUARD = 256 * LINUX.pageSize();

    @ParameterizedTest(name = "{0} KiB")
    @CsvSource({
        "64, 7ffff7fff000",
        "8192, 7ffff7fff000",
        "130048, 7ffff7fff000",
        "131072, 7ffff7eff000",
        "131073, 7ffff7eff000",
        "204800, 7ffff36ff000",
        "1048576, 7fffbfeff000",
        "100000000000, 22de244ff000",
        "114532461227, 155555556000",
        "18014398509481983, 155555556000",
    })
    @DisplayName("the base is where a running Linux put it for a stack of")
    void baseOfRunningLinux(long kibibytes, String base) {
        assertEquals(base, Long.toHexString(LINUX.mmapBase(kibibytes << 10, GUARD)));
    }

    @Test
    @DisplayName("the base of a stack without limit is the same as of the largest")
    void baseOfUnlimitedStack() {
        long lowest = 0x1555_5555_6000L;
        for (long stack : new long[] {-1, -GUARD, -GUARD - 1, Long.MIN_VALUE, Long.MAX_VALUE, LINUX.limit()}) {
            assertEquals(lowest, LINUX.mmapBase(stack, GUARD), () -> Long.toHexString(stack));
            assertEquals(lowest, LINUX.mmapBase(stack, 0), () -> Long.toHexString(stack));
        }
    }

    @Test
    @DisplayName("the guard gap is part of the room, but for stacks that leave none")
    void guardGapIsPartOfTheRoom() {
        long large = 1L << 30;
        assertEquals(LINUX.mmapBase(large, 0) - GUARD, LINUX.mmapBase(large, GUARD));
        assertEquals(LINUX.window() - large, LINUX.mmapBase(large, 0));
        long room = 128L << 20;
        assertEquals(LINUX.window() - room, LINUX.mmapBase(room - GUARD, GUARD));
        assertEquals(LINUX.window() - room - GUARD, LINUX.mmapBase(room, GUARD));
    }

    @Test
    @DisplayName("the base depends on the window, not on what lies above it")
    void baseOfFiveLevels() {
        for (long stack : new long[] {0, 8L << 20, 1L << 40, -1}) {
            assertEquals(LINUX.mmapBase(stack, GUARD), LA57.mmapBase(stack, GUARD));
        }
        assertEquals(LINUX.bottomUpBase(), LA57.bottomUpBase());
        assertEquals(LINUX.defaultHeap(), LA57.defaultHeap());
    }

    @Test
    @DisplayName(
            "every base is a page boundary in the window, lower for larger stacks, and leaves 128 MiB to 5/6 of it")
    void baseStaysInItsBounds() {
        Random random = new Random(7);
        for (int i = 0; i < 20_000; i++) {
            int pageShift = 9 + random.nextInt(16);
            long page = 1L << pageShift;
            long window = Math.max(2, random.nextLong(1L << 62) >>> random.nextInt(45) >>> pageShift) << pageShift;
            Geometry geometry = new Geometry(pageShift, 4, pageShift + 9, 0, window, window);
            long guard = random.nextInt(1 << 10) * page;
            long stack = random.nextLong() >>> random.nextInt(64);
            long larger = stack | random.nextLong();
            long base = geometry.mmapBase(stack, guard);
            assertTrue(geometry.isAligned(base) && base > 0 && base <= window, geometry::toString);
            assertTrue(base >= geometry.mmapBase(larger, guard), geometry::toString);
            long most = window / 6 * 5;
            assertTrue(window - base <= most, geometry::toString);
            assertTrue(window - base > Math.min(128L << 20, most) - page, geometry::toString);
        }
    }

    @ParameterizedTest(name = "pages of 2^{0}")
    @CsvSource({"9", "12", "14", "16", "24"})
    @DisplayName("rounding is to whole pages, modulo 2^64")
    void rounding(int pageShift) {
        Geometry geometry = new Geometry(pageShift, 3, 30, 0, 1L << 40, 1L << 40);
        long page = 1L << pageShift;
        assertEquals(page, geometry.pageSize());
        assertEquals(1L << 30, geometry.hugeSize());
        assertEquals(0, geometry.roundUp(0));
        assertEquals(page, geometry.roundUp(1));
        assertEquals(page, geometry.roundUp(page));
        assertEquals(2 * page, geometry.roundUp(page + 1));
        assertEquals(0, geometry.roundUp(-1));
        assertEquals(0, geometry.roundUp(-page + 1));
        assertEquals(-page, geometry.roundUp(-page));
        assertEquals(0, geometry.roundDown(page - 1));
        assertEquals(page, geometry.roundDown(2 * page - 1));
        assertEquals(-page, geometry.roundDown(-1));
        assertTrue(geometry.isAligned(0) && geometry.isAligned(-page));
        assertFalse(geometry.isAligned(1) || geometry.isAligned(page / 2) || geometry.isAligned(-1));
        assertEquals(3, geometry.pages(3 * page));
        assertEquals(-1L >>> pageShift, geometry.pages(-page));
    }
}
