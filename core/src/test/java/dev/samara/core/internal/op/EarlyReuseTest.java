// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.fixture.HeldOperations.atOnce;
import static dev.samara.core.fixture.HeldOperations.waits;
import static dev.samara.core.internal.op.RetiringCall.ANONYMOUS;
import static dev.samara.core.internal.op.RetiringCall.FIXED;
import static dev.samara.core.internal.op.RetiringCall.LINUX;
import static dev.samara.core.internal.op.RetiringCall.MOVE;
import static dev.samara.core.internal.op.RetiringCall.PAGE;
import static dev.samara.core.internal.op.RetiringCall.RW;
import static dev.samara.core.internal.op.RetiringCall.map;
import static dev.samara.core.internal.op.RetiringCall.mapFile;
import static dev.samara.core.internal.op.RetiringCall.page;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.fixture.HeldOperations;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("I4, P32: with early reuse a mapping is stored over a munmap's hole, and used once that is complete")
final class EarlyReuseTest {
    private static final int NOREPLACE = ANONYMOUS | Mman.FIXED_NOREPLACE;

    private final HeldOperations holding = new HeldOperations(Machine.builder().commitLimit(1L << 40));
    private final AddressSpace space =
            holding.machine().space(LINUX).earlyReuse(true).build();

    @BeforeEach
    void pages() {
        map(space, 0, 32, RW);
        mapFile(space, 40, 4);
    }

    private HeldOperations.Hold unmap(long first, long pages) throws InterruptedException {
        return holding.hold(() -> space.munmap(page(first), pages * PAGE));
    }

    private long fixed(long first, long pages) throws Exception {
        return atOnce(() -> space.mmap(page(first), pages * PAGE, RW, FIXED, null, 0));
    }

    /** Returns faults at several pages, each of which waits. */
    private List<HeldOperations.Caller<Integer>> waitsAt(int access, long... pages) throws InterruptedException {
        List<HeldOperations.Caller<Integer>> faults = new ArrayList<>();
        for (long inside : pages) {
            faults.add(waits(() -> space.resolve(page(inside), access)));
        }
        return faults;
    }

    private static void assertSucceed(List<HeldOperations.Caller<Integer>> faults) throws Exception {
        for (HeldOperations.Caller<Integer> fault : faults) {
            assertEquals(Fault.NONE, fault.result());
        }
    }

    private void assertOver() {
        space.validate();
        for (Vma vma : space.snapshot().vmas()) {
            assertEquals(Fault.NONE, space.resolve(vma.start(), Mman.NONE));
        }
        space.close();
        space.validate();
        assertEquals(0, holding.machine().committed());
    }

    @ParameterizedTest
    @ValueSource(ints = {FIXED, NOREPLACE})
    @DisplayName("without the option it waits")
    void off(int flags) throws Exception {
        AddressSpace strict = holding.machine().newSpace(LINUX);
        map(strict, 0, 8, RW);
        HeldOperations.Hold hold = holding.hold(() -> strict.munmap(page(2), 4 * PAGE));
        HeldOperations.Caller<Long> caller = waits(() -> strict.mmap(page(2), 4 * PAGE, RW, flags, null, 0));
        assertNull(strict.find(page(2)));
        hold.endWith(0);
        assertEquals(page(2), caller.result());
    }

    @ParameterizedTest
    @ValueSource(ints = {FIXED, NOREPLACE})
    @DisplayName("with it mmap returns at once, and a fault waits until the munmap is complete")
    void on(int flags) throws Exception {
        HeldOperations.Hold hold = unmap(8, 8);
        assertEquals(page(8), atOnce(() -> space.mmap(page(8), 8 * PAGE, RW, flags, null, 0)));
        assertNotNull(space.find(page(8)));
        space.validate();
        HeldOperations.Caller<Integer> fault = waits(() -> space.resolve(page(8), RW));
        HeldOperations.Caller<Integer> other = waits(() -> space.resolve(page(16) - 1, RW));
        hold.endWith(0);
        assertEquals(Fault.NONE, fault.result());
        assertEquals(Fault.NONE, other.result());
        assertEquals(
                1,
                space.snapshot().vmas().stream()
                        .filter(vma -> vma.isAnonymous())
                        .count(),
                "joined");
        assertOver();
    }

    @Test
    @DisplayName("partial overlap: the rest stays reserved, and is cleared at completion")
    void partial() throws Exception {
        HeldOperations.Hold hold = unmap(8, 8);
        assertEquals(page(10), fixed(10, 2));
        for (long rest : new long[] {8, 9, 12, 15}) {
            assertNull(space.find(page(rest)));
            assertEquals(Fault.MAPERR, atOnce(() -> space.resolve(page(rest), RW)));
            assertFalse(atOnce(() -> space.mmap(page(rest), PAGE, RW, ANONYMOUS, null, 0)) == page(rest));
        }
        assertEquals(page(14), fixed(14, 1), "another one in the rest");
        space.validate();
        hold.endWith(0);
        assertEquals(Fault.NONE, space.resolve(page(10), RW));
        assertEquals(page(8), space.mmap(page(8), 2 * PAGE, RW, ANONYMOUS, null, 0));
        assertEquals(page(12), space.mmap(page(12), 2 * PAGE, RW, ANONYMOUS, null, 0));
        assertOver();
    }

    @Test
    @DisplayName(
            "outside of the reservation, too: the whole mapping is in flight, and the pages that it replaces there are"
                    + " retired")
    void beyondTheReservation() throws Exception {
        HeldOperations.Hold hold = unmap(8, 8);
        HeldOperations.Hold mapping = holding.hold(() -> space.mmap(page(4), 16 * PAGE, Mman.READ, FIXED, null, 0));
        List<HeldOperations.Caller<Integer>> faults = waitsAt(Mman.READ, 4, 8, 15, 19);
        HeldOperations.Caller<Long> other = waits(() -> space.munmap(page(18), PAGE));
        hold.endWith(0);
        other.comesToWaitFor("mmap(");
        mapping.endWith(page(4));
        assertEquals(0, other.result());
        assertSucceed(faults);
        assertOver();
    }

    @ParameterizedTest
    @CsvSource({"true,false", "false,false", "true,true", "false,true"})
    @DisplayName("over several dying holes: the last munmap to complete opens the gate")
    void several(boolean inTurn, boolean replacesWhatIsBetween) throws Exception {
        HeldOperations.Hold low = unmap(4, 4);
        HeldOperations.Hold high = unmap(12, 4);
        if (!replacesWhatIsBetween) {
            assertEquals(0, space.munmap(page(8), 4 * PAGE));
        }
        assertEquals(page(6), fixed(6, 8));
        space.validate();
        (inTurn ? low : high).endWith(0);
        space.validate();
        List<HeldOperations.Caller<Integer>> faults = waitsAt(RW, 7, 8, 11, 12);
        long outside = inTurn ? 6 : 13;
        HeldOperations.Caller<Long> third = waits(() -> space.munmap(page(outside), PAGE));
        (inTurn ? high : low).endWith(0);
        assertEquals(0, third.result());
        assertSucceed(faults);
        assertEquals(page(4), space.mmap(page(4), 2 * PAGE, RW, ANONYMOUS, null, 0), "cleared");
        assertEquals(page(14), space.mmap(page(14), 2 * PAGE, RW, ANONYMOUS, null, 0), "cleared");
        assertOver();
    }

    @ParameterizedTest
    @CsvSource({"true", "false"})
    @DisplayName("several mappings over one dying hole are all opened by it")
    void severalOverOne(boolean adjacent) throws Exception {
        HeldOperations.Hold hold = unmap(8, 8);
        long second = adjacent ? 10 : 11;
        assertEquals(page(8), fixed(8, 2));
        assertEquals(page(second), fixed(second, 2));
        space.validate();
        HeldOperations.Caller<Integer> one = waits(() -> space.resolve(page(8), RW));
        HeldOperations.Caller<Integer> other = waits(() -> space.resolve(page(second), RW));
        hold.endWith(0);
        assertEquals(Fault.NONE, one.result());
        assertEquals(Fault.NONE, other.result());
        Vma first = space.find(page(8));
        assertNotNull(first);
        assertEquals(adjacent ? page(12) : page(10), first.end(), "joined with its neighbours");
        assertOver();
    }

    @Test
    @DisplayName("the mapping's own retiring may end last, and then opens the gate")
    void ownRetiringLast() throws Exception {
        HeldOperations.Hold hold = unmap(8, 8);
        HeldOperations.Hold mapping = holding.hold(() -> space.mmap(page(8), 8 * PAGE, RW, FIXED, null, 0));
        hold.endWith(0);
        HeldOperations.Caller<Integer> fault = waits(() -> space.resolve(page(8), RW));
        space.validate();
        mapping.endWith(page(8));
        assertEquals(Fault.NONE, fault.result());
        assertOver();
    }

    @ParameterizedTest
    @EnumSource(RangeCall.class)
    @DisplayName("every other operation waits for the whole new mapping, also where no munmap was")
    void othersWait(RangeCall column) throws Exception {
        map(space, 128, 8, RW);
        AddressSpace calm = Machine.builder().build().newSpace(LINUX);
        map(calm, 0, 32, RW);
        mapFile(calm, 40, 4);
        map(calm, 128, 8, RW);
        map(calm, 4, 8, RW);
        assertEquals(0, calm.munmap(page(12), 4 * PAGE));
        long expected = column.run(calm, 4, 4);
        HeldOperations.Hold hold = unmap(8, 8);
        assertEquals(page(4), fixed(4, 8));
        Layout layout = MachineInternals.layoutOf(space);
        String before = LayoutText.of(layout);
        HeldOperations.Caller<Long> caller = waits(() -> column.run(space, 4, 4));
        assertEquals(before, LayoutText.of(layout));
        space.validate();
        hold.endWith(0);
        assertEquals(expected, caller.result());
        assertEquals(LayoutText.of(calm), LayoutText.of(space));
        assertOver();
    }

    @Test
    @DisplayName("over a gate it waits, also over one that is an early mapping's")
    void overAGate() throws Exception {
        HeldOperations.Hold gate = holding.hold(() -> space.mmap(page(20), 4 * PAGE, RW, FIXED, null, 0));
        HeldOperations.Caller<Long> over = waits(() -> space.mmap(page(20), PAGE, RW, FIXED, null, 0));
        gate.endWith(page(20));
        assertEquals(page(20), over.result());

        HeldOperations.Hold hold = unmap(8, 8);
        assertEquals(page(8), fixed(8, 4));
        HeldOperations.Caller<Long> again = waits(() -> space.mmap(page(10), 4 * PAGE, RW, FIXED, null, 0));
        HeldOperations.Caller<Long> reserved = waits(() -> space.mprotect(page(14), PAGE, RW));
        hold.endWith(0);
        assertEquals(page(10), again.result());
        assertEquals(Errno.ENOMEM.result(), reserved.result());
        assertOver();
    }

    @Test
    @DisplayName("what another call than munmap has unmapped is waited for: a move's source, a heap, an attachment")
    void otherReservations() throws Exception {
        int there = MOVE | Mman.MREMAP_FIXED;
        assertNotReused(() -> space.mremap(page(8), 8 * PAGE, 8 * PAGE, there, page(64)), page(10));
        assertNotReused(() -> space.mremap(page(64), 8 * PAGE, 4 * PAGE, 0, 0), page(69));
        assertNotReused(() -> space.mremap(page(16), 8 * PAGE, 4 * PAGE, there, page(80)), page(17));
        assertNotReused(() -> space.mremap(page(24), 8 * PAGE, 4 * PAGE, there, page(96)), page(29));

        long heap = space.brk(0);
        assertEquals(heap + 8 * PAGE, space.brk(heap + 8 * PAGE));
        assertNotReused(() -> space.brk(heap), heap + 4 * PAGE);

        assertEquals(page(128), space.shmat(OpenFiles.ONE_BYTE, page(128), 0));
        assertNotReused(() -> space.shmdt(page(128)), page(128));

        HeldOperations.Hold close = holding.hold(() -> {
            space.close();
            return 0L;
        });
        assertEquals(Errno.ESRCH.result(), space.mmap(page(4), PAGE, RW, FIXED, null, 0));
        assertEquals(0, close.end());
        assertOver();
    }

    /** Asserts that other calls map a page that an operation unmaps only once the operation is complete. */
    private void assertNotReused(Callable<Long> operation, long address) throws Exception {
        HeldOperations.Hold hold = holding.hold(operation);
        assertNull(space.find(address));
        HeldOperations.Caller<Long> fixed = waits(() -> space.mmap(address, PAGE, RW, FIXED, null, 0));
        HeldOperations.Caller<Long> noReplace = waits(() -> space.mmap(address, PAGE, RW, NOREPLACE, null, 0));
        assertNull(space.find(address));
        space.validate();
        assertFalse(Errno.isError(hold.end()));
        assertEquals(address, fixed.result());
        assertTrue(List.of(address, Errno.EEXIST.result()).contains(noReplace.result()));
        space.validate();
    }

    @Test
    @DisplayName("a munmap's hole beside a move's source: alone it is reused, together they are waited for")
    void besideAMove() throws Exception {
        HeldOperations.Hold move =
                holding.hold(() -> space.mremap(page(8), 4 * PAGE, 4 * PAGE, MOVE | Mman.MREMAP_FIXED, page(64)));
        HeldOperations.Hold hold = unmap(12, 4);
        assertEquals(page(12), fixed(12, 1));
        HeldOperations.Caller<Long> both = waits(() -> space.mmap(page(10), 5 * PAGE, RW, FIXED, null, 0));
        assertEquals(page(15), fixed(15, 1));
        hold.endWith(0);
        assertFalse(both.isDone());
        assertNull(space.find(page(10)));
        move.endWith(page(64));
        assertEquals(page(10), both.result());
        assertOver();
    }

    @Test
    @DisplayName("NOREPLACE over a dying hole and a mapping that stays is EEXIST, and changes nothing")
    void noReplace() throws Exception {
        HeldOperations.Hold hold = unmap(8, 8);
        String before = LayoutText.of(space);
        assertEquals(Errno.EEXIST.result(), atOnce(() -> space.mmap(page(12), 8 * PAGE, RW, NOREPLACE, null, 0)));
        assertEquals(before, LayoutText.of(space));
        space.validate();
        hold.endWith(0);
        assertOver();
    }

    @Test
    @DisplayName("an asynchronous mapping is complete once the munmap is")
    void asynchronous() throws Exception {
        HeldOperations.Hold hold = unmap(8, 8);
        CompletableFuture<Long> future = space.mmapAsync(page(8), 4 * PAGE, RW, FIXED, null, 0);
        holding.machine().awaitQuiescence();
        assertFalse(future.isDone());
        hold.endWith(0);
        assertEquals(page(8), future.get());
        assertOver();
    }

    @Test
    @DisplayName("what throws in a retiring opens the gates of the mappings over its hole, too")
    void throwing() throws Exception {
        HeldOperations.Hold hold = holding.hold(() -> space.munmap(page(8), 8 * PAGE), () -> {
            throw new IllegalStateException("on purpose");
        });
        assertEquals(page(8), fixed(8, 4));
        hold.endWith(0);
        assertEquals(Fault.NONE, space.resolve(page(8), RW));
        assertOver();
    }

    @Test
    @DisplayName("a child may use the mapping at once, and has no hole")
    void fork() throws Exception {
        HeldOperations.Hold hold = unmap(8, 8);
        assertEquals(page(8), fixed(8, 4));
        try (AddressSpace child = space.fork()) {
            assertEquals(Fault.NONE, atOnce(() -> child.resolve(page(8), RW)));
            assertEquals(page(12), atOnce(() -> child.mmap(page(12), PAGE, RW, ANONYMOUS, null, 0)));
            hold.endWith(0);
            child.validate();
        }
        assertOver();
    }
}
