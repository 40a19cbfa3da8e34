// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.AddressSpaceBuilder;
import dev.samara.core.Machine;
import dev.samara.core.Usage;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.List;
import java.util.function.ToLongFunction;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Where an end of a space is guarded nothing is ever mapped")
final class GuardedEndsTest {
    private static final int RW = Mman.READ | Mman.WRITE;
    private static final int ANYWHERE = Mman.PRIVATE | Mman.ANONYMOUS;
    private static final int FIXED = ANYWHERE | Mman.FIXED;
    private static final int NOREPLACE = ANYWHERE | Mman.FIXED_NOREPLACE;
    private static final int MOVE_TO = Mman.MAYMOVE | Mman.MREMAP_FIXED;
    private static final long PAGE = 4096;
    private static final long NONE = Errno.ENOMEM.result();

    /** 600 pages: placement searches down from page 100 and then up from page 200. */
    private static final Geometry SMALL = new Geometry(12, 2, 21, PAGE, 600 * PAGE, 600 * PAGE);

    /** Builds spaces in which pages 0 to 20 and 560 to 600 are guarded. */
    private static AddressSpaceBuilder guarded() {
        return Machine.builder()
                .stackGuardGap(2)
                .build()
                .space(SMALL)
                .grant(Capability.SYS_RAWIO)
                .guard(0, 20 * PAGE)
                .guard(560 * PAGE, 600 * PAGE);
    }

    private static long map(AddressSpace space, long first, long pages, int flags) {
        return space.mmap(first * PAGE, pages * PAGE, RW, flags, null, 0);
    }

    /** Asserts that a call fails and changes nothing. */
    private static void assertRefused(AddressSpace space, long errno, ToLongFunction<AddressSpace> call) {
        String before = LayoutText.of(space);
        Usage used = space.usage();
        long committed = space.machine().committed();
        assertEquals(errno, call.applyAsLong(space));
        assertEquals(before, LayoutText.of(space));
        assertEquals(used, space.usage());
        assertEquals(committed, space.machine().committed());
        space.validate();
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 19, 560, 599})
    @DisplayName("lookups and faults find nothing there")
    void lookUps(long page) {
        AddressSpace space = guarded().build();
        assertNull(space.find(page * PAGE));
        assertNull(space.acquire(page * PAGE));
        assertEquals(Fault.MAPERR, space.resolve(page * PAGE, Mman.READ));
        assertTrue(space.snapshot().vmas().isEmpty());
        assertEquals(new Usage(0, 0, 0, 0, 0, 0, 0), space.usage());
    }

    @ParameterizedTest
    @CsvSource({"0,1", "0,20", "0,30", "19,1", "19,2", "10,580", "560,1", "559,2", "599,1", "560,40"})
    @DisplayName("an address that reaches into one is refused")
    void fixed(long first, long pages) {
        AddressSpace space = guarded().build();
        assertEquals(20 * PAGE, map(space, 20, 2, FIXED));
        assertEquals(558 * PAGE, map(space, 558, 2, FIXED));
        assertRefused(space, NONE, any -> map(any, first, pages, FIXED));
        assertRefused(space, NONE, any -> map(any, first, pages, NOREPLACE));
        assertRefused(
                space, NONE, any -> any.mmap(first * PAGE, pages * PAGE, RW, Mman.SHARED | Mman.FIXED, OpenFiles.A, 0));
    }

    @Test
    @DisplayName("an attachment there is refused")
    void attachments() {
        AddressSpace space = guarded().build();
        assertRefused(space, NONE, any -> any.shmat(OpenFiles.FIVE_PAGES, 4 * PAGE, 0));
        assertRefused(space, NONE, any -> any.shmat(OpenFiles.FIVE_PAGES, 18 * PAGE, 0));
        assertRefused(space, NONE, any -> any.shmat(OpenFiles.FIVE_PAGES, 556 * PAGE, 0));
        assertEquals(555 * PAGE, space.shmat(OpenFiles.FIVE_PAGES, 555 * PAGE, 0));
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    @DisplayName("placement uses everything that it would use up to the guards, and a hint there counts for nothing")
    void placement(boolean topDown) {
        AddressSpaceBuilder builder = guarded();
        AddressSpace space = topDown ? builder.build() : builder.bottomUp(true).build();
        int fromAbove = topDown ? 80 : 0;
        for (int i = 0; i < fromAbove + 360; i++) {
            long hint = i % 3 == 0 ? 0 : i % 3 == 1 ? 5 : 570;
            long expected = i < fromAbove ? 99 - i : 200 + i - fromAbove;
            assertEquals(expected * PAGE, map(space, hint, 1, ANYWHERE));
        }
        assertRefused(space, NONE, any -> map(any, 0, 1, ANYWHERE));
        assertRefused(space, NONE, any -> map(any, 570, 1, ANYWHERE));
        assertEquals(150 * PAGE, map(space, 150, 1, ANYWHERE));
    }

    @Test
    @DisplayName("mremap does not move or grow anything into one")
    void remap() {
        AddressSpace space = guarded().build();
        assertEquals(30 * PAGE, map(space, 30, 4, FIXED));
        assertEquals(556 * PAGE, map(space, 556, 4, FIXED));
        for (long target : new long[] {0, 10, 17, 560, 596}) {
            assertRefused(space, NONE, any -> any.mremap(30 * PAGE, 4 * PAGE, 4 * PAGE, MOVE_TO, target * PAGE));
            assertRefused(
                    space,
                    NONE,
                    any -> any.mremap(30 * PAGE, 4 * PAGE, 4 * PAGE, MOVE_TO | Mman.DONTUNMAP, target * PAGE));
        }
        assertRefused(space, NONE, any -> any.mremap(556 * PAGE, 4 * PAGE, 5 * PAGE, 0, 0));
        assertEquals(95 * PAGE, space.mremap(556 * PAGE, 4 * PAGE, 5 * PAGE, Mman.MAYMOVE, 0));
        int dontUnmap = Mman.MAYMOVE | Mman.DONTUNMAP;
        assertEquals(91 * PAGE, space.mremap(30 * PAGE, 4 * PAGE, 4 * PAGE, dontUnmap, 5 * PAGE), "only a hint");
        space.validate();
    }

    @Test
    @DisplayName("the heap does not grow into one")
    void heap() {
        AddressSpace space = guarded().heap(550 * PAGE, 550 * PAGE).build();
        assertEquals(558 * PAGE, space.brk(558 * PAGE));
        assertRefused(space, 558 * PAGE, any -> any.brk(561 * PAGE));
        assertRefused(space, 558 * PAGE, any -> any.brk(600 * PAGE));
        assertEquals(560 * PAGE, space.brk(560 * PAGE));
        AddressSpace low = guarded().heap(10 * PAGE, 10 * PAGE).build();
        assertRefused(low, 10 * PAGE, any -> any.brk(12 * PAGE));
    }

    @Test
    @DisplayName("a stack does not grow into one")
    void stack() {
        AddressSpace space = guarded().build();
        assertEquals(30 * PAGE, map(space, 30, 2, FIXED | Mman.GROWSDOWN));
        assertEquals(Fault.NONE, space.resolve(20 * PAGE, RW));
        assertRefused(space, NONE, any -> any.growStack(19 * PAGE));
        assertEquals(Fault.MAPERR, space.resolve(20 * PAGE - 1, RW));
        Vma stack = space.find(20 * PAGE);
        assertTrue(stack != null && stack.start() == 20 * PAGE);
    }

    @Test
    @DisplayName("what names it besides treats it as a hole, and it stays when everything is unmapped")
    void otherCalls() {
        AddressSpace space = guarded().build();
        assertEquals(20 * PAGE, map(space, 20, 4, FIXED));
        assertRefused(space, NONE, any -> any.mprotect(18 * PAGE, 4 * PAGE, Mman.READ));
        assertRefused(space, NONE, any -> any.mseal(18 * PAGE, 4 * PAGE, 0));
        assertRefused(space, NONE, any -> any.msync(18 * PAGE, 4 * PAGE, 0));
        assertRefused(space, NONE, any -> any.mlock(560 * PAGE, PAGE));
        assertEquals(0, space.munmap(0, 22 * PAGE));
        assertEquals(0, space.munmap(0, 600 * PAGE));
        assertEquals("", LayoutText.of(space));
        assertRefused(space, NONE, any -> map(any, 19, 1, FIXED));
        assertRefused(space, NONE, any -> map(any, 0, 1, FIXED));
        assertRefused(space, NONE, any -> map(any, 560, 1, FIXED));
    }

    @Test
    @DisplayName("a child is guarded, too, and so is its child")
    void children() {
        AddressSpace space = guarded().build();
        assertEquals(20 * PAGE, map(space, 20, 4, FIXED));
        AddressSpace child = space.fork().fork();
        for (long page : new long[] {0, 19, 560, 599}) {
            assertRefused(child, NONE, any -> map(any, page, 1, FIXED));
            assertRefused(child, NONE, any -> map(any, page, 1, NOREPLACE));
        }
        assertEquals(0, child.munmap(0, 600 * PAGE));
        assertRefused(child, NONE, any -> map(any, 19, 1, FIXED));
    }

    @Test
    @DisplayName("a loaded VMA may not lie there")
    void load() {
        long flags = VmaFlags.READ | VmaFlags.MAY_ACCESS;
        for (long[] range : new long[][] {{0, 1}, {19, 21}, {559, 561}, {560, 600}}) {
            Vma vma = VmArea.describe(range[0] * PAGE, range[1] * PAGE, flags, range[0], null, null, null);
            AddressSpaceBuilder builder = guarded().load(List.of(vma));
            assertSaid("mapping " + vma + " reaches into a guard at an end of the space", builder::build);
        }
        Vma between = VmArea.describe(20 * PAGE, 560 * PAGE, flags, 20, null, null, null);
        assertEquals(
                1, guarded().load(List.of(between)).build().snapshot().vmas().size());
    }

    private static void assertSaid(String message, Runnable call) {
        assertEquals(
                message, assertThrows(IllegalArgumentException.class, call::run).getMessage());
    }

    @Test
    @DisplayName("a guard must be a range of whole pages at one end, and leave something over")
    void badArguments() {
        AddressSpaceBuilder builder = guarded();
        assertSaid("guard 0x2000..0x1000 must not end before it starts", () -> builder.guard(2 * PAGE, PAGE));
        String boundary = " must start and end on a multiple of the page size 0x1000";
        assertSaid("guard 0x0..0x1001" + boundary, () -> builder.guard(0, PAGE + 1));
        assertSaid("guard 0x800..0x258000" + boundary, () -> builder.guard(PAGE / 2, 600 * PAGE));
        String end = " must be at one end of the space, 0 or 0x258000";
        assertSaid("guard 0x1000..0x2000" + end, () -> builder.guard(PAGE, 2 * PAGE));
        assertSaid("guard 0x1000..0x1000" + end, () -> builder.guard(PAGE, PAGE));
        assertSaid("guard 0x0..0x258000" + end, () -> builder.guard(0, 600 * PAGE));
        assertSaid("guard 0x1000..0x259000" + end, () -> builder.guard(PAGE, 601 * PAGE));
        assertSaid("guard 0x0..0xfffffffffffff000" + end, () -> builder.guard(0, -PAGE));
        assertRefused(builder.build(), NONE, any -> map(any, 19, 1, FIXED));
    }
}
