// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.internal.op.CrampedSpace.withFree;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.AddressSpaceBuilder;
import dev.samara.core.Machine;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Historical bugs 5 to 8: searches for free ranges that left the window, or missed free ranges within it. */
@DisplayName("Historical bugs of searches for free room:")
final class PlacementBugsTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();
    private static final long LOWEST = LINUX.minimum();
    private static final long BASE = LINUX.mmapBase(8L << 20, 256 * PAGE);
    private static final long LOW_START = 0x4000_0000L;
    private static final long LOW_END = 0x8000_0000L;
    private static final long FOUR_GIB = 1L << 32;
    private static final int RW = Mman.READ | Mman.WRITE;
    private static final int ANON = Mman.PRIVATE | Mman.ANONYMOUS;

    private static long map(AddressSpace space, long pages, int flags) {
        return space.mmap(0, pages * PAGE, RW, ANON | flags, null, 0);
    }

    private static void assertFull(AddressSpace space, long pages, int flags) {
        assertEquals(Errno.ENOMEM.result(), map(space, pages, flags), () -> pages + " pages");
    }

    @Test
    @DisplayName("5: a search from the top answered below the lowest address")
    void searchFromTheTopStaysAboveTheLowestAddress() {
        AddressSpace space = withFree(LINUX, 0, LOWEST + 2 * PAGE);
        assertFull(space, 3, 0);
        assertEquals(LOWEST + PAGE, map(space, 1, 0));
        assertEquals(LOWEST, map(space, 1, 0));
        assertFull(space, 1, 0);
    }

    @Test
    @DisplayName("5: a search from the top for room above 4 GiB answered below that")
    void searchFromTheTopStaysAboveFourGib() {
        AddressSpace space = withFree(LINUX, FOUR_GIB - 5 * PAGE, FOUR_GIB + PAGE);
        assertFull(space, 2, Mman.ABOVE_4G);
        assertEquals(FOUR_GIB, map(space, 1, Mman.ABOVE_4G));
        assertFull(space, 1, Mman.ABOVE_4G);
        assertEquals(FOUR_GIB - 5 * PAGE, map(space, 5, 0));
    }

    @Test
    @DisplayName("5: with a stack of any size, the lowest address is the same")
    void searchStaysAboveTheLowestAddressWhereverItBegins() {
        for (long stack : new long[] {0, 1L << 30, 1L << 46, -1}) {
            AddressSpace space = CrampedSpace.builder(LINUX, 0, LOWEST + PAGE)
                    .limit(Resource.STACK, stack)
                    .build();
            assertFull(space, 2, 0);
            assertEquals(LOWEST, map(space, 1, 0));
        }
    }

    @Test
    @DisplayName("6: MAP_32BIT failed though there was room, because the whole gap was looked at, not the part in the"
            + " window")
    void searchBelowTwoGibClipsTheGapToItsWindow() {
        AddressSpace lower = withFree(LINUX, LOW_START - 9 * PAGE, LOW_START + 2 * PAGE);
        assertFull(lower, 3, Mman.BELOW_2G);
        assertEquals(LOW_START, map(lower, 2, Mman.BELOW_2G));
        assertFull(lower, 1, Mman.BELOW_2G);
        AddressSpace upper = withFree(LINUX, LOW_END - 2 * PAGE, LOW_END + 9 * PAGE);
        assertFull(upper, 3, Mman.BELOW_2G);
        assertEquals(LOW_END - 2 * PAGE, map(upper, 1, Mman.BELOW_2G));
        assertEquals(LOW_END - PAGE, map(upper, 1, Mman.BELOW_2G));
        assertFull(upper, 1, Mman.BELOW_2G);
    }

    @Test
    @DisplayName("6: the whole window of MAP_32BIT is one mapping, and no more than that")
    void windowBelowTwoGibCanBeFilledExactly() {
        long window = (LOW_END - LOW_START) / PAGE;
        AddressSpace space = Machine.builder().build().newSpace(LINUX);
        assertFull(space, window + 1, Mman.BELOW_2G);
        assertEquals(LOW_START, map(space, window, Mman.BELOW_2G));
        assertFull(space, 1, Mman.BELOW_2G);
    }

    /** Many free ranges of one page; each in turn is two pages long instead. */
    @Test
    @DisplayName("7: a search from the top missed the room at the end of a node")
    void everyGapOfManyIsFoundFromEitherEnd() {
        int gaps = 200;
        long start = LINUX.bottomUpBase();
        for (int wide = 0; wide < gaps; wide++) {
            List<Long> bounds = new ArrayList<>();
            for (int i = 0; i < gaps; i++) {
                long free = start + 4L * i * PAGE;
                bounds.add(free);
                bounds.add(free + (i == wide ? 2 : 1) * PAGE);
            }
            long[] free = bounds.stream().mapToLong(Long::longValue).toArray();
            long wanted = free[2 * wide];
            assertEquals(wanted, map(withFree(LINUX, free), 2, 0));
            assertEquals(
                    wanted, map(CrampedSpace.builder(LINUX, free).bottomUp(true).build(), 2, 0));
        }
    }

    @Test
    @DisplayName("7: the room behind the last mapping ends at the mmap base, not at the end of the space")
    void searchFromTheTopEndsAtTheBaseThoughMoreIsFree() {
        AddressSpace space = withFree(LINUX, BASE - 2 * PAGE, LINUX.limit());
        assertEquals(BASE - 2 * PAGE, map(space, 2, 0));
        // The rest is searched, from below, only if nothing is free below the base.
        assertEquals(BASE, map(space, 1, 0));
    }

    @TestFactory
    @DisplayName("8: sizes and windows that differ by one")
    List<DynamicTest> everySizeFitsExactlyTheRoomOfThatSize() {
        List<DynamicTest> tests = new ArrayList<>();
        tests.addAll(matrix("at the lowest address", LOWEST, 0, true));
        tests.addAll(matrix("in the middle", 0x3000_0000_0000L, 0, true));
        tests.addAll(matrix("upwards in the middle", 0x3000_0000_0000L, 0, false));
        tests.addAll(matrix("upwards from the base", LINUX.bottomUpBase(), 0, false));
        tests.addAll(matrix("below 2 GiB", LOW_START, Mman.BELOW_2G, false));
        tests.addAll(matrix("above 4 GiB", FOUR_GIB, Mman.ABOVE_4G, true));
        return tests;
    }

    private static List<DynamicTest> matrix(String where, long start, int flags, boolean topDown) {
        List<DynamicTest> tests = new ArrayList<>();
        for (long room = 1; room <= 4; room++) {
            long end = start + room * PAGE;
            for (long size = 1; size <= room + 1; size++) {
                long wanted = size > room ? Errno.ENOMEM.result() : topDown ? end - size * PAGE : start;
                long pages = size;
                tests.add(DynamicTest.dynamicTest(
                        size + " of " + room + " pages " + where,
                        () -> assertEquals(wanted, map(space(start, end, flags, topDown), pages, flags))));
            }
        }
        return tests;
    }

    private static AddressSpace space(long start, long end, int flags, boolean topDown) {
        AddressSpaceBuilder builder = CrampedSpace.builder(LINUX, start, end);
        boolean upwardsByItself = (flags & Mman.BELOW_2G) != 0;
        return topDown || upwardsByItself
                ? builder.build()
                : builder.bottomUp(true).build();
    }

    @Test
    @DisplayName("8: an empty space has room for its whole size and not for a page more")
    void lengthsAroundTheSizeOfTheSpace() {
        AddressSpace space = Machine.builder().build().newSpace(LINUX);
        long limit = LINUX.limit();
        assertEquals(Errno.ENOMEM.result(), space.mmap(0, limit + PAGE, RW, ANON, null, 0));
        assertEquals(Errno.ENOMEM.result(), space.mmap(0, limit, RW, ANON, null, 0));
        assertEquals(LOWEST, space.mmap(0, BASE - LOWEST, RW, ANON, null, 0));
        assertEquals(BASE, space.mmap(0, limit - BASE, RW, ANON, null, 0));
        assertEquals(Errno.ENOMEM.result(), space.mmap(0, PAGE, RW, ANON, null, 0));
    }
}
