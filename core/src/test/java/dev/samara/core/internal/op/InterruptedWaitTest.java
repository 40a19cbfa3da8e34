// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.fixture.HeldOperations.waits;
import static dev.samara.core.internal.op.RetiringCall.ANONYMOUS;
import static dev.samara.core.internal.op.RetiringCall.FIXED;
import static dev.samara.core.internal.op.RetiringCall.PAGE;
import static dev.samara.core.internal.op.RetiringCall.RW;
import static dev.samara.core.internal.op.RetiringCall.page;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.Usage;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.HeldOperations;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("An interrupt ends an operation's wait before publication, with nothing changed and the flag kept")
final class InterruptedWaitTest {
    private final HeldOperations holding = new HeldOperations(Machine.builder().commitLimit(1L << 40));

    /** Makes a call, and records whether its thread's interrupt flag was set at the end. */
    private static Callable<Ended> noting(Callable<?> call) {
        return () -> new Ended(call.call(), Thread.interrupted());
    }

    private record Ended(Object result, boolean interrupted) {}

    @ParameterizedTest
    @EnumSource(
            value = RangeCall.class,
            mode = EnumSource.Mode.EXCLUDE,
            names = {"CLOSE"})
    @DisplayName("an operation that is interrupted while it waits returns EINTR")
    void duringTheWait(RangeCall column) throws Exception {
        AddressSpace space = RetiringCall.MAP_FIXED.space(holding.machine());
        HeldOperations.Hold hold = holding.hold(() -> RetiringCall.MAP_FIXED.run(space));
        String before = LayoutText.of(space);
        Usage used = space.usage();
        long committed = holding.machine().committed();
        HeldOperations.Caller<Ended> caller = waits(noting(() -> column.run(space, 16, 8)));
        caller.thread.interrupt();
        assertEquals(new Ended(Errno.EINTR.result(), true), caller.result());
        assertEquals(before, LayoutText.of(space));
        assertEquals(used, space.usage());
        assertEquals(committed, holding.machine().committed());
        space.validate();
        hold.endWith(page(16));
    }

    @ParameterizedTest
    @EnumSource(
            value = RangeCall.class,
            mode = EnumSource.Mode.EXCLUDE,
            names = {"CLOSE"})
    @DisplayName("an operation of a thread that is interrupted already returns EINTR if it would wait")
    void beforeTheWait(RangeCall column) throws Exception {
        AddressSpace space = RetiringCall.MAP_FIXED.space(holding.machine());
        HeldOperations.Hold hold = holding.hold(() -> RetiringCall.MAP_FIXED.run(space));
        String before = LayoutText.of(space);
        Thread.currentThread().interrupt();
        assertEquals(Errno.EINTR.result(), column.run(space, 16, 8));
        assertTrue(Thread.interrupted(), "the flag is kept");
        assertEquals(before, LayoutText.of(space));
        space.validate();
        hold.endWith(page(16));
    }

    @ParameterizedTest
    @EnumSource(RangeCall.class)
    @DisplayName("an operation of an interrupted thread that has nothing to wait for takes no notice")
    void nothingToWaitFor(RangeCall column) {
        AddressSpace calm = RetiringCall.MUNMAP.space(Machine.builder().build());
        AddressSpace space = RetiringCall.MUNMAP.space(holding.machine());
        long expected = column.run(calm, 16, 8);
        Thread.currentThread().interrupt();
        assertEquals(expected, column.run(space, 16, 8));
        assertTrue(Thread.interrupted(), "the flag is kept");
        assertEquals(LayoutText.of(calm), LayoutText.of(space));
    }

    @Test
    @DisplayName("the end of a space is not interrupted: close waits on, and the flag is set when it returns")
    void closeWaitsOn() throws Exception {
        AddressSpace space = RetiringCall.MAP_FIXED.space(holding.machine());
        HeldOperations.Hold hold = holding.hold(() -> RetiringCall.MAP_FIXED.run(space));
        HeldOperations.Caller<Ended> caller = waits(noting(() -> RangeCall.CLOSE.run(space, 0, 1)));
        caller.thread.interrupt();
        Await.until("the interrupt is noticed", () -> !caller.thread.isInterrupted(), caller.thread);
        assertTrue(caller.comesToWait());
        hold.endWith(page(16));
        assertEquals(new Ended(0L, true), caller.result());
        assertEquals("", LayoutText.of(space));
    }

    @Test
    @DisplayName("brk that is interrupted returns EINTR, and the break is where it was")
    void heap() throws Exception {
        AddressSpace space = RetiringCall.MUNMAP.space(
                holding.machine().space(RetiringCall.LINUX).heap(page(8), page(16)));
        HeldOperations.Hold hold = holding.hold(() -> RetiringCall.MUNMAP.run(space));
        HeldOperations.Caller<Ended> caller = waits(noting(() -> space.brk(page(18))));
        caller.thread.interrupt();
        assertEquals(new Ended(Errno.EINTR.result(), true), caller.result());
        assertEquals(page(16), space.brk(0));
        hold.endWith(0);
    }

    /** Asserts that a fault waits until an operation ends, if its thread is interrupted before or while it waits. */
    private static void assertWaitsOn(Callable<Integer> fault, HeldOperations.Hold hold, long result) throws Exception {
        HeldOperations.Caller<Ended> before = waits(noting(() -> {
            Thread.currentThread().interrupt();
            return fault.call();
        }));
        HeldOperations.Caller<Ended> within = waits(noting(fault));
        within.thread.interrupt();
        Await.until("the interrupt is noticed", () -> !within.thread.isInterrupted(), within.thread);
        assertTrue(within.comesToWait());
        hold.endWith(result);
        assertEquals(new Ended(Fault.NONE, true), before.result());
        assertEquals(new Ended(Fault.NONE, true), within.result());
    }

    @Test
    @DisplayName("a fault at a gate is not interrupted: it waits on, and the flag is set when it returns")
    void fault() throws Exception {
        AddressSpace space = RetiringCall.MAP_FIXED.space(holding.machine());
        HeldOperations.Hold hold = holding.hold(() -> RetiringCall.MAP_FIXED.run(space));
        assertWaitsOn(() -> space.resolve(page(16), Mman.READ), hold, page(16));
    }

    @Test
    @DisplayName("a fault that waits to grow a stack is not interrupted either, but growStack is")
    void faultBelowAStack() throws Exception {
        HeldOperations near = new HeldOperations(Machine.builder().stackGuardGap(4));
        AddressSpace other = RetiringCall.MUNMAP.space(near.machine());
        assertEquals(page(24), other.mmap(page(24), PAGE, RW, FIXED | Mman.GROWSDOWN, null, 0));
        HeldOperations.Hold hold = near.hold(() -> RetiringCall.MUNMAP.run(other));
        HeldOperations.Caller<Ended> caller = waits(noting(() -> other.growStack(page(22))));
        caller.thread.interrupt();
        assertEquals(new Ended(Errno.EINTR.result(), true), caller.result());
        assertNull(other.find(page(23)));
        assertWaitsOn(() -> other.resolve(page(22), RW), hold, 0);
        assertNotNull(other.find(page(22)));
        other.validate();
    }

    @ParameterizedTest
    @EnumSource(RetiringCall.class)
    @DisplayName("after publication an interrupt is remembered: the operation completes, and the flag is set")
    void afterPublication(RetiringCall row) throws Exception {
        AddressSpace calm = row.space(Machine.builder().build());
        long expected = row.run(calm);
        AddressSpace space = row.space(holding.machine());
        boolean[] flag = new boolean[1];
        HeldOperations.Hold hold = holding.hold(() -> {
            long result = row.run(space);
            flag[0] = Thread.interrupted();
            return result;
        });
        hold.retirer().interrupt();
        hold.endWith(expected);
        assertTrue(flag[0]);
        assertEquals(LayoutText.of(calm), LayoutText.of(space));
        assertFalse(Errno.isError(space.mmap(page(16), PAGE, RW, ANONYMOUS, null, 0)));
        space.validate();
    }
}
