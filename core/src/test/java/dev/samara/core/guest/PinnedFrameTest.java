// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.BorrowedSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.lang.ref.WeakReference;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("I3, I8: A pin names its memory and its frame")
final class PinnedFrameTest {
    private static final Geometry BIG = new Geometry(14, 4, 25, 0x10000, (1L << 47) - 0x10000, (1L << 47) - 0x10000);
    private static final long AT = 0x100000;
    private static final long LENGTH = 0x10000;
    private static final int FIXED = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
    private static final int ROUNDS = 20_000;

    private static MachineBuilder builder() {
        return Machine.builder().memory(1 << 22).poisonFrames(true);
    }

    private static AddressSpace mapped(Machine machine, Geometry geometry) {
        AddressSpace space = machine.newSpace(geometry);
        assertEquals(AT, space.mmap(AT, LENGTH, RW, FIXED, null, 0));
        return space;
    }

    /** Stores numbers in a space until one is in a frame with the number of another pin's frame, and pins it. */
    private static PinnedFrame pinnedLike(PinnedFrame other, Cpu cpu, AddressSpace space) {
        cpu.switchTo(space);
        long size = space.geometry().pageSize();
        for (long at = AT; at < AT + LENGTH; at += size) {
            assertFault(Fault.NONE, cpu.memory().store(at, 8, 16));
            PinnedFrame pinned = SpaceFixture.pin(cpu.memory(), at, WRITE);
            if (pinned.frame() == other.frame()) {
                return pinned;
            }
            pinned.close();
        }
        throw new AssertionError("frame " + other.frame() + " is not in use in " + space);
    }

    /** Runs an action in a separate thread, which has no CPU. */
    private static void inAnotherThread(Runnable what) throws Exception {
        FutureTask<@Nullable Void> task = new FutureTask<>(what, null);
        Thread thread = new Thread(task);
        thread.start();
        Await.result("another thread", task, List.of());
        thread.join();
    }

    /**
     * Uses two memories with the same frame numbers; a CPU releases its pin of the first one while it is in the second.
     */
    private static void releaseInTheOther(Machine first, Geometry geometry, Machine second, Geometry other) {
        try (Cpu one = first.claimCpu();
                Cpu device = second.claimCpu();
                AddressSpace small = mapped(first, geometry);
                AddressSpace big = mapped(second, other)) {
            one.switchTo(small);
            assertFault(Fault.NONE, one.memory().store(AT, 8, 4));
            PinnedFrame mine = SpaceFixture.pin(one.memory(), AT, WRITE);
            PinnedFrame foreign = pinnedLike(mine, device, big);
            assertEquals(geometry.pageSize(), mine.pageSize());
            assertEquals(other.pageSize(), foreign.pageSize());
            one.switchTo(big);
            assertEquals(4, SpaceFixture.read(mine), "read while the CPU is elsewhere");
            mine.close();
            assertThrows(IllegalStateException.class, mine::close);
            assertEquals(0, small.munmap(AT, LENGTH));
            assertEquals(0, big.munmap(AT, LENGTH));
            assertEquals(16, SpaceFixture.read(foreign), "the frame of the other pin");
            assertEquals(1, second.statistics().framesInUse());
            foreign.close();
            assertEquals(0, first.statistics().framesInUse());
            assertEquals(0, second.statistics().framesInUse());
        }
    }

    @Test
    @DisplayName("released in a space of another page size, it takes no pin away that another CPU has there")
    void otherPageSize() {
        Machine machine = builder().build();
        releaseInTheOther(machine, GEOMETRY, machine, BIG);
        machine.close();
    }

    @Test
    @DisplayName("released in a space of another machine, it takes no pin away that another CPU has there")
    void otherMachine() {
        Machine first = builder().build();
        Machine second = builder().build();
        releaseInTheOther(first, GEOMETRY, second, GEOMETRY);
        first.close();
        second.close();
    }

    @Test
    @DisplayName("may be released by a CPU in GUEST, in LAZY, in a borrow and without a space")
    void inEachState() {
        try (SpaceFixture fixture = new SpaceFixture(builder())) {
            Cpu cpu = fixture.cpu;
            releaseIn(fixture, cpu::enterGuest, cpu::leaveGuest);
            releaseIn(fixture, cpu::enterLazy, () -> cpu.switchTo(fixture.space));
            releaseIn(fixture, () -> cpu.switchTo(null), () -> cpu.switchTo(fixture.space));
            AtomicReference<@Nullable BorrowedSpace> borrowed = new AtomicReference<>();
            releaseIn(
                    fixture,
                    () -> borrowed.set(cpu.use(fixture.space, () -> {})),
                    () -> Objects.requireNonNull(borrowed.get()).close());
        }
    }

    private static void releaseIn(SpaceFixture fixture, Runnable begin, Runnable end) {
        long at = fixture.anonymous(1);
        fixture.store(at, 42);
        PinnedFrame pinned = fixture.pin(at, READ);
        assertEquals(0, fixture.space.munmap(at, PAGE));
        begin.run();
        assertEquals(42, SpaceFixture.read(pinned));
        pinned.close();
        assertEquals(0, fixture.machine.statistics().pins());
        assertEquals(0, fixture.frames());
        end.run();
    }

    @Test
    @DisplayName("may be released by a thread without a CPU, after the end of CPU and space")
    void afterTheEnd() throws Exception {
        SpaceFixture fixture = new SpaceFixture(builder());
        long at = fixture.anonymous(1);
        fixture.store(at, 42);
        PinnedFrame pinned = fixture.pin(at, WRITE);
        fixture.close();
        assertEquals(1, fixture.frames());
        inAnotherThread(() -> {
            assertEquals(42, SpaceFixture.read(pinned));
            pinned.close();
        });
        assertEquals(0, fixture.frames());
        fixture.machine.close();
    }

    @Test
    @DisplayName("may be released after the end of the thread that has taken it")
    void afterTheThread() throws Exception {
        Machine machine = builder().build();
        AddressSpace space = mapped(machine, GEOMETRY);
        List<PinnedFrame> pins = new ArrayList<>();
        inAnotherThread(() -> {
            Cpu cpu = machine.claimCpu();
            cpu.switchTo(space);
            assertFault(Fault.NONE, cpu.memory().store(AT, 8, 42));
            pins.add(SpaceFixture.pin(cpu.memory(), AT, WRITE));
        });
        space.close();
        machine.awaitQuiescence();
        assertEquals(1, machine.statistics().framesInUse());
        assertEquals(42, SpaceFixture.read(pins.get(0)));
        pins.get(0).close();
        assertEquals(0, machine.statistics().framesInUse());
        machine.close();
    }

    @Test
    @DisplayName("delays no close of its machine, keeps its bytes after that, and may be released then")
    void afterTheMachine() {
        SpaceFixture fixture = new SpaceFixture(builder());
        long at = fixture.anonymous(1);
        fixture.store(at, 42);
        PinnedFrame pinned = fixture.pin(at, WRITE);
        fixture.close();
        fixture.machine.close();
        SpaceFixture.write(pinned, 43);
        assertEquals(43, SpaceFixture.read(pinned));
        pinned.close();
        assertThrows(IllegalStateException.class, pinned::close);
    }

    @Test
    @DisplayName("released a second time is refused, and keeps the pins that others have of the frame")
    void secondRelease() {
        try (SpaceFixture fixture = new SpaceFixture(builder())) {
            long at = fixture.anonymous(1);
            fixture.store(at, 42);
            PinnedFrame one = fixture.pin(at, WRITE);
            PinnedFrame other = fixture.pin(at, READ);
            assertTrue(one.isWritable());
            assertFalse(other.isWritable());
            assertEquals(one.frame(), other.frame());
            String text = one.toString();
            assertTrue(text.startsWith("pin for writing of frame " + one.frame() + ' '), text);
            one.close();
            IllegalStateException refused = assertThrows(IllegalStateException.class, one::close);
            assertTrue(String.valueOf(refused.getMessage()).startsWith("a " + text + " was released a second time"));
            assertThrows(IllegalStateException.class, one::frame, "it may be another page");
            assertEquals("released " + text, one.toString());
            assertEquals(0, fixture.space.munmap(at, PAGE));
            assertEquals(1, fixture.machine.statistics().pins());
            assertEquals(1, fixture.frames());
            assertEquals(42, SpaceFixture.read(other));
            other.close();
            assertEquals(0, fixture.frames());
        }
    }

    @Test
    @DisplayName("released by two threads at once is refused to one of them")
    void twoReleases() throws Exception {
        try (SpaceFixture fixture = new SpaceFixture(builder())) {
            long at = fixture.anonymous(1);
            fixture.store(at, 42);
            PinnedFrame last = fixture.pin(at, READ);
            List<PinnedFrame> pins = new ArrayList<>();
            for (int i = 0; i < ROUNDS; i++) {
                pins.add(fixture.pin(at, READ));
            }
            assertEquals(0, fixture.space.munmap(at, PAGE));
            boolean[][] refused = new boolean[2][ROUNDS];
            CyclicBarrier barrier = new CyclicBarrier(2);
            ExecutorService threads = Executors.newFixedThreadPool(2);
            List<FutureTask<@Nullable Void>> tasks = new ArrayList<>();
            for (boolean[] mine : refused) {
                FutureTask<@Nullable Void> task = new FutureTask<>(() -> {
                    barrier.await();
                    for (int i = 0; i < ROUNDS; i++) {
                        mine[i] = isRefused(pins.get(i));
                    }
                    return null;
                });
                tasks.add(task);
                threads.execute(task);
            }
            for (FutureTask<@Nullable Void> task : tasks) {
                task.get();
            }
            threads.shutdown();
            for (int i = 0; i < ROUNDS; i++) {
                assertTrue(refused[0][i] ^ refused[1][i]);
            }
            assertEquals(1, fixture.machine.statistics().pins());
            assertEquals(42, SpaceFixture.read(last));
            last.close();
            assertEquals(0, fixture.frames());
        }
    }

    private static boolean isRefused(PinnedFrame pinned) {
        try {
            pinned.close();
            return false;
        } catch (IllegalStateException refused) {
            return true;
        }
    }

    @Test
    @DisplayName("on a machine that tracks references, is listed until its release, which a second one names")
    void tracked() {
        try (SpaceFixture fixture = new SpaceFixture(builder().trackReferences(true))) {
            Machine machine = fixture.machine;
            long at = fixture.anonymous(1);
            fixture.store(at, 42);
            PinnedFrame pinned = fixture.pin(at, WRITE);
            List<Throwable> left = machine.outstandingReferences();
            assertEquals(1, left.size());
            String where = String.valueOf(left.get(0).getMessage());
            assertTrue(where.endsWith(": " + pinned), where);
            pinned.close();
            assertEquals(List.of(), machine.outstandingReferences());
            Throwable first =
                    assertThrows(IllegalStateException.class, pinned::close).getCause();
            assertSame(left.get(0), Objects.requireNonNull(first).getCause());
        }
    }

    @Test
    @DisplayName("that is lost keeps its frame, and the statistics count it")
    void lost() {
        try (SpaceFixture fixture = new SpaceFixture(builder())) {
            WeakReference<PinnedFrame> lost = lose(fixture);
            Await.collected("a pin", lost);
            assertEquals(1, fixture.machine.statistics().pins());
            assertEquals(1, fixture.frames());
        }
    }

    private static WeakReference<PinnedFrame> lose(SpaceFixture fixture) {
        long at = fixture.anonymous(1);
        fixture.store(at, 42);
        WeakReference<PinnedFrame> lost = new WeakReference<>(fixture.pin(at, WRITE));
        assertEquals(0, fixture.space.munmap(at, PAGE));
        return lost;
    }

    @Test
    @DisplayName("taken of a page that has as many as can be counted is OUT_OF_MEMORY, and leaves the pins that there"
            + " are")
    void tooManyPins() {
        SpaceFixture fixture = new SpaceFixture(builder());
        GuestMemory memory = fixture.memory;
        long at = fixture.anonymous(1);
        Deque<PinnedFrame> pins = new ArrayDeque<>();
        for (PinnedFrame last = memory.pin(at, WRITE); last != null; last = memory.pin(at, WRITE)) {
            pins.add(last);
        }
        assertFault(Fault.OUT_OF_MEMORY, memory.fault());
        assertEquals(at, memory.faultAddress());
        assertEquals(pins.size(), fixture.machine.statistics().pins());
        int frame = pins.getFirst().frame();
        pins.remove().close();
        pins.add(fixture.pin(at, READ));
        assertEquals(frame, pins.getLast().frame());
        assertNull(memory.pin(at, READ));
        assertEquals(0, fixture.space.munmap(at, PAGE));
        assertTrue(pins.size() > 1_000_000, () -> pins.size() + " pins");
        while (pins.size() > 1) {
            pins.remove().close();
        }
        assertEquals(1, fixture.frames());
        pins.remove().close();
        assertEquals(0, fixture.frames());
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("does not exist where the access is not allowed, and the fault is told")
    void pinFails() {
        SpaceFixture fixture = new SpaceFixture(builder());
        GuestMemory memory = fixture.memory;
        long at = fixture.map(0, 1, READ, ANONYMOUS, null, 0);
        assertNull(memory.pin(at, WRITE));
        assertFault(Fault.ACCERR, memory.fault());
        assertNull(memory.pin(at + PAGE, READ));
        assertFault(Fault.MAPERR, memory.fault());
        assertEquals(at + PAGE, memory.faultAddress());
        // The zero page is neither counted nor freed.
        PinnedFrame zero = fixture.pin(at, READ);
        assertEquals(0, fixture.machine.statistics().pins());
        assertEquals(0, SpaceFixture.read(zero));
        zero.close();
        assertEquals(0, fixture.load(at));
        fixture.closeEmpty();
    }

    @Test
    @DisplayName("counts as a miss of the TLB, which it does not ask")
    void missOfThePin() {
        SpaceFixture fixture = new SpaceFixture(builder());
        long at = fixture.anonymous(1);
        fixture.store(at, 42);
        assertEquals(42, fixture.load(at));
        long before = fixture.cpu.statistics().tlbMisses();
        assertEquals(42, fixture.load(at));
        assertEquals(before, fixture.cpu.statistics().tlbMisses());
        fixture.pin(at, READ).close();
        assertEquals(before + 1, fixture.cpu.statistics().tlbMisses());
        fixture.closeEmpty();
    }
}
