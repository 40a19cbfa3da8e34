// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.fixture.HeldOperations.atOnce;
import static dev.samara.core.fixture.HeldOperations.waits;
import static dev.samara.core.internal.op.RetiringCall.FIXED;
import static dev.samara.core.internal.op.RetiringCall.LINUX;
import static dev.samara.core.internal.op.RetiringCall.MOVE;
import static dev.samara.core.internal.op.RetiringCall.PAGE;
import static dev.samara.core.internal.op.RetiringCall.RW;
import static dev.samara.core.internal.op.RetiringCall.map;
import static dev.samara.core.internal.op.RetiringCall.page;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.fixture.HeldOperations;
import dev.samara.core.fixture.NamedBacking;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Vma;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("P22: an operation that was overtaken three times is next: younger ones that overlap it wait behind it")
final class TicketTest {
    private static final String BEHIND = "which has started first";

    private final HeldOperations holding = new HeldOperations();
    private final AddressSpace space = holding.machine().newSpace(LINUX);

    @BeforeEach
    void pages() {
        map(space, 0, 32, RW);
        map(space, 100, 4, RW);
        map(space, 110, 4, RW);
    }

    private HeldOperations.Hold holdPage(long number) throws InterruptedException {
        return holding.hold(() -> space.munmap(page(number), PAGE));
    }

    private static String awaited(long number) {
        return "munmap(0x" + Long.toHexString(page(number)) + ",";
    }

    /** An operation on pages 0 to 16 that was overtaken three times, and waits for the last overtaker. */
    private record Overtaken(HeldOperations.Caller<Long> caller, HeldOperations.Hold last) {}

    private Overtaken overtake(Callable<Long> operation) throws Exception {
        HeldOperations.Hold first = holdPage(1);
        HeldOperations.Caller<Long> caller = waits(operation);
        HeldOperations.Hold second = holdPage(3);
        first.endWith(0);
        caller.comesToWaitFor(awaited(3));
        HeldOperations.Hold third = holdPage(5);
        second.endWith(0);
        caller.comesToWaitFor(awaited(5));
        return new Overtaken(caller, third);
    }

    private long replace() {
        return space.mmap(page(0), 16 * PAGE, RW, FIXED, null, 0);
    }

    /** Starts an operation on a page that must wait behind a ticket. */
    private HeldOperations.Caller<Long> waitsBehind(long number) {
        HeldOperations.Caller<Long> caller = waits(() -> space.munmap(page(number), PAGE));
        caller.comesToWaitFor(BEHIND);
        return caller;
    }

    private void nothingIsLeft() throws Exception {
        assertEquals(0, atOnce(() -> space.mprotect(page(0), PAGE, RW)));
        assertEquals(0, atOnce(() -> space.munmap(page(0), 32 * PAGE)));
        space.validate();
    }

    @Test
    @DisplayName("the next one waits behind it, and comes after it")
    void youngerWait() throws Exception {
        Overtaken overtaken = overtake(this::replace);
        HeldOperations.Caller<Long> younger = waitsBehind(7);
        HeldOperations.Caller<Long> other = waitsBehind(15);
        assertFalse(younger.isDone());
        overtaken.last.endWith(0);
        assertEquals(page(0), overtaken.caller.result());
        assertEquals(0, younger.result());
        assertEquals(0, other.result());
        assertNull(space.find(page(7)), "it came after the mapping");
        nothingIsLeft();
    }

    @Test
    @DisplayName("I5: operations that do not overlap it do not wait, nor do faults and forks, nor placement")
    void othersGoOn() throws Exception {
        Overtaken overtaken = overtake(this::replace);
        assertEquals(0, atOnce(() -> space.munmap(page(16), PAGE)));
        assertEquals(0, atOnce(() -> space.mprotect(page(100), PAGE, 0)));
        assertEquals(Fault.NONE, atOnce(() -> space.resolve(page(7), RW)));
        assertTrue(atOnce(() -> space.mmap(0, PAGE, RW, RetiringCall.ANONYMOUS, null, 0)) > 0);
        atOnce(space::fork).close();
        overtaken.last.endWith(0);
        assertEquals(page(0), overtaken.caller.result());
        nothingIsLeft();
    }

    @Test
    @DisplayName("one that started before it passes it")
    void olderPasses() throws Exception {
        int flags = MOVE | Mman.MREMAP_FIXED;
        HeldOperations.Hold elsewhere = holding.hold(() -> space.mprotect(page(102), PAGE, 0));
        HeldOperations.Caller<Long> mover = waits(() -> space.mremap(page(102), PAGE, PAGE, flags, page(7)));
        Overtaken overtaken = overtake(this::replace);
        elsewhere.endWith(0);
        assertEquals(page(7), mover.result());
        overtaken.last.endWith(0);
        assertEquals(page(0), overtaken.caller.result());
        nothingIsLeft();
    }

    @Test
    @DisplayName("an interrupt ends its ticket: a call after it goes on while the range is still in flight")
    void interrupted() throws Exception {
        Overtaken overtaken = overtake(this::replace);
        HeldOperations.Caller<Long> younger = waitsBehind(7);
        overtaken.caller.thread.interrupt();
        assertEquals(Errno.EINTR.result(), overtaken.caller.result());
        assertEquals(0, younger.result());
        assertEquals(0, atOnce(() -> space.munmap(page(9), PAGE)));
        overtaken.last.endWith(0);
        nothingIsLeft();
    }

    @Test
    @DisplayName("an errno ends its intent")
    void refused() throws Exception {
        int noReplace = RetiringCall.ANONYMOUS | Mman.FIXED_NOREPLACE;
        Overtaken overtaken = overtake(() -> space.mmap(page(0), 16 * PAGE, RW, noReplace, null, 0));
        HeldOperations.Caller<Long> younger = waitsBehind(7);
        overtaken.last.endWith(0);
        assertEquals(Errno.EEXIST.result(), overtaken.caller.result());
        assertEquals(0, younger.result());
        nothingIsLeft();
    }

    @Test
    @DisplayName("an exception of a backing ends its intent")
    void thrown() throws Exception {
        IllegalArgumentException failure = new IllegalArgumentException("on purpose");
        Backing backing = new BackingWithOpen(() -> {
            throw failure;
        });
        int flags = Mman.PRIVATE | Mman.FIXED;
        Overtaken overtaken = overtake(() -> space.mmap(page(0), 16 * PAGE, RW, flags, backing, 0));
        HeldOperations.Caller<Long> younger = waitsBehind(7);
        overtaken.last.endWith(0);
        assertSame(failure, assertThrows(IllegalArgumentException.class, overtaken.caller::result));
        assertEquals(0, younger.result());
        nothingIsLeft();
    }

    @Test
    @DisplayName(
            "one that asks a backing has no ticket: the backing may call operations in its ranges, and wait for them")
    void asks() throws Exception {
        AtomicLong passed = new AtomicLong(1);
        Backing backing = new BackingWithOpen(() -> {
            try {
                passed.set(atOnce(() -> space.munmap(page(7), PAGE)));
            } catch (Exception failed) {
                throw new IllegalStateException(failed);
            }
        });
        int flags = Mman.PRIVATE | Mman.FIXED;
        Overtaken overtaken = overtake(() -> space.mmap(page(0), 16 * PAGE, RW, flags, backing, 0));
        overtaken.last.endWith(0);
        assertEquals(page(0), overtaken.caller.result());
        assertEquals(0, passed.get());
        nothingIsLeft();
    }

    @Test
    @DisplayName("P34: a call from the retirement of an operation passes tickets")
    void callbacksPass() throws Exception {
        HeldOperations.Hold first = holdPage(1);
        HeldOperations.Caller<Long> caller = waits(this::replace);
        HeldOperations.Hold second = holdPage(3);
        first.endWith(0);
        caller.comesToWaitFor(awaited(3));
        AtomicLong passed = new AtomicLong(1);
        HeldOperations.Hold third =
                holding.hold(() -> space.munmap(page(5), PAGE), () -> passed.set(space.munmap(page(9), PAGE)));
        second.endWith(0);
        caller.comesToWaitFor(awaited(5));
        HeldOperations.Caller<Long> younger = waitsBehind(7);
        third.endWith(0);
        assertEquals(0, passed.get());
        assertEquals(page(0), caller.result());
        assertEquals(0, younger.result());
        assertTrue(holding.reports.isEmpty(), holding.reports::toString);
        nothingIsLeft();
    }

    /** A backing that runs an action when it is opened. */
    private static final class BackingWithOpen extends NamedBacking {
        private final Runnable action;

        BackingWithOpen(Runnable action) {
            super("/opening", 9);
            this.action = action;
        }

        @Override
        public @Nullable Errno open(Vma vma) {
            action.run();
            return null;
        }
    }
}
