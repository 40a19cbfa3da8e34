// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.fixture.HeldOperations.atOnce;
import static dev.samara.core.internal.op.RetiringCall.ANONYMOUS;
import static dev.samara.core.internal.op.RetiringCall.FIXED;
import static dev.samara.core.internal.op.RetiringCall.LINUX;
import static dev.samara.core.internal.op.RetiringCall.PAGE;
import static dev.samara.core.internal.op.RetiringCall.RW;
import static dev.samara.core.internal.op.RetiringCall.map;
import static dev.samara.core.internal.op.RetiringCall.page;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.Usage;
import dev.samara.core.fixture.HeldOperations;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Vma;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("P9, P33: a range in flight is joined with its neighbours when it completes, and not before")
final class LateJoinTest {
    private static final int R = Mman.READ;

    private final HeldOperations holding = new HeldOperations();
    private final AddressSpace space = holding.machine().newSpace(LINUX);

    @BeforeEach
    void twelvePages() {
        map(space, 0, 12, RW);
    }

    /** Draws the VMAs with their page numbers and rights: "0-4rw 4-8r". */
    private String drawing() {
        StringBuilder drawing = new StringBuilder();
        for (Vma vma : space.snapshot().vmas()) {
            drawing.append(drawing.isEmpty() ? "" : " ")
                    .append((vma.start() - page(0)) / PAGE)
                    .append('-')
                    .append((vma.end() - page(0)) / PAGE)
                    .append(vma.has(RW) ? "rw" : vma.has(R) ? "r" : "n");
        }
        space.validate();
        return drawing.toString();
    }

    private HeldOperations.Hold narrow(int first, int last) throws InterruptedException {
        return holding.hold(() -> space.mprotect(page(first), (last - first) * PAGE, R));
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    @DisplayName("two mprotects beside each other, completing in either order: the last joins both")
    void lastOfTwoJoinsBoth(boolean inTurn) throws Exception {
        HeldOperations.Hold left = narrow(0, 4);
        assertEquals("0-4r 4-12rw", drawing());
        HeldOperations.Hold right = narrow(4, 8);
        assertEquals("0-4r 4-8r 8-12rw", drawing());
        (inTurn ? left : right).endWith(0);
        assertEquals("0-4r 4-8r 8-12rw", drawing());
        (inTurn ? right : left).endWith(0);
        assertEquals("0-8r 8-12rw", drawing());
    }

    @ParameterizedTest
    @CsvSource({"0,1,2", "0,2,1", "1,0,2", "1,2,0", "2,0,1", "2,1,0"})
    @DisplayName("three mprotects beside each other, completing in any order")
    void threeInAnyOrder(int first, int second, int third) throws Exception {
        List<HeldOperations.Hold> holds = List.of(narrow(4, 8), narrow(0, 4), narrow(8, 12));
        assertEquals("0-4r 4-8r 8-12r", drawing());
        holds.get(first).endWith(0);
        assertEquals("0-4r 4-8r 8-12r", drawing());
        holds.get(second).endWith(0);
        String between = third == 0 ? "0-4r 4-8r 8-12r" : third == 1 ? "0-4r 4-12r" : "0-8r 8-12r";
        assertEquals(between, drawing());
        holds.get(third).endWith(0);
        assertEquals("0-12r", drawing());
    }

    @Test
    @DisplayName("a neighbour that changes the same way meanwhile is not merged with it, but joined at completion")
    void neighbourDoesNotMerge() throws Exception {
        assertEquals(0, space.munmap(page(8), 4 * PAGE));
        HeldOperations.Hold hold = narrow(4, 8);
        assertEquals(0, atOnce(() -> space.mprotect(page(2), 2 * PAGE, R | Mman.EXEC)));
        map(space, 8, 2, R);
        assertEquals("0-2rw 2-4r 4-8r 8-10r", drawing());
        assertEquals(0, atOnce(() -> space.mprotect(page(2), 2 * PAGE, R)), "narrows, and completes at once");
        assertEquals("0-2rw 2-4r 4-8r 8-10r", drawing());
        Vma inFlight = space.find(page(4));
        hold.endWith(0);
        assertEquals("0-2rw 2-10r", drawing());
        assertNotNull(inFlight);
        assertEquals(page(8), inFlight.end(), "a VMA that was found is immutable");
    }

    @Test
    @DisplayName("a gate's neighbours do not merge with it: neither mmap below or above nor growth in place")
    void gateIsNotMerged() throws Exception {
        map(space, 40, 4, R);
        HeldOperations.Hold hold = holding.hold(() -> space.mmap(page(40), 4 * PAGE, RW, FIXED, null, 0));
        Vma gated = space.find(page(40));
        map(space, 36, 4, RW);
        map(space, 44, 4, RW);
        map(space, 30, 2, RW);
        assertEquals(page(30), atOnce(() -> space.mremap(page(30), 2 * PAGE, 6 * PAGE, 0, 0)));
        assertSame(gated, space.find(page(40)));
        assertEquals("0-12rw 30-40rw 40-44rw 44-48rw", drawing());
        hold.endWith(page(40));
        assertEquals("0-12rw 30-48rw", drawing());
    }

    @Test
    @DisplayName("a neighbour that has changed is not joined")
    void changedNeighbourStays() throws Exception {
        HeldOperations.Hold hold = holding.hold(() -> space.mmap(page(4), 4 * PAGE, RW, FIXED, null, 0));
        assertEquals("0-4rw 4-8rw 8-12rw", drawing());
        assertEquals(0, space.mprotect(page(3), PAGE, RW | Mman.EXEC));
        assertEquals(0, space.munmap(page(8), PAGE));
        assertEquals("0-3rw 3-4rw 4-8rw 9-12rw", drawing());
        hold.endWith(page(4));
        assertEquals("0-3rw 3-4rw 4-8rw 9-12rw", drawing());
    }

    @Test
    @DisplayName("a neighbour that changes and changes back is joined")
    void neighbourThatChangesBackIsJoined() throws Exception {
        HeldOperations.Hold hold = holding.hold(() -> space.mmap(page(4), 4 * PAGE, RW, FIXED, null, 0));
        assertEquals(0, space.munmap(page(0), 4 * PAGE));
        assertEquals(0, space.mprotect(page(8), 4 * PAGE, Mman.NONE));
        assertEquals("4-8rw 8-12n", drawing());
        assertEquals(0, space.mprotect(page(8), 4 * PAGE, RW));
        map(space, 0, 4, RW);
        assertEquals("0-4rw 4-8rw 8-12rw", drawing());
        hold.endWith(page(4));
        assertEquals("0-12rw", drawing());
    }

    @ParameterizedTest
    @EnumSource(RetiringCall.class)
    @DisplayName("the layout and its counts at the end are those of an operation that is not held")
    void leavesTheSame(RetiringCall row) throws Exception {
        AddressSpace calm = row.space(Machine.builder().build());
        AddressSpace held = row.space(holding.machine());
        Usage before = held.usage();
        row.run(calm);
        HeldOperations.Hold hold = holding.hold(() -> row.run(held));
        held.validate();
        Usage during = held.usage();
        long moved = row == RetiringCall.MREMAP_DONTUNMAP || row == RetiringCall.MREMAP_DONTUNMAP_OVER ? 8 : 0;
        assertEquals(before.total() + moved, during.total(), "unmapped pages are uncharged at completion");
        assertEquals(held.snapshot().vmas().size(), during.maps(), "but the number of mappings at once");
        hold.end();
        held.validate();
        assertEquals(calm.usage(), held.usage());
        assertEquals(LayoutText.of(calm), LayoutText.of(held));
    }

    @Test
    @DisplayName("locked pages at the edge of a range in flight stay locked and where they are")
    void mixedFlags() throws Exception {
        assertEquals(0, space.mlock(page(4), 4 * PAGE));
        HeldOperations.Hold hold = narrow(2, 10);
        assertEquals("0-2rw 2-4r 4-8r 8-10r 10-12rw", drawing());
        assertEquals(0, atOnce(() -> space.mprotect(page(10), 2 * PAGE, R)));
        assertEquals(page(12), atOnce(() -> space.mmap(page(12), PAGE, R, ANONYMOUS | Mman.FIXED, null, 0)));
        hold.endWith(0);
        assertEquals("0-2rw 2-4r 4-8r 8-13r", drawing());
    }
}
