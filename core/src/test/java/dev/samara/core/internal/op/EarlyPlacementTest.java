// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.fixture.HeldOperations.atOnce;
import static dev.samara.core.fixture.HeldOperations.waits;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.AddressSpaceBuilder;
import dev.samara.core.Machine;
import dev.samara.core.fixture.HeldOperations;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("I4: with early reuse a munmap's hole is where a mapping without an address goes last")
final class EarlyPlacementTest {
    private static final int RW = Mman.READ | Mman.WRITE;
    private static final int ANYWHERE = Mman.PRIVATE | Mman.ANONYMOUS;
    private static final long PAGE = 4096;
    private static final long NONE = Errno.ENOMEM.result();

    /** 600 pages: placement searches down from page 100 and then up from page 200. */
    private static final Geometry SMALL = new Geometry(12, 2, 21, PAGE, 600 * PAGE, 600 * PAGE);

    private static final long GIB = 1L << 30;

    private final HeldOperations holding = new HeldOperations();

    private AddressSpaceBuilder small() {
        return holding.machine().space(SMALL).earlyReuse(true);
    }

    /** Returns a space without room. */
    private static AddressSpace full(AddressSpaceBuilder builder, Geometry geometry, long first, long last) {
        long flags = VmaFlags.READ | VmaFlags.MAY_ACCESS;
        Vma all = VmArea.describe(first, last, flags, geometry.pages(first), null, null, null);
        return builder.load(List.of(all)).build();
    }

    private static AddressSpace full(AddressSpaceBuilder builder) {
        return full(builder, SMALL, SMALL.minimum(), SMALL.limit());
    }

    private HeldOperations.Hold unmap(AddressSpace space, long first, long pages) throws InterruptedException {
        return holding.hold(() -> space.munmap(first * PAGE, pages * PAGE));
    }

    /** Returns the page at which a mapping is placed, or an errno. */
    private static long place(AddressSpace space, long hint, long pages) throws Exception {
        long address = atOnce(() -> space.mmap(hint * PAGE, pages * PAGE, RW, ANYWHERE, null, 0));
        space.validate();
        return Errno.isError(address) ? address : address / PAGE;
    }

    @Test
    @DisplayName("free ranges come first, wherever they are, also for a hint into the hole")
    void freeComesFirst() throws Exception {
        AddressSpace space = full(small());
        assertEquals(0, space.munmap(20 * PAGE, 4 * PAGE));
        assertEquals(0, space.munmap(500 * PAGE, 4 * PAGE));
        HeldOperations.Hold hold = unmap(space, 50, 8);
        assertEquals(20, place(space, 50, 4));
        assertEquals(500, place(space, 0, 4));
        assertEquals(54, place(space, 50, 4));
        hold.endWith(0);
        space.validate();
    }

    @Test
    @DisplayName("without the option there is no room")
    void off() throws Exception {
        AddressSpace space = full(holding.machine().space(SMALL));
        HeldOperations.Hold hold = unmap(space, 50, 8);
        assertEquals(NONE, place(space, 0, 4));
        assertEquals(NONE, place(space, 50, 4));
        hold.endWith(0);
        assertEquals(54, place(space, 0, 4));
    }

    @Test
    @DisplayName("from the top: down to the last page of the hole; a fault waits until it is complete")
    void topDown() throws Exception {
        AddressSpace space = full(small());
        HeldOperations.Hold hold = unmap(space, 50, 8);
        assertEquals(NONE, place(space, 0, 9));
        assertEquals(54, place(space, 0, 4));
        assertEquals(51, place(space, 0, 3));
        assertEquals(NONE, place(space, 0, 2));
        assertEquals(50, place(space, 0, 1));
        assertEquals(NONE, place(space, 0, 1));
        HeldOperations.Caller<Integer> low = waits(() -> space.resolve(50 * PAGE, RW));
        HeldOperations.Caller<Integer> high = waits(() -> space.resolve(57 * PAGE, RW));
        hold.endWith(0);
        assertEquals(Fault.NONE, low.result());
        assertEquals(Fault.NONE, high.result());
        space.validate();
    }

    @Test
    @DisplayName("from the bottom: up to the last page of the hole")
    void bottomUp() throws Exception {
        AddressSpace space = full(small().bottomUp(true));
        HeldOperations.Hold hold = unmap(space, 300, 8);
        assertEquals(300, place(space, 0, 4));
        assertEquals(304, place(space, 0, 3));
        assertEquals(307, place(space, 0, 1));
        assertEquals(NONE, place(space, 0, 1));
        hold.endWith(0);
        space.validate();
    }

    @Test
    @DisplayName("the rest of the hole on both sides of a mapping in it is found, too")
    void around() throws Exception {
        AddressSpace space = full(small());
        HeldOperations.Hold hold = unmap(space, 50, 8);
        int fixed = ANYWHERE | Mman.FIXED;
        assertEquals(50 * PAGE, atOnce(() -> space.mmap(50 * PAGE, 2 * PAGE, RW, fixed, null, 0)));
        assertEquals(54 * PAGE, atOnce(() -> space.mmap(54 * PAGE, PAGE, RW, fixed, null, 0)));
        assertEquals(55, place(space, 0, 3));
        assertEquals(52, place(space, 0, 2));
        assertEquals(NONE, place(space, 0, 1));
        hold.endWith(0);
        space.validate();
    }

    @Test
    @DisplayName("several holes of unmaps in flight and the free ranges between them are one")
    void together() throws Exception {
        AddressSpace space = full(small());
        assertEquals(0, space.munmap(54 * PAGE, 2 * PAGE));
        HeldOperations.Hold low = unmap(space, 50, 4);
        HeldOperations.Hold high = unmap(space, 56, 4);
        assertEquals(50, place(space, 0, 10));
        low.endWith(0);
        HeldOperations.Caller<Integer> fault = waits(() -> space.resolve(50 * PAGE, RW));
        high.endWith(0);
        assertEquals(Fault.NONE, fault.result());
        space.validate();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    @DisplayName("no place is found in a moved range, or in a part cut off by a move, before that is complete")
    void otherReservations(boolean topDown) throws Exception {
        AddressSpace space = full(topDown ? small() : small().bottomUp(true));
        int there = Mman.MAYMOVE | Mman.MREMAP_FIXED;
        HeldOperations.Hold move = holding.hold(() -> space.mremap(254 * PAGE, 4 * PAGE, 4 * PAGE, there, 400 * PAGE));
        HeldOperations.Hold shrink =
                holding.hold(() -> space.mremap(260 * PAGE, 4 * PAGE, 2 * PAGE, there, 410 * PAGE));
        assertEquals(NONE, place(space, 0, 1));
        assertEquals(NONE, place(space, 255, 1));
        move.endWith(400 * PAGE);
        assertEquals(254, place(space, 0, 4));
        assertEquals(NONE, place(space, 0, 1));
        shrink.endWith(410 * PAGE);
        assertEquals(260, place(space, 0, 4));
        space.validate();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    @DisplayName("a munmap's hole ends where something is moved away, on either side")
    void betweenMoves(boolean topDown) throws Exception {
        AddressSpace space = full(topDown ? small() : small().bottomUp(true));
        int there = Mman.MAYMOVE | Mman.MREMAP_FIXED;
        HeldOperations.Hold low = holding.hold(() -> space.mremap(220 * PAGE, 4 * PAGE, 4 * PAGE, there, 400 * PAGE));
        HeldOperations.Hold hold = unmap(space, 224, 4);
        HeldOperations.Hold high = holding.hold(() -> space.mremap(228 * PAGE, 4 * PAGE, 4 * PAGE, there, 410 * PAGE));
        assertEquals(NONE, place(space, 0, 5));
        assertEquals(224, place(space, 0, 4));
        HeldOperations.Caller<Integer> fault = waits(() -> space.resolve(224 * PAGE, RW));
        low.endWith(400 * PAGE);
        high.endWith(410 * PAGE);
        hold.endWith(0);
        assertEquals(Fault.NONE, fault.result());
        space.validate();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    @DisplayName("the hole is taken where the same search would find it once it is complete, and nowhere else")
    void asOnceItIsComplete(boolean topDown) throws Exception {
        for (long first : new long[] {1, 50, 92, 96, 100, 150, 192, 196, 200, 300, 592}) {
            AddressSpace calm = full(topDown ? small() : small().bottomUp(true));
            assertEquals(0, calm.munmap(first * PAGE, 8 * PAGE));
            AddressSpace space = full(topDown ? small() : small().bottomUp(true));
            HeldOperations.Hold hold = unmap(space, first, 8);
            for (int i = 0; i < 3; i++) {
                assertEquals(place(calm, 0, 3), place(space, 0, 3), "hole at " + first);
            }
            hold.endWith(0);
            space.validate();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    @DisplayName("a hole that touches a guard is used up to it")
    void besideGuards(boolean topDown) throws Exception {
        for (long[] bounds : new long[][] {{210, 600}, {60, 600}, {1, 80}, {1, 300}}) {
            AddressSpaceBuilder builder = small();
            if (bounds[0] != 1) {
                builder.guard(0, bounds[0] * PAGE);
            }
            if (bounds[1] != 600) {
                builder.guard(bounds[1] * PAGE, 600 * PAGE);
            }
            if (!topDown) {
                builder.bottomUp(true);
            }
            AddressSpace calm = full(builder, SMALL, bounds[0] * PAGE, bounds[1] * PAGE);
            AddressSpace space = full(builder, SMALL, bounds[0] * PAGE, bounds[1] * PAGE);
            long first = bounds[0] != 1 ? bounds[0] : bounds[1] - 8;
            assertEquals(0, calm.munmap(first * PAGE, 8 * PAGE));
            HeldOperations.Hold hold = unmap(space, first, 8);
            assertEquals(place(calm, 0, 8), place(space, 0, 8), "hole at " + first);
            hold.endWith(0);
            space.validate();
        }
    }

    @Test
    @DisplayName("a request for an address below 2 GiB or above 4 GiB does not get a hole elsewhere")
    void sides() throws Exception {
        Geometry linux = Geometry.LINUX_X86_64;
        AddressSpace space =
                full(holding.machine().space(linux).earlyReuse(true), linux, linux.minimum(), linux.limit());
        HeldOperations.Hold low = holding.hold(() -> space.munmap(GIB - 8 * PAGE, 8 * PAGE));
        HeldOperations.Hold high = holding.hold(() -> space.munmap(8 * GIB, 8 * PAGE));
        int below = ANYWHERE | Mman.BELOW_2G;
        int above = ANYWHERE | Mman.ABOVE_4G;
        assertEquals(NONE, atOnce(() -> space.mmap(0, PAGE, RW, below, null, 0)));
        assertEquals(8 * GIB, atOnce(() -> space.mmap(0, 8 * PAGE, RW, above, null, 0)));
        assertEquals(NONE, atOnce(() -> space.mmap(0, PAGE, RW, above, null, 0)));
        HeldOperations.Hold middle = holding.hold(() -> space.munmap(GIB, 8 * PAGE));
        assertEquals(GIB, atOnce(() -> space.mmap(0, 2 * PAGE, RW, below, null, 0)));
        long anywhere = atOnce(() -> space.mmap(0, 2 * PAGE, RW, ANYWHERE, null, 0));
        assertTrue(anywhere == GIB + 6 * PAGE, () -> Long.toHexString(anywhere));
        low.endWith(0);
        middle.endWith(0);
        high.endWith(0);
        space.validate();
    }

    @Test
    @DisplayName("the gap below a stack is kept free")
    void gapOfAStack() throws Exception {
        HeldOperations narrow = new HeldOperations(Machine.builder().stackGuardGap(3));
        AddressSpace space =
                full(narrow.machine().space(SMALL).earlyReuse(true), SMALL, SMALL.minimum(), SMALL.limit());
        int stack = ANYWHERE | Mman.FIXED | Mman.GROWSDOWN;
        assertEquals(58 * PAGE, space.mmap(58 * PAGE, PAGE, RW, stack, null, 0));
        HeldOperations.Hold hold = narrow.hold(() -> space.munmap(50 * PAGE, 8 * PAGE));
        assertEquals(NONE, place(space, 0, 6));
        assertEquals(51, place(space, 0, 4));
        hold.endWith(0);
        space.validate();
    }
}
