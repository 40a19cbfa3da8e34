// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.mman.Mman;
import dev.samara.wasm.PlainMemory.EndedException;
import dev.samara.wasm.PlainMemory.OutOfBoundsException;
import dev.samara.wasm.PlainMemory.TrapException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.Function;
import java.util.function.ToIntFunction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.function.Executable;

@DisplayName("Threads that share a memory")
@SuppressWarnings("ThreadPriorityCheck") // a yield, repeated until another thread sleeps
final class MemoryWaitsTest {
    private static final long FOREVER = -1;

    private final Machine machine = Machine.builder().memory(64L << 20).build();
    private final LinearMemory memory = new PlainMemory(machine, 1, 2, true);

    @AfterEach
    void close() {
        memory.close();
        machine.close();
    }

    /** Starts a thread that waits within its own view, and returns once it sleeps. */
    private FutureTask<Integer> waiter(ToIntFunction<LinearMemory> wait) {
        LinearMemory view = memory.view();
        FutureTask<Integer> result = new FutureTask<>(() -> view.enter(() -> wait.applyAsInt(view)));
        int before = machine.futexes().waiters();
        new Thread(result).start();
        while (machine.futexes().waiters() == before) {
            Thread.yield();
        }
        return result;
    }

    @Test
    @DisplayName("wait at words of four and of eight bytes until they are notified, in the order of their waits")
    void wakes() throws Exception {
        memory.writeI32(8, 5);
        memory.writeLong(16, 1L << 40);
        FutureTask<Integer> first = waiter(view -> view.atomicWait(8, 5, FOREVER));
        FutureTask<Integer> second = waiter(view -> view.atomicWait(8, 5, Long.MAX_VALUE));
        FutureTask<Integer> wide = waiter(view -> view.atomicWait(16, 1L << 40, FOREVER));
        assertEquals(0, memory.atomicNotify(8, 0));
        assertEquals(0, memory.atomicNotify(12, 1));
        assertEquals(1, memory.atomicNotify(8, 1));
        assertEquals(0, first.get());
        assertEquals(1, memory.atomicNotify(8, -1));
        assertEquals(0, second.get());
        assertEquals(1, memory.atomicNotify(16, -1));
        assertEquals(0, wide.get());
        assertEquals(0, memory.atomicNotify(8, -1));
        assertEquals(0, machine.futexes().waiters());
    }

    @Test
    @DisplayName("do not wait if the word has another value, in its high half too, nor beyond their time")
    void doNotWait() {
        memory.writeLong(16, 1L << 40);
        assertEquals(1, memory.atomicWait(8, 5, 0));
        assertEquals(1, memory.atomicWait(16, 0L, 0));
        assertEquals(1, memory.atomicWait(16, 1L, 0));
        assertEquals(2, memory.atomicWait(16, 1L << 40, 0));
        assertEquals(2, memory.atomicWait(8, 0, 1));
        assertEquals(0, machine.futexes().waiters());
    }

    @Test
    @DisplayName("are not held up by a thread that sleeps: the memory grows and is forked in the meantime")
    void sleepOutside() throws Exception {
        FutureTask<Integer> sleeper = waiter(view -> view.atomicWait(8, 0, FOREVER));
        assertEquals(1, memory.grow(1));
        memory.writeI32(8, 3);
        try (LinearMemory copy = memory.fork()) {
            assertEquals(3, copy.readInt(8));
            assertEquals(0, copy.atomicNotify(8, -1));
        }
        assertEquals(1, memory.atomicNotify(8, -1));
        assertEquals(0, sleeper.get());
    }

    @Test
    @DisplayName("end their wait when they are interrupted, and keep the flag")
    void interrupted() throws Exception {
        LinearMemory view = memory.view();
        FutureTask<Boolean> result = new FutureTask<>(() -> {
            assertThrows(EndedException.class, () -> view.atomicWait(8, 0L, FOREVER));
            return Thread.currentThread().isInterrupted();
        });
        Thread thread = new Thread(result);
        thread.start();
        while (machine.futexes().waiters() == 0) {
            Thread.yield();
        }
        thread.interrupt();
        assertTrue(result.get());
        assertEquals(0, machine.futexes().waiters());
    }

    @Test
    @DisplayName("consume no notification after a wait that was refused, as in a write listener")
    void refused() {
        List<String> refusals = new ArrayList<>();
        memory.space().watch(8, 4, (address, length) -> {
            for (Executable wait : List.<Executable>of(
                    () -> memory.atomicWait(16, 0, FOREVER), () -> memory.atomicWait(16, 0L, FOREVER))) {
                refusals.add(assertThrows(IllegalStateException.class, wait).getMessage());
            }
        });
        memory.writeI32(8, 1);
        assertEquals(2, refusals.size());
        assertEquals(0, machine.futexes().waiters());
        assertEquals(0, memory.atomicNotify(16, -1));
    }

    @Test
    @DisplayName("trap at addresses that are not aligned or outside, and where the memory is not shared")
    void traps() {
        assertThrows(TrapException.class, () -> memory.atomicWait(2, 0, 0));
        assertThrows(TrapException.class, () -> memory.atomicWait(4, 0L, 0));
        assertThrows(OutOfBoundsException.class, () -> memory.atomicWait(65536, 0, 0));
        assertThrows(OutOfBoundsException.class, () -> memory.atomicNotify(-4, 1));
        try (LinearMemory alone = new PlainMemory(machine, 1, 1)) {
            assertThrows(TrapException.class, () -> alone.atomicWait(0, 0, 0));
            assertEquals(0, alone.atomicNotify(0, 1));
        }
    }

    @Test
    @DisplayName("count with atomic updates, each in its view, and lose none")
    void counts() throws ExecutionException, InterruptedException {
        int times = 20_000;
        FutureTask<Integer> other = new FutureTask<>(() -> count(memory.view(), times));
        new Thread(other).start();
        count(memory, times);
        other.get();
        assertEquals(2 * times, memory.readInt(32));
        assertEquals((byte) (2 * times), memory.read(36));
        assertEquals(1, memory.pages());
    }

    private static int count(LinearMemory memory, int times) {
        return memory.enter(() -> {
            for (int i = 0; i < times; i++) {
                memory.atomicAddInt(32, 1);
                memory.atomicAddByte(36, (byte) 1);
            }
            return times;
        });
    }

    @Test
    @DisplayName("grow the memory at the same time, each by its own pages")
    void growTogether() throws Exception {
        try (LinearMemory large = new PlainMemory(machine, 0, 400, true)) {
            FutureTask<Long> other = new FutureTask<>(() -> grow(large.view(), 150));
            new Thread(other).start();
            long sum = grow(large, 150) + other.get();
            assertEquals(300, large.pages());
            assertEquals(299L * 300 / 2, sum);
        }
    }

    @Test
    @Timeout(60)
    @DisplayName("grow one after the other, and are out of GUEST while another one grows")
    void growBehindAnother() throws Exception {
        growBehindAnother(task -> {
            Thread thread = new Thread(task);
            thread.setDaemon(true);
            thread.start();
            return thread;
        });
    }

    @Test
    @Timeout(60)
    @EnabledForJreRange(minVersion = 21)
    @DisplayName("grow one after the other, and hold no carrier of virtual threads while another one grows")
    void growOnVirtualThreads() throws Exception {
        // The project is compiled for a JDK without virtual threads.
        Method start = Thread.class.getMethod("startVirtualThread", Runnable.class);
        growBehindAnother(task -> {
            try {
                return (Thread) start.invoke(null, task);
            } catch (ReflectiveOperationException impossible) {
                throw new LinkageError(impossible.getMessage(), impossible);
            }
        });
    }

    /**
     * A thread in GUEST grows a memory that other threads already grow. The first of these waits for an unmapping,
     * which waits for the thread in GUEST. The others would use up the carriers of virtual threads if they spun.
     */
    private void growBehindAnother(Function<Runnable, Thread> starter) throws Exception {
        LinearMemory grown = new PlainMemory(machine, 1, 400, true);
        AddressSpace space = grown.space();
        int page = LinearMemory.PAGE;
        int flags = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
        assertEquals(2L * page, space.mmap(2L * page, page, Mman.READ | Mman.WRITE, flags, null, 0));
        assertEquals(1, space.write(2L * page, new byte[1], 0, 1));
        CountDownLatch isIn = new CountDownLatch(1);
        CountDownLatch mayGrow = new CountDownLatch(1);
        LinearMemory view = grown.view();
        FutureTask<Integer> last = new FutureTask<>(() -> view.enter(() -> {
            view.writeI32(0, 1);
            isIn.countDown();
            await(mayGrow);
            return view.grow(1);
        }));
        assertNotNull(starter.apply(last));
        isIn.await();
        FutureTask<Long> unmapping = new FutureTask<>(() -> space.munmap(2L * page, page));
        Thread unmapper = new Thread(unmapping);
        unmapper.setDaemon(true);
        unmapper.start();
        awaitParked(unmapper);
        List<FutureTask<Integer>> growths = new ArrayList<>();
        for (int i = 0; i <= Runtime.getRuntime().availableProcessors(); i++) {
            LinearMemory other = grown.view();
            FutureTask<Integer> growth = new FutureTask<>(() -> other.grow(2));
            growths.add(growth);
            awaitParked(starter.apply(growth));
        }
        FutureTask<Boolean> interrupted = new FutureTask<>(() -> {
            assertThrows(EndedException.class, () -> grown.grow(2));
            return Thread.currentThread().isInterrupted();
        });
        Thread waiting = starter.apply(interrupted);
        awaitParked(waiting);
        waiting.interrupt();
        assertTrue(interrupted.get());
        mayGrow.countDown();
        assertEquals(0L, unmapping.get());
        growths.add(last);
        Set<Integer> sizes = new TreeSet<>();
        for (FutureTask<Integer> growth : growths) {
            sizes.add(growth.get());
        }
        assertEquals(1, growths.get(0).get());
        assertEquals(growths.size(), sizes.size());
        assertEquals(1 + 2 * (growths.size() - 1) + 1, grown.pages());
        grown.close();
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException ended) {
            throw new AssertionError(ended);
        }
    }

    private static void awaitParked(Thread thread) {
        while (thread.getState() != Thread.State.WAITING && thread.getState() != Thread.State.TIMED_WAITING) {
            Thread.yield();
        }
    }

    @Test
    @Timeout(60)
    @DisplayName("are in GUEST of none of their memories while they sleep")
    void sleepOutsideEach() throws Exception {
        try (LinearMemory second = new PlainMemory(machine, 1, 1)) {
            FutureTask<Integer> sleeper = waiter(view -> second.enter(() -> {
                second.writeI32(0, 7);
                int result = view.atomicWait(8, 0, FOREVER);
                second.writeI32(0, 8);
                return result;
            }));
            // Would wait for the sleeper.
            try (LinearMemory copy = second.fork()) {
                assertEquals(7, copy.readInt(0));
            }
            assertEquals(1, memory.atomicNotify(8, -1));
            assertEquals(0, sleeper.get());
            assertEquals(8, second.readInt(0));
        }
    }

    private static long grow(LinearMemory memory, int times) {
        return memory.enter(() -> {
            long sum = 0;
            for (int i = 0; i < times; i++) {
                int before = memory.grow(1);
                assertEquals(0, memory.readInt(before * 65536));
                memory.writeI32(before * 65536, 1);
                sum += before;
            }
            return sum;
        });
    }
}
