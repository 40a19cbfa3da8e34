// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Guest;
import dev.samara.core.Machine;
import dev.samara.core.Watchpoint;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.wasm.PlainMemory.MemoryException;
import dev.samara.wasm.PlainMemory.OutOfBoundsException;
import dev.samara.wasm.PlainMemory.TrapException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@DisplayName("A linear memory")
final class LinearMemoryTest {
    private static final int PAGE = LinearMemory.PAGE;

    private final Machine machine = Machine.builder().memory(64L << 20).build();

    @AfterEach
    void close() {
        machine.close();
    }

    private PlainMemory memory(int initial, int maximum) {
        return new PlainMemory(machine, initial, maximum);
    }

    @Test
    @DisplayName("grows up to its maximum, and answers -1 beyond it and for the 2 GiB that runtimes cannot address")
    void grows() {
        try (LinearMemory memory = memory(0, 3)) {
            assertEquals(0, memory.grow(0));
            assertThrows(OutOfBoundsException.class, () -> memory.read(0));
            assertEquals(0, memory.grow(1));
            assertEquals(1, memory.grow(2));
            assertEquals(-1, memory.grow(1));
            assertEquals(-1, memory.grow(-1));
            assertEquals(-1, memory.grow(Integer.MAX_VALUE));
            assertEquals(3, memory.pages());
            memory.writeLong(3 * PAGE - 8, 1);
        }
        try (LinearMemory memory = memory(1, 65_536)) {
            assertEquals(LinearMemory.MAXIMUM_PAGES, memory.maximumPages());
            assertEquals(-1, memory.grow(LinearMemory.MAXIMUM_PAGES));
            assertEquals(1, memory.grow(LinearMemory.MAXIMUM_PAGES - 1));
            int last = LinearMemory.MAXIMUM_PAGES * PAGE - 1;
            memory.writeByte(last, (byte) 7);
            assertEquals(7, memory.read(last));
            assertThrows(OutOfBoundsException.class, () -> memory.writeShort(last, (short) 0));
        }
    }

    @Test
    @DisplayName("is refused if the machine does not allow its initial size, and does not grow beyond that either")
    void limitOfMachine() {
        try (Machine small =
                Machine.builder().memory(1L << 20).commitLimit(4L * PAGE).build()) {
            assertThrows(MemoryException.class, () -> new PlainMemory(small, 5, 8));
            try (LinearMemory memory = new PlainMemory(small, 3, 8)) {
                assertEquals(-1, memory.grow(2));
                assertEquals(3, memory.grow(1));
            }
        }
    }

    @Test
    @DisplayName(
            "is refused with the runtimes' limit if its initial size exceeds that, and with the machine's otherwise")
    void saysWhichLimit() {
        int pages = LinearMemory.MAXIMUM_PAGES + 1;
        MemoryException refused = assertThrows(MemoryException.class, () -> memory(pages, pages));
        assertEquals(
                "no room for a memory of 32768 pages: the runtime addresses at most 32767 pages", refused.getMessage());
        try (Machine small =
                Machine.builder().memory(1L << 20).commitLimit(4L * PAGE).build()) {
            refused = assertThrows(MemoryException.class, () -> new PlainMemory(small, 5, 8));
            assertEquals("no room for a memory of 5 pages: the machine's limits do not allow it", refused.getMessage());
        }
    }

    @Test
    @Timeout(60)
    @DisplayName("can grow after a growth that failed with an exception")
    void growsAfterFailure() {
        try (LinearMemory memory = memory(1, 4);
                AddressSpace other = machine.newSpace(LinearMemory.PAGES_64K)) {
            LinearMemory view = memory.view();
            try (Guest guest = other.enter()) {
                // This guest does not leave GUEST for calls that may wait.
                assertThrows(IllegalStateException.class, () -> memory.grow(1));
                assertEquals(1, memory.pages());
                guest.leave();
                assertEquals(1, view.grow(1));
            }
            assertEquals(2, memory.grow(1));
            assertEquals(3, view.pages());
        }
    }

    @Test
    @DisplayName("has traps that say what failed, and changes nothing then")
    void traps() {
        try (LinearMemory memory = memory(1, 1)) {
            OutOfBoundsException trap =
                    assertThrows(OutOfBoundsException.class, () -> memory.writeI32(PAGE - 2, 0x01020304));
            assertEquals("out of bounds memory access: SEGV_MAPERR at address 65536, size 4", trap.getMessage());
            assertEquals(0, memory.readShort(PAGE - 2));
            assertThrows(OutOfBoundsException.class, () -> memory.read(-1));
            assertThrows(TrapException.class, () -> memory.atomicReadInt(2));
            assertEquals(0, memory.space().mprotect(0, PAGE, Mman.READ));
            trap = assertThrows(OutOfBoundsException.class, () -> memory.writeByte(9, (byte) 1));
            assertEquals("out of bounds memory access: SEGV_ACCERR at address 9, size 1", trap.getMessage());
            assertEquals(0, memory.read(9));
        }
    }

    @Test
    @DisplayName("traps when the machine has no memory left")
    void outOfMemory() {
        try (Machine small =
                        Machine.builder().memory(2L * PAGE).memoryPiece(PAGE).build();
                LinearMemory memory = new PlainMemory(small, 8, 8)) {
            OutOfBoundsException trap = assertThrows(OutOfBoundsException.class, () -> {
                for (int i = 0; i < 8; i++) {
                    memory.writeByte(i * PAGE, (byte) 1);
                }
            });
            assertTrue(String.valueOf(trap.getMessage()).startsWith("out of memory at address "), trap.getMessage());
        }
    }

    @Test
    @DisplayName("needs 4 GiB of addresses from 0, in pages that divide those of WebAssembly")
    void geometries() {
        new PlainMemory(machine, Geometry.flat(32)).close();
        for (Geometry geometry :
                List.of(Geometry.LINUX_X86_64, Geometry.flat(31), new Geometry(17, 2, 47, 0, 1L << 32, 1L << 32))) {
            assertThrows(IllegalArgumentException.class, () -> new PlainMemory(machine, geometry));
        }
    }

    @Test
    @DisplayName("is used by one thread at a time; another one is refused by name, and has a view of its own")
    void threads() throws Exception {
        try (LinearMemory memory = memory(1, 2)) {
            LinearMemory view = memory.view();
            CountDownLatch isIn = new CountDownLatch(1);
            CountDownLatch isSeen = new CountDownLatch(1);
            FutureTask<Boolean> other = new FutureTask<>(() -> memory.enter(() -> {
                isIn.countDown();
                // Outside GUEST, like a host function that waits.
                return memory.leave(() -> {
                    try {
                        isSeen.await();
                    } catch (InterruptedException ended) {
                        throw new AssertionError(ended);
                    }
                    return true;
                });
            }));
            Thread thread = new Thread(other, "first");
            thread.start();
            isIn.await();
            view.writeI32(4, 99);
            assertEquals(1, view.grow(1));
            isSeen.countDown();
            assertTrue(other.get());
            assertEquals(99, memory.readInt(4));
            assertEquals(2, memory.pages());
            FutureTask<String> refused = new FutureTask<>(() ->
                    String.valueOf(assertThrows(IllegalStateException.class, () -> memory.enter(() -> 0))
                            .getMessage()));
            memory.enter(() -> {
                Thread second = new Thread(refused);
                second.start();
                try {
                    return refused.get();
                } catch (Exception failed) {
                    throw new AssertionError(failed);
                }
            });
            String name = Thread.currentThread().getName();
            assertTrue(refused.get().contains(" of thread " + name + " uses memory of 2 pages"), refused.get());
        }
    }

    @Test
    @DisplayName("can be entered again within, and left for calls that wait, from which it comes back")
    void nesting() {
        try (LinearMemory memory = memory(1, 4)) {
            int sum = memory.enter(() -> {
                memory.writeI32(0, 1);
                int inner = memory.enter(() -> memory.readInt(0));
                int left = memory.leave(() -> {
                    memory.writeI32(4, 2);
                    return memory.enter(() -> memory.readInt(4)) + memory.readInt(0);
                });
                assertEquals(1, memory.grow(1));
                memory.writeI32(PAGE, 4);
                try (LinearMemory copy = memory.fork()) {
                    memory.writeI32(PAGE, 8);
                    assertEquals(4, copy.readInt(PAGE));
                    assertEquals(2, copy.pages());
                    assertEquals(2, copy.grow(1));
                }
                return inner + left + memory.readInt(PAGE);
            });
            assertEquals(1 + 3 + 8, sum);
        }
    }

    @Test
    @DisplayName("stays the memory of a thread that has left for a while: another thread is refused")
    void refusedMeanwhile() {
        try (LinearMemory memory = memory(1, 1)) {
            FutureTask<String> other = new FutureTask<>(() -> {
                IllegalStateException refused = assertThrows(IllegalStateException.class, () -> memory.enter(() -> 0));
                return refused.getMessage();
            });
            memory.enter(() -> memory.leave(() -> {
                // Within leave, this thread enters again for an access, and for its own code.
                memory.writeI32(0, 5);
                assertEquals(5, memory.enter(() -> memory.readInt(0)));
                Thread thread = new Thread(other, "second");
                thread.start();
                join(thread);
                memory.writeI32(0, 6);
                return 0;
            }));
            assertTrue(get(other).startsWith("thread " + Thread.currentThread().getName() + " uses memory of 1 pages"));
            assertEquals(6, memory.readInt(0));
        }
    }

    @Test
    @DisplayName("lets one thread in of two that come at the same time")
    void oneAtATime() {
        try (LinearMemory memory = memory(1, 1)) {
            AtomicInteger inside = new AtomicInteger();
            AtomicInteger together = new AtomicInteger();
            List<FutureTask<Integer>> tasks = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                tasks.add(new FutureTask<>(() -> comeAndGo(memory, inside, together)));
            }
            List<Thread> threads = tasks.stream().map(Thread::new).toList();
            threads.forEach(Thread::start);
            threads.forEach(LinearMemoryTest::join);
            tasks.forEach(LinearMemoryTest::get);
            assertEquals(0, together.get());
        }
    }

    @Test
    @DisplayName("refuses other threads during a step between two calls, and then lets them in again")
    void betweenCalls() {
        try (LinearMemory memory = memory(1, 1)) {
            memory.claimBetweenCalls();
            assertThrows(IllegalStateException.class, memory::claimBetweenCalls);
            // As does the host when it puts its state back.
            assertEquals(5, memory.enter(() -> memory.leave(() -> memory.enter(() -> 5))));
            FutureTask<String> other = new FutureTask<>(() ->
                    String.valueOf(assertThrows(IllegalStateException.class, () -> memory.enter(() -> 0))
                            .getMessage()));
            Thread thread = new Thread(other);
            thread.start();
            join(thread);
            String name = Thread.currentThread().getName();
            assertTrue(get(other).startsWith("thread " + name + " uses memory of 1 pages"), () -> get(other));
            memory.freeBetweenCalls();
            memory.enter(() -> {
                assertThrows(IllegalStateException.class, memory::claimBetweenCalls);
                memory.leave(() -> assertThrows(IllegalStateException.class, memory::claimBetweenCalls));
                return 0;
            });
            memory.claimBetweenCalls();
            memory.freeBetweenCalls();
        }
    }

    private static int comeAndGo(LinearMemory memory, AtomicInteger inside, AtomicInteger together) {
        int entered = 0;
        while (entered < 20_000) {
            try {
                entered += memory.enter(() -> {
                    if (inside.incrementAndGet() > 1) {
                        together.incrementAndGet();
                    }
                    inside.decrementAndGet();
                    return 1;
                });
            } catch (IllegalStateException refused) {
                assertTrue(refused.toString().contains(" uses "), refused::toString);
            }
        }
        return entered;
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException ended) {
            throw new AssertionError(ended);
        }
    }

    private static <T> T get(FutureTask<T> task) {
        try {
            return task.get();
        } catch (InterruptedException | ExecutionException failed) {
            throw new AssertionError(failed);
        }
    }

    @Test
    @DisplayName("does not grow where the host has mapped something, and refuses to notify at an unaligned address")
    void foreignMapping() {
        try (LinearMemory memory = memory(1, 4)) {
            int flags = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
            assertEquals(2L * PAGE, memory.space().mmap(2L * PAGE, PAGE, Mman.READ, flags, null, 0));
            assertEquals(-1, memory.grow(2));
            assertEquals(1, memory.grow(1));
            assertEquals(2, memory.pages());
            assertThrows(TrapException.class, () -> memory.atomicNotify(2, 1));
            assertEquals(0, memory.space().munmap(2L * PAGE, PAGE));
            assertEquals(2, memory.grow(2));
        }
    }

    @Test
    @DisplayName("stays usable after an exception of the code that has entered")
    void exceptions() {
        try (PlainMemory memory = memory(1, 1)) {
            UnaryOperator<long[]> failing = memory.entering(arguments -> new long[] {memory.readInt(PAGE)});
            for (int i = 0; i < 3; i++) {
                assertThrows(OutOfBoundsException.class, () -> failing.apply(new long[0]));
            }
            assertEquals(5, memory.entering(arguments -> arguments).apply(new long[] {5})[0]);
        }
    }

    @Test
    @DisplayName("can be watched and read, through its space")
    void watched() {
        List<String> seen = new ArrayList<>();
        try (LinearMemory memory = memory(1, 1)) {
            assertSame(memory.space(), memory.space());
            Watchpoint watchpoint = memory.space().watch(0, 4, (address, length) -> seen.add(address + " " + length));
            memory.writeI32(0, 1);
            watchpoint.close();
            memory.writeI32(0, 2);
            assertEquals(List.of("0 4"), seen);
            byte[] word = new byte[4];
            assertEquals(4, memory.space().read(0, word, 0, 4));
            assertArrayEquals(new byte[] {2, 0, 0, 0}, word);
        }
    }

    @Test
    @DisplayName("throws what its own runtime throws, if memories of two runtimes use a CPU in turn")
    void twoRuntimes() {
        MemoryExceptions others = new MemoryExceptions() {
            @Override
            public RuntimeException outOfBounds(String message) {
                return new ArrayIndexOutOfBoundsException(message);
            }

            @Override
            public RuntimeException trap(String message) {
                return new ArithmeticException(message);
            }

            @Override
            public RuntimeException interrupted() {
                return new IllegalStateException();
            }

            @Override
            public RuntimeException failed(String message) {
                return new IllegalStateException(message);
            }
        };
        // More memories than a machine keeps CPUs for, so that each CPU comes to memories of both kinds.
        List<LinearMemory> memories = new ArrayList<>();
        for (int i = 0; i < 80; i++) {
            memories.add(
                    i % 2 == 0 ? memory(1, 1) : new PlainMemory(others, machine, LinearMemory.PAGES_64K, 1, 1, false));
        }
        for (int round = 0; round < 3; round++) {
            // The other way round in each second round.
            Collections.reverse(memories);
            memories.forEach(memory -> assertThrowsOwn(memory, others));
            LinearMemory one = memories.get(0);
            LinearMemory other = memories.get(1);
            one.enter(() -> other.enter(() -> {
                assertThrowsOwn(one, others);
                assertThrowsOwn(other, others);
                return 0;
            }));
        }
        memories.forEach(LinearMemory::close);
    }

    private static void assertThrowsOwn(LinearMemory memory, MemoryExceptions others) {
        if (memory.exceptions == others) {
            assertThrows(ArrayIndexOutOfBoundsException.class, () -> memory.atomicReadInt(PAGE));
            assertThrows(ArithmeticException.class, () -> memory.atomicReadInt(2));
        } else {
            assertThrows(OutOfBoundsException.class, () -> memory.atomicReadInt(PAGE));
            assertThrows(TrapException.class, () -> memory.atomicReadInt(2));
        }
    }

    @Test
    @DisplayName("refuses a thread after its end")
    void closed() {
        LinearMemory memory = memory(1, 2);
        memory.writeI32(0, 1);
        memory.close();
        assertThrows(MmException.class, () -> memory.readInt(0));
        assertThrows(MmException.class, memory::fork);
        assertEquals(-1, memory.view().grow(1));
    }
}
