// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.fixture.HeldOperations.atOnce;
import static dev.samara.core.fixture.HeldOperations.waits;
import static dev.samara.core.internal.op.RetiringCall.FIXED;
import static dev.samara.core.internal.op.RetiringCall.LINUX;
import static dev.samara.core.internal.op.RetiringCall.PAGE;
import static dev.samara.core.internal.op.RetiringCall.RW;
import static dev.samara.core.internal.op.RetiringCall.page;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.HeldOperations;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Vma;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("Calls that name a range in flight without saying so: growth, the heap, stacks and attachments")
final class OtherNamesTest {
    private static final int STACK = FIXED | Mman.GROWSDOWN;

    private final HeldOperations holding = new HeldOperations(Machine.builder().stackGuardGap(4));

    /**
     * Returns whether a call that needs a free range must wait for a row. Otherwise the call fails immediately, because
     * the range stays in use.
     */
    private static boolean becomesFree(RetiringCall row) {
        return row.source == RetiringCall.State.RESERVED;
    }

    private void besideRow(RetiringCall row, AddressSpace space, AddressSpace calm, Call call, boolean mustWait)
            throws Exception {
        long done = row.run(calm);
        long expected = call.on(calm);
        HeldOperations.Hold hold = holding.hold(() -> row.run(space));
        if (mustWait) {
            HeldOperations.Caller<Long> caller = waits(() -> call.on(space));
            hold.endWith(done);
            assertEquals(expected, caller.result());
        } else {
            assertEquals(expected, atOnce(() -> call.on(space)));
            hold.endWith(done);
        }
        assertEquals(LayoutText.of(calm), LayoutText.of(space));
        space.validate();
    }

    private interface Call {
        long on(AddressSpace space);
    }

    private AddressSpace withHeap(RetiringCall row, Machine machine, long brk) {
        return row.space(machine.space(LINUX).heap(page(8), page(brk)));
    }

    @ParameterizedTest
    @EnumSource(RetiringCall.class)
    @DisplayName("brk that grows into it waits")
    void heapGrows(RetiringCall row) throws Exception {
        AddressSpace space = withHeap(row, holding.machine(), 16);
        AddressSpace calm = withHeap(row, Machine.builder().build(), 16);
        besideRow(row, space, calm, any -> any.brk(page(20)), true);
        assertEquals(becomesFree(row) ? page(20) : page(16), space.brk(0));
    }

    @ParameterizedTest
    @EnumSource(RetiringCall.class)
    @DisplayName("brk that shrinks through it waits")
    void heapShrinks(RetiringCall row) throws Exception {
        AddressSpace space = withHeap(row, holding.machine(), 24);
        AddressSpace calm = withHeap(row, Machine.builder().build(), 24);
        besideRow(row, space, calm, any -> any.brk(page(12)), true);
        assertEquals(page(12), space.brk(0));
    }

    @ParameterizedTest
    @EnumSource(RetiringCall.class)
    @DisplayName("growth in place waits where the range becomes free, and fails at once where it does not")
    void growsInPlace(RetiringCall row) throws Exception {
        AddressSpace space = row.space(holding.machine());
        AddressSpace calm = row.space(Machine.builder().build());
        Call growth = any -> any.mremap(page(8), 8 * PAGE, 12 * PAGE, 0, 0);
        besideRow(row, space, calm, growth, becomesFree(row));
    }

    @ParameterizedTest
    @EnumSource(
            value = RetiringCall.class,
            names = {"MUNMAP", "MREMAP", "MREMAP_OVER"})
    @DisplayName("a fault for which a stack would have to grow into it waits, then decides")
    void stackGrows(RetiringCall row) throws Exception {
        AddressSpace space = row.space(holding.machine());
        assertEquals(page(24), space.mmap(page(24), 2 * PAGE, RW, STACK, null, 0));
        HeldOperations.Hold hold = holding.hold(() -> row.run(space));
        HeldOperations.Caller<Integer> fault = waits(() -> space.resolve(page(22), RW));
        HeldOperations.Caller<Long> growth = waits(() -> space.growStack(page(23)));
        hold.end();
        assertEquals(Fault.NONE, fault.result());
        assertEquals(0, growth.result());
        assertNotNull(space.find(page(22)));
        space.validate();
    }

    @Test
    @DisplayName("a fault that no stack may grow to does not wait, though one stands above a range in flight")
    void stackMayNotGrowSoFar() throws Exception {
        AddressSpace space = RetiringCall.MUNMAP.space(holding.machine());
        assertEquals(page(24), space.mmap(page(24), 2 * PAGE, RW, STACK, null, 0));
        space.setLimit(Resource.STACK, 3 * PAGE);
        HeldOperations.Hold hold = holding.hold(() -> RetiringCall.MUNMAP.run(space));
        assertEquals(Fault.MAPERR, atOnce(() -> space.resolve(page(22), RW)));
        hold.end();
        space.validate();
    }

    @ParameterizedTest
    @EnumSource(
            value = RetiringCall.class,
            names = {"MREMAP", "MREMAP_OVER", "MREMAP_DONTUNMAP", "MREMAP_DONTUNMAP_OVER", "MREMAP_SHRINKING"})
    @DisplayName("a fault for which a stack would come nearer to it than its gap waits, then decides")
    void stackGrowsTowards(RetiringCall row) throws Exception {
        AddressSpace space = row.space(holding.machine());
        assertEquals(page(90), space.mmap(page(90), 2 * PAGE, RW, STACK, null, 0));
        HeldOperations.Hold hold = holding.hold(() -> row.run(space));
        assertEquals(Fault.NONE, atOnce(() -> space.resolve(page(78), RW)), "far enough");
        HeldOperations.Caller<Integer> fault = waits(() -> space.resolve(page(74), RW));
        assertNull(space.find(page(77)));
        hold.end();
        assertEquals(Fault.MAPERR, fault.result(), "the moved mapping is too near");
        space.validate();
    }

    @Test
    @DisplayName("shmdt finds nothing of an attachment that was unmapped, and waits for one that is in flight")
    void attachments() throws Exception {
        AddressSpace space = holding.machine().newSpace(LINUX);
        assertEquals(page(16), space.shmat(OpenFiles.FIVE_PAGES, page(16), 0));
        HeldOperations.Hold hold = holding.hold(() -> space.mprotect(page(18), PAGE, Mman.READ));
        HeldOperations.Caller<Long> detaching = waits(() -> space.shmdt(page(16)));
        assertNotNull(space.find(page(16)), "all of it or nothing");
        hold.endWith(0);
        assertEquals(0, detaching.result());
        assertEquals("", LayoutText.of(space));

        assertEquals(page(16), space.shmat(OpenFiles.FIVE_PAGES, page(16), 0));
        hold = holding.hold(() -> space.shmdt(page(16)));
        assertNull(space.find(page(16)));
        assertEquals(Errno.EINVAL.result(), space.shmdt(page(16)));
        HeldOperations.Caller<Long> attaching = waits(() -> space.shmat(OpenFiles.FIVE_PAGES, page(16), 0));
        hold.endWith(0);
        assertEquals(page(16), attaching.result());

        int move = Mman.MAYMOVE | Mman.MREMAP_FIXED;
        hold = holding.hold(() -> space.mremap(page(16), 5 * PAGE, 5 * PAGE, move, page(64)));
        HeldOperations.Caller<Long> moved = waits(() -> space.shmdt(page(64)));
        assertEquals(Errno.EINVAL.result(), atOnce(() -> space.shmdt(page(16))));
        hold.endWith(page(64));
        assertEquals(0, moved.result());
        space.validate();
    }

    @Test
    @DisplayName("a brk that shrinks is in flight itself, and one that grows again waits for it")
    void heapInFlight() throws Exception {
        AddressSpace space =
                holding.machine().space(LINUX).heap(page(8), page(8)).build();
        assertEquals(page(24), space.brk(page(24)));
        HeldOperations.Hold hold = holding.hold(() -> space.brk(page(16)));
        assertEquals(page(16), space.brk(0));
        HeldOperations.Caller<Long> grows = waits(() -> space.brk(page(18)));
        assertEquals(page(12), atOnce(() -> space.mremap(page(12), PAGE, PAGE, 0, 0)));
        assertFalse(grows.isDone());
        hold.endWith(page(16));
        assertEquals(page(18), grows.result());
        Vma heap = space.find(page(8));
        assertNotNull(heap);
        assertEquals(page(18), heap.end());
        space.validate();
    }
}
