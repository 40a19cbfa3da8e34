// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.checkpoint;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Checkpoint;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.event.FlushListener;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Latches;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.page.HookedFrames;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("Listeners of CPUs and checkpoints")
final class RunningCpusTest {
    private final SpaceFixture fixture = new SpaceFixture();
    private final long at = fixture.anonymous(2);

    /** The registers of a guest that only counts, at each checkpoint; restored by a restore. */
    private static final class Registers implements FlushListener {
        private final Thread thread = Thread.currentThread();
        private final List<Long> checkpoints = new CopyOnWriteArrayList<>();
        private final List<Long> saved = new CopyOnWriteArrayList<>();
        private long counter = 1;
        private final AtomicInteger restores = new AtomicInteger();
        private volatile boolean fails;

        @Override
        public void flushed(long start, long end, MmuNotifier.Reason reason, long generation) {}

        @Override
        public void checkpointed(long checkpoint) {
            assertEquals(thread, Thread.currentThread());
            checkpoints.add(checkpoint);
            saved.add(counter);
            if (fails) {
                throw new IllegalStateException("on purpose");
            }
        }

        @Override
        public void restored(long checkpoint) {
            assertEquals(thread, Thread.currentThread());
            counter = saved.get(checkpoints.indexOf(checkpoint));
            restores.incrementAndGet();
        }
    }

    /** A guest on a thread of its own: counts in memory and in a register, and polls after each step. */
    private final class Guest implements AutoCloseable {
        private final CountDownLatch started = new CountDownLatch(1);
        private volatile boolean stops;
        private final FutureTask<Void> run = new FutureTask<>(this::run, null);

        /** Set before the start is announced. */
        private volatile @Nullable Registers set;

        /** Whether the guest stores to memory; otherwise it never leaves GUEST. */
        private final boolean stores;

        Guest(boolean stores) throws InterruptedException {
            this.stores = stores;
            new Thread(run, "guest").start();
            started.await();
        }

        @SuppressWarnings("try") // only closed
        private void run() {
            try (Cpu cpu = fixture.machine.claimCpu()) {
                cpu.switchTo(fixture.space);
                Registers own = new Registers();
                set = own;
                cpu.onFlush(own);
                cpu.enterGuest();
                while (!stops) {
                    if (stores) {
                        assertEquals(0, cpu.memory().store(at, 8, own.counter));
                    }
                    own.counter++;
                    cpu.poll();
                    started.countDown();
                }
                cpu.leaveGuest();
                cpu.switchTo(null);
            }
        }

        private Registers registers() {
            return Objects.requireNonNull(set);
        }

        @Override
        public void close() {
            stops = true;
            try {
                run.get();
            } catch (Exception failed) {
                throw new AssertionError(failed);
            }
        }
    }

    @Test
    @DisplayName("one in GUEST is called on its thread, and the checkpoint contains what its registers tell")
    void instant() throws InterruptedException {
        List<Checkpoint> all = new ArrayList<>();
        Guest guest = new Guest(true);
        for (int i = 0; i < 200; i++) {
            all.add(fixture.space.checkpoint());
        }
        guest.close();
        Registers registers = guest.registers();
        List<Long> known = registers.checkpoints;
        for (int i = all.size() - 1; i >= 0; i--) {
            all.get(i).restore();
            long number = all.get(i).number();
            // A guest whose store waited in a fault during several checkpoints was notified of the last one.
            int of = 0;
            while (of < known.size() - 1 && known.get(of) < number) {
                of++;
            }
            assertTrue(known.get(of) >= number, "no listener was called for checkpoint " + i);
            assertEquals(registers.saved.get(of) - 1, fixture.load(at), "the last store before checkpoint " + i);
        }
        all.forEach(Checkpoint::close);
        fixture.closeEmpty();
    }

    @Test
    @SuppressWarnings("try") // only closed
    @DisplayName("one that enters GUEST after a return is called for it before, also if another checkpoint begins then")
    void enteringBesideNextCut() throws Exception {
        List<String> told = new ArrayList<>();
        TlbContext context = fixture.layout().pages().context;
        FutureTask<Checkpoint> next = new FutureTask<>(fixture.space::checkpoint);
        long[] before = new long[1];
        FlushListener listener = new FlushListener() {
            private long flushed;

            @Override
            public void flushed(long start, long end, MmuNotifier.Reason reason, long generation) {
                flushed = generation;
                // The CPU has read the generation to which it flushes. The checkpoint then waits for this CPU.
                if (before[0] != 0) {
                    long last = before[0];
                    before[0] = 0;
                    new Thread(next, "checkpoint").start();
                    Await.until("the next cut has its generation", () -> context.noticed() > last);
                }
            }

            @Override
            public void checkpointed(long checkpoint) {
                told.add("checkpoint " + checkpoint + (flushed < checkpoint ? ", too early" : ""));
            }

            @Override
            public void restored(long checkpoint) {
                told.add("return to " + checkpoint);
            }
        };
        fixture.cpu.onFlush(listener);
        fixture.cpu.enterGuest();
        fixture.cpu.leaveGuest();
        try (Checkpoint first = fixture.space.checkpoint()) {
            first.restore();
            before[0] = context.noticed();
            fixture.cpu.enterGuest();
            assertEquals("return to " + first.number(), told.get(0));
            fixture.cpu.poll();
            fixture.cpu.leaveGuest();
            try (Checkpoint second = next.get()) {
                assertEquals(List.of("return to " + first.number(), "checkpoint " + second.number()), told);
            }
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("one in GUEST is called before the checkpoint returns")
    void before() throws InterruptedException {
        try (Guest guest = new Guest(false)) {
            for (int i = 1; i <= 100; i++) {
                try (Checkpoint checkpoint = fixture.space.checkpoint()) {
                    assertEquals(i, guest.registers().checkpoints.size());
                    assertEquals(
                            checkpoint.number(), guest.registers().checkpoints.get(i - 1));
                }
            }
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("of a running guest put the registers back; a plain restore is refused meanwhile")
    void restored() throws InterruptedException {
        try (Guest guest = new Guest(false);
                Checkpoint checkpoint = fixture.space.checkpoint()) {
            IllegalStateException refused = assertThrows(IllegalStateException.class, checkpoint::restore);
            assertTrue(("" + refused.getMessage()).contains("GUEST"));
            for (int i = 1; i <= 100; i++) {
                checkpoint.restoreRunning();
                assertEquals(i, guest.registers().restores.get());
            }
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("of a CPU outside GUEST are called before its next access, once, and not for what was before it came")
    void outside() {
        Registers registers = new Registers();
        fixture.store(at, 1);
        fixture.space.checkpoint().close();
        fixture.cpu.onFlush(registers);
        fixture.load(at);
        int before = registers.checkpoints.size();
        Checkpoint first = fixture.space.checkpoint();
        Checkpoint second = fixture.space.checkpoint();
        assertTrue(first.number() < second.number());
        assertEquals(before, registers.checkpoints.size());
        fixture.load(at + PAGE);
        fixture.load(at);
        assertEquals(List.of(second.number()), registers.checkpoints.subList(before, registers.checkpoints.size()));
        registers.counter = 7;
        second.restore();
        assertEquals(7, registers.counter);
        fixture.load(at);
        assertEquals(1, registers.counter);
        first.close();
        second.close();
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("that throw are reported, and the checkpoint stands")
    void failing() throws InterruptedException {
        try (Guest guest = new Guest(false)) {
            guest.registers().fails = true;
            try (Checkpoint checkpoint = fixture.space.checkpoint()) {
                assertTrue(guest.registers().checkpoints.contains(checkpoint.number()));
            }
        }
        assertEquals(
                1,
                fixture.reports.stream()
                        .filter(report -> report.kind() == Report.Kind.CALLBACK_FAILED)
                        .count());
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("of a CPU that missed a restore and a checkpoint are called for both")
    void missed() {
        Registers registers = new Registers();
        fixture.cpu.onFlush(registers);
        fixture.store(at, 1);
        Checkpoint first = fixture.space.checkpoint();
        fixture.load(at);
        registers.counter = 7;
        first.restore();
        Checkpoint second = fixture.space.checkpoint();
        fixture.load(at);
        assertEquals(1, registers.restores.get());
        assertEquals(1, registers.counter);
        assertEquals(List.of(first.number(), second.number()), registers.checkpoints);
        first.close();
        second.close();
        fixture.closeEmpty();
    }

    /** A guest in GUEST, whose thread calls actions when it is notified of flushes, and of a restore. */
    private static final class Stopped implements AutoCloseable {
        private final CountDownLatch started = new CountDownLatch(1);
        private volatile boolean stops;
        private final FutureTask<Void> run;

        Stopped(SpaceFixture of, Runnable inFlush, Runnable inRestore) throws InterruptedException {
            run = new FutureTask<>(() -> run(of, inFlush, inRestore), null);
            new Thread(run, "stopped").start();
            started.await();
        }

        private void run(SpaceFixture of, Runnable inFlush, Runnable inRestore) {
            try (Cpu cpu = of.machine.claimCpu()) {
                cpu.switchTo(of.space);
                cpu.onFlush(new FlushListener() {
                    @Override
                    public void flushed(long start, long end, MmuNotifier.Reason reason, long generation) {
                        inFlush.run();
                    }

                    @Override
                    public void restored(long checkpoint) {
                        inRestore.run();
                    }
                });
                cpu.enterGuest();
                while (!stops) {
                    cpu.poll();
                    started.countDown();
                }
                cpu.leaveGuest();
                cpu.switchTo(null);
            }
        }

        @Override
        public void close() {
            stops = true;
            try {
                run.get();
            } catch (Exception failed) {
                throw new AssertionError(failed);
            }
        }
    }

    @Test
    @SuppressWarnings("try") // only closed
    @DisplayName("may run while a hole is punched: the private page above it is put back")
    void punched() throws InterruptedException {
        MemoryFile file = fixture.file(2);
        long ofFile = fixture.map(0, 2, SpaceFixture.RW, Mman.PRIVATE, file.open(), 0);
        fixture.store(ofFile, 0x55);
        try (Checkpoint checkpoint = fixture.space.checkpoint()) {
            assertEquals(0, fixture.space.madvise(ofFile, PAGE, Mman.DONTNEED));
            assertEquals(0x100, fixture.load(ofFile));
            Runnable punch = () -> await(() -> file.punch(0, PAGE));
            try (Stopped guest = new Stopped(fixture, () -> {}, punch)) {
                assertEquals(1, checkpoint.restoreRunning());
            }
            assertEquals(0x55, fixture.load(ofFile));
        }
        fixture.close();
    }

    /** Runs an action on another thread, and waits for it. */
    private static void await(Runnable action) {
        FutureTask<?> task = new FutureTask<>(action, null);
        new Thread(task, "another").start();
        try {
            task.get();
        } catch (Exception failed) {
            throw new AssertionError(failed);
        }
    }

    @Test
    @SuppressWarnings("try") // only closed
    @DisplayName("may run while a page is pinned for writing: the restore is refused, and the pin keeps its page")
    void pinned() throws InterruptedException {
        fixture.store(at, 1);
        List<PinnedFrame> pins = new CopyOnWriteArrayList<>();
        AtomicBoolean isArmed = new AtomicBoolean();
        Runnable pin = () -> {
            if (isArmed.getAndSet(false)) {
                await(() -> {
                    try (Cpu cpu = fixture.machine.claimCpu()) {
                        cpu.switchTo(fixture.space);
                        pins.add(SpaceFixture.pin(cpu.memory(), at, SpaceFixture.RW));
                        cpu.switchTo(null);
                    }
                });
            }
        };
        try (Checkpoint checkpoint = fixture.space.checkpoint()) {
            // The end of this one flushes, after the restore has looked for pins.
            fixture.space.checkpoint();
            fixture.store(at, 2);
            try (Stopped guest = new Stopped(fixture, pin, () -> {})) {
                isArmed.set(true);
                assertThrows(IllegalStateException.class, checkpoint::restoreRunning);
            }
            SpaceFixture.write(pins.get(0), 9);
            assertEquals(9, fixture.load(at));
            pins.get(0).close();
            checkpoint.restore();
            assertEquals(1, fixture.load(at));
        }
        fixture.closeEmpty();
    }

    @Test
    @DisplayName(
            "may run while a page is pinned for writing after the restore has begun to claim others: it is refused")
    void pinnedBesideClaims() throws Exception {
        HookedFrames[] made = new HookedFrames[1];
        SpaceFixture held = new SpaceFixture(Machine.builder().memory(1 << 20).frameStore((shift, count) -> {
            made[0] = new HookedFrames(shift, count);
            return made[0];
        }));
        long first = held.anonymous(2);
        held.store(first, 1);
        held.store(first + PAGE, 1);
        try (Checkpoint checkpoint = held.space.checkpoint();
                OtherCpu other = new OtherCpu(held.space)) {
            held.store(first + PAGE, 2);
            HookedFrames.Hold hold = made[0].holdNextCopy();
            Future<Integer> stored = other.submit(cpu -> cpu.memory().store(first, 8, 2));
            Latches.await(hold.reached);
            FutureTask<Long> restored = new FutureTask<>(checkpoint::restoreRunning);
            Thread restoring = new Thread(restored, "restoring");
            restoring.start();
            while (restoring.getState() != Thread.State.WAITING && restoring.getState() != Thread.State.TIMED_WAITING) {
                Thread.onSpinWait();
            }
            PinnedFrame pin = SpaceFixture.pin(held.memory, first + PAGE, SpaceFixture.RW);
            hold.released.countDown();
            assertInstanceOf(
                    IllegalStateException.class,
                    assertThrows(ExecutionException.class, restored::get).getCause());
            assertEquals(Fault.NONE, Await.result("store", stored, held.reports));
            SpaceFixture.write(pin, 9);
            assertEquals(9, held.load(first + PAGE));
            pin.close();
            assertEquals(2, checkpoint.restore());
            assertEquals(1, held.load(first));
            assertEquals(1, held.load(first + PAGE));
        }
        held.closeEmpty();
        fixture.close();
    }

    @Test
    @SuppressWarnings("try") // only closed
    @DisplayName("may run while an asynchronous call has the last place for grace periods, and waits for the restore")
    void bounded() throws Exception {
        SpaceFixture small = new SpaceFixture(Machine.builder().memory(1 << 20).boundGracePeriods(1, false));
        long mapped = small.anonymous(1);
        long other = small.anonymous(1);
        small.store(mapped, 1);
        AtomicBoolean isArmed = new AtomicBoolean();
        FutureTask<Long> unmapped =
                new FutureTask<>(() -> small.space.munmapAsync(other, PAGE).get());
        Thread unmapping = new Thread(unmapped, "unmapping");
        Runnable unmap = () -> {
            if (isArmed.getAndSet(false)) {
                unmapping.start();
                while (unmapping.getState() != Thread.State.WAITING
                        && unmapping.getState() != Thread.State.TIMED_WAITING) {
                    Thread.onSpinWait();
                }
            }
        };
        try (Checkpoint checkpoint = small.space.checkpoint()) {
            small.space.checkpoint();
            assertEquals(0, small.space.munmap(mapped, PAGE));
            small.machine.awaitQuiescence();
            try (Stopped guest = new Stopped(small, unmap, () -> {})) {
                isArmed.set(true);
                assertEquals(1, checkpoint.restoreRunning());
            }
            assertEquals(0, unmapped.get());
            assertEquals(1, small.load(mapped));
        }
        small.closeEmpty();
        fixture.close();
    }
}
