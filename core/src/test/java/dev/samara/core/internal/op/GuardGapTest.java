// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import dev.samara.core.AddressSpace;
import dev.samara.core.AddressSpaceBuilder;
import dev.samara.core.Machine;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Historical bug 34: only one page below a stack was kept free, and large stack frames jumped over it. */
@DisplayName("34 (CVE-2017-1000364): the gap below a stack, of any size,")
final class GuardGapTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();

    /** The start of the stack: high enough for an upward search to find it. */
    private static final long STACK = 0x3000_0000_0000L;

    private static final int RW = Protection.READ | Protection.WRITE;
    private static final int ANON = MapFlags.PRIVATE | MapFlags.ANONYMOUS;
    private static final int FIXED = ANON | MapFlags.FIXED;

    private static AddressSpace withStack(AddressSpaceBuilder builder) {
        AddressSpace space = builder.build();
        assertEquals(STACK, space.mmap(STACK, 4 * PAGE, RW, FIXED | MapFlags.GROWSDOWN, null, 0));
        return space;
    }

    private static AddressSpace spacious(long gap) {
        return withStack(Machine.builder().stackGuardGap(gap).build().space(LINUX));
    }

    private static long below(long pages) {
        return STACK - pages * PAGE;
    }

    @ParameterizedTest(name = "{0} pages")
    @ValueSource(longs = {0, 1, 256, 5000})
    @DisplayName("is kept from a hint")
    void hintIsRefusedInTheGap(long gap) {
        AddressSpace space = spacious(gap);
        assertEquals(below(gap + 1), space.mmap(below(gap + 1), PAGE, RW, ANON, null, 0));
        assertEquals(0, space.munmap(below(gap + 1), PAGE));
        assertNotEquals(below(gap), space.mmap(below(gap), PAGE, RW, ANON, null, 0));
        assertNotEquals(below(gap + 1), space.mmap(below(gap + 1), 2 * PAGE, RW, ANON, null, 0));
    }

    @ParameterizedTest(name = "{0} pages")
    @ValueSource(longs = {0, 1, 256, 5000})
    @DisplayName("is kept from a search in both directions")
    void searchStaysOutOfTheGap(long gap) {
        Machine machine = Machine.builder().stackGuardGap(gap).build();
        long[] free = {below(gap + 3), STACK + 4 * PAGE, STACK + 8 * PAGE, STACK + 10 * PAGE};
        for (boolean topDown : new boolean[] {true, false}) {
            AddressSpaceBuilder builder = machine.space(LINUX).load(CrampedSpace.allBut(LINUX, free));
            AddressSpace space = withStack(topDown ? builder : builder.bottomUp(true));
            assertEquals(Errno.ENOMEM.result(), space.mmap(0, 4 * PAGE, RW, ANON, null, 0));
            assertEquals(below(gap + 3), space.mmap(0, 3 * PAGE, RW, ANON, null, 0));
            assertEquals(STACK + 8 * PAGE, space.mmap(0, 2 * PAGE, RW, ANON, null, 0));
            assertEquals(Errno.ENOMEM.result(), space.mmap(0, PAGE, RW, ANON, null, 0));
        }
    }

    @ParameterizedTest(name = "{0} pages")
    @ValueSource(longs = {1, 256, 5000})
    @DisplayName("is kept when the stack grows")
    void growthStopsAtTheGap(long gap) {
        AddressSpace space = spacious(gap);
        assertEquals(below(gap + 4), space.mmap(below(gap + 4), PAGE, RW, FIXED, null, 0));
        assertEquals(Errno.ENOMEM.result(), space.growStack(below(3) - 1));
        assertEquals(0, space.growStack(below(3) + 1));
        Vma stack = space.find(STACK);
        assertNotNull(stack);
        assertEquals(below(3), stack.start());
        // An inaccessible mapping needs no gap.
        assertEquals(0, space.mprotect(below(gap + 4), PAGE, Protection.NONE));
        assertEquals(0, space.growStack(below(4)));
    }

    @Test
    @DisplayName("may be none, then a stack grows as far as there is room")
    void growthWithoutGapEndsAtTheNextMapping() {
        AddressSpace space = spacious(0);
        assertEquals(below(4), space.mmap(below(4), PAGE, RW, FIXED, null, 0));
        assertEquals(0, space.growStack(below(3)));
        Vma stack = space.find(STACK);
        assertNotNull(stack);
        assertEquals(below(3), stack.start());
    }

    @ParameterizedTest(name = "{0} pages")
    @ValueSource(longs = {0, 1, 256})
    @DisplayName("may be overlapped by another stack that it grows towards")
    void growthTowardsAnotherStackNeedsNoGap(long gap) {
        AddressSpace space = spacious(gap);
        assertEquals(below(5), space.mmap(below(5), PAGE, RW, FIXED | MapFlags.GROWSDOWN, null, 0));
        assertEquals(0, space.growStack(below(4)));
        assertEquals(2, space.snapshot().vmas().size());
    }

    @ParameterizedTest(name = "{0} pages")
    @ValueSource(longs = {0, 1, 256, 5000})
    @DisplayName("and one page more are kept from the heap")
    void heapStaysOutOfTheGap(long gap) {
        long heap = below(gap + 10);
        AddressSpace space = withStack(
                Machine.builder().stackGuardGap(gap).build().space(LINUX).heap(heap, heap));
        assertEquals(heap, space.brk(heap + 9 * PAGE + 1));
        assertEquals(heap + 9 * PAGE, space.brk(heap + 9 * PAGE));
    }

    @ParameterizedTest(name = "{0} pages")
    @ValueSource(longs = {1, 256, 5000})
    @DisplayName("does not bind a call that names the place, or grows where it is")
    void fixedMappingsAndGrowthInPlaceMayLieInTheGap(long gap) {
        AddressSpace space = spacious(gap);
        assertEquals(below(1), space.mmap(below(1), PAGE, RW, FIXED, null, 0));
        assertEquals(0, space.munmap(below(1), PAGE));
        assertEquals(below(gap + 2), space.mmap(below(gap + 2), PAGE, RW, FIXED, null, 0));
        assertEquals(below(gap + 2), space.mremap(below(gap + 2), PAGE, (gap + 2) * PAGE, 0, 0));
    }
}
