// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.fixture.HeldOperations;
import dev.samara.core.fixture.ReachableObjects;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Nothing that ended is reachable from what is still alive, however operations and forks overlap. */
@DisplayName("I9: garbage as soon as it is over:")
final class EndedIsGarbageTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();
    private static final int RW = Mman.READ | Mman.WRITE;
    private static final int FIXED = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
    private static final long PLACE = 0x30_0000_0000L;
    private final HeldOperations holding = new HeldOperations(Machine.builder().memory(1 << 20));
    private final AddressSpace space = holding.machine().newSpace(LINUX);

    private void map(long at) {
        assertEquals(at, space.mmap(at, 4 * PAGE, RW, FIXED, null, 0));
        try (Cpu cpu = holding.machine().claimCpu()) {
            cpu.switchTo(space);
            // Creates a private page, which a fork copies, so that a fork waits for the ranges in flight there.
            assertEquals(Fault.NONE, cpu.memory().store(at, 8, 1));
        }
    }

    private List<Object> reachable(Class<?> type) {
        return ReachableObjects.of(type.getSimpleName(), holding.machine(), space);
    }

    private void assertNothingIsLeft() throws InterruptedException {
        holding.machine().awaitQuiescence();
        assertFalse(reachable(VmArea.class).isEmpty(), "the mappings are found");
        assertEquals(List.of(), reachable(RetirementRun.class));
        assertEquals(List.of(), reachable(CopyPageTables.class));
        assertEquals(2, reachable(Layout.class).size(), "the space, what closed references lead to, and no child");
    }

    @Test
    @DisplayName("a move, whose new mapping lives on, beside a fork")
    void moves() throws Exception {
        map(PLACE);
        map(PLACE + 0x10_0000);
        HeldOperations.Hold move = holding.hold(
                () -> space.mremap(PLACE, 4 * PAGE, 4 * PAGE, Mman.MAYMOVE | Mman.MREMAP_FIXED, PLACE + 0x10_0000));
        HeldOperations.Caller<AddressSpace> fork = HeldOperations.waits(space::fork);
        move.endWith(PLACE + 0x10_0000);
        fork.result().close();
        assertNothingIsLeft();
    }

    @Test
    @DisplayName("a replacement beside another one that is joined with it")
    void joins() throws Exception {
        map(PLACE);
        map(PLACE + 4 * PAGE);
        HeldOperations.Hold first = holding.hold(() -> space.mmap(PLACE, 4 * PAGE, RW, FIXED, null, 0));
        HeldOperations.Hold second = holding.hold(() -> space.mmap(PLACE + 4 * PAGE, 4 * PAGE, RW, FIXED, null, 0));
        first.endWith(PLACE);
        second.endWith(PLACE + 4 * PAGE);
        assertNothingIsLeft();
    }
}
