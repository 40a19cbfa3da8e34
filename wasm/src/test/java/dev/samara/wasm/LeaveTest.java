// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.wasm.PlainMemory.OutOfBoundsException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@DisplayName("A thread that leaves a linear memory for a while")
@Timeout(60)
final class LeaveTest {
    private static final int PAGE = LinearMemory.PAGE;

    private final Machine machine = Machine.builder().memory(64L << 20).build();

    @AfterEach
    void close() {
        machine.close();
    }

    private LinearMemory memory() {
        return new PlainMemory(machine, 4, 8);
    }

    private static <T> T elsewhere(Supplier<T> call) {
        FutureTask<T> task = new FutureTask<>(call::get);
        Thread thread = new Thread(task, "elsewhere");
        thread.setDaemon(true);
        thread.start();
        try {
            return task.get(20, TimeUnit.SECONDS);
        } catch (InterruptedException | ExecutionException | TimeoutException failed) {
            throw new AssertionError(failed);
        }
    }

    /** Changes rights of the last page on another thread, which waits for each thread in GUEST. */
    private static void change(LinearMemory memory) {
        int rights = Mman.READ | Mman.WRITE;
        assertEquals(0L, elsewhere(() -> memory.space().mprotect(3L * PAGE, PAGE, rights)));
        assertEquals(0L, elsewhere(() -> memory.space().madvise(3L * PAGE, PAGE, Mman.DONTNEED)));
    }

    @Test
    @DisplayName("may leave a memory that was closed meanwhile, by itself or by another thread")
    void closedMeanwhile() {
        for (boolean isElsewhere : new boolean[] {false, true}) {
            LinearMemory memory = memory();
            int result = memory.enter(() -> {
                memory.writeI32(0, 1);
                if (isElsewhere) {
                    elsewhere(() -> {
                        memory.close();
                        return 0;
                    });
                } else {
                    memory.close();
                }
                assertEquals(1, memory.readInt(0));
                // E.g. a function of the host that writes to a socket.
                int left = memory.leave(() -> 5);
                assertEquals(1, memory.readInt(0));
                return left;
            });
            assertEquals(5, result);
        }
    }

    @Test
    @DisplayName("may leave and enter again to a depth of more than 32")
    void deep() {
        try (LinearMemory memory = memory()) {
            assertEquals(40, down(memory, 40));
        }
    }

    private static int down(LinearMemory memory, int depth) {
        return depth == 0 ? 0 : memory.enter(() -> memory.leave(() -> 1 + down(memory, depth - 1)));
    }

    @Test
    @DisplayName("is in the space after an exception of the code, and after a trap")
    void exceptions() {
        try (LinearMemory memory = memory()) {
            memory.enter(() -> {
                LinearAccess before = memory.entered();
                IllegalStateException thrown = new IllegalStateException("mine");
                assertSame(
                        thrown,
                        assertThrows(
                                IllegalStateException.class,
                                () -> memory.leave(() -> {
                                    throw thrown;
                                })));
                assertSame(before, memory.access);
                assertEquals(0, thrown.getSuppressed().length);
                assertThrows(OutOfBoundsException.class, () -> memory.leave(() -> memory.readInt(4 * PAGE)));
                assertSame(before, memory.access);
                memory.writeI32(0, 4);
                return 0;
            });
            assertFalse(isUsed(memory));
            change(memory);
            assertEquals(4, memory.readInt(0));
        }
    }

    @Test
    @DisplayName("is still in the space if it is refused because a write listener leaves, and may leave later")
    void refusedInListener() {
        List<String> refusals = new ArrayList<>();
        try (LinearMemory memory = memory()) {
            memory.space()
                    .watch(
                            8,
                            4,
                            (address, length) -> refusals.add(assertThrows(
                                            IllegalStateException.class, () -> memory.leave(() -> refusals.add("ran")))
                                    .getMessage()));
            memory.enter(() -> {
                memory.writeI32(0, 7);
                LinearAccess before = memory.access;
                memory.writeI32(8, 1);
                assertSame(before, memory.access);
                assertEquals(0, outside(memory, () -> assertEquals(7, memory.readInt(0))));
                // Would wait for this thread if the code ran in GUEST.
                memory.leave(() -> {
                    change(memory);
                    return 0;
                });
                return 0;
            });
        }
        assertEquals(1, refusals.size());
        assertTrue(refusals.get(0).contains("is used by a write listener"), refusals.get(0));
    }

    /** Returns how many accesses to a memory's numbers an action makes outside GUEST. */
    private static long outside(LinearMemory memory, Runnable action) {
        long before = memory.space().statistics().accessesOutsideGuest();
        action.run();
        return memory.space().statistics().accessesOutsideGuest() - before;
    }

    @Test
    @DisplayName("is in GUEST again with its next load, after a call for any memory that may wait, but not while it has"
            + " left")
    void loadsAfterCalls() {
        List<Consumer<LinearMemory>> calls = List.of(
                memory -> memory().close(),
                memory -> memory.fork().close(),
                memory -> assertEquals(0, memory.space().mprotect(PAGE, PAGE, Mman.READ)),
                memory -> assertEquals(1, memory.space().write(0, new byte[1], 0, 1)));
        try (LinearMemory memory = memory();
                LinearMemory other = memory()) {
            other.writeI32(0, 1);
            memory.enter(() -> {
                memory.writeI32(4, 7);
                for (LinearMemory of : List.of(memory, other)) {
                    for (Consumer<LinearMemory> call : calls) {
                        call.accept(of);
                        assertEquals(0, outside(memory, () -> loads(memory, 100)));
                    }
                }
                memory.leave(() -> {
                    // Each enters the space for its own duration, so that no operation waits for this thread.
                    loads(memory, 10);
                    change(memory);
                    other.fork().close();
                    loads(memory, 10);
                    change(memory);
                    return 0;
                });
                return 0;
            });
        }
    }

    private static void loads(LinearMemory memory, int count) {
        for (int i = 0; i < count; i++) {
            assertEquals(7, memory.readInt(4));
        }
    }

    @Test
    @DisplayName("is waited for in none of the memories that it entered, until it uses one of them")
    void leavesAll() {
        try (LinearMemory first = memory();
                LinearMemory second = memory()) {
            second.writeI32(3 * PAGE, 1);
            first.enter(() -> second.enter(() -> {
                first.writeI32(0, 1);
                second.writeI32(0, 2);
                int left = first.leave(() -> {
                    change(second);
                    second.writeI32(4, 3);
                    return second.readInt(4);
                });
                assertEquals(0, outside(second, () -> assertEquals(2, second.readInt(0))));
                return left;
            }));
            change(first);
            change(second);
        }
    }

    private static boolean isUsed(LinearMemory memory) {
        return elsewhere(() -> {
            try {
                return memory.enter(() -> false);
            } catch (IllegalStateException refused) {
                return true;
            }
        });
    }

    @Test
    @DisplayName("is waited for by no thread, in a memory and in a second one, and leaves one, then both")
    void severalMemories() {
        try (LinearMemory first = memory();
                LinearMemory second = memory()) {
            first.writeI32(3 * PAGE, 1);
            second.writeI32(3 * PAGE, 1);
            int sum = first.enter(() -> second.enter(() -> {
                int inner = first.leave(() -> {
                    change(first);
                    // The second one is still entered.
                    second.writeI32(0, 1);
                    int both = second.leave(() -> {
                        change(first);
                        change(second);
                        first.writeI32(0, 2);
                        second.writeI32(4, 3);
                        change(first);
                        change(second);
                        return first.readInt(0) + second.readInt(0);
                    });
                    // Entered again, within the leave.
                    return both
                            + first.enter(() -> first.leave(() -> {
                                change(first);
                                return first.readInt(0);
                            }));
                });
                return inner + first.readInt(0) + second.readInt(4);
            }));
            assertEquals(2 + 1 + 2 + 2 + 3, sum);
            change(first);
            change(second);
        }
    }

    @Test
    @DisplayName("runs code as it is if it has left already, or if another thread is in")
    void alreadyOutside() {
        try (LinearMemory memory = memory()) {
            assertEquals(1, memory.leave(() -> 1));
            memory.enter(() -> memory.leave(() -> memory.leave(() -> {
                change(memory);
                assertEquals(7, elsewhere(() -> memory.leave(() -> 7)));
                assertTrue(isUsed(memory));
                memory.writeI32(8, 9);
                return 0;
            })));
            assertEquals(9, memory.readInt(8));
            memory.enter(() -> {
                assertEquals(7, elsewhere(() -> memory.leave(() -> 7)));
                memory.writeI32(8, 10);
                return 0;
            });
            assertEquals(10, memory.readInt(8));
        }
    }

    @Test
    @DisplayName(
            "is in GUEST again afterwards, and may make calls that wait: while it has left, within, and afterwards")
    void backInGuest() {
        try (LinearMemory memory = memory()) {
            memory.enter(() -> {
                memory.writeI32(0, 1);
                LinearAccess before = memory.entered();
                long result = memory.leave(() -> {
                    memory.fork().close();
                    return memory.enter(() -> {
                        memory.fork().close();
                        return memory.space().mprotect(3L * PAGE, PAGE, Mman.READ);
                    });
                });
                assertEquals(0, result);
                assertSame(before, memory.access);
                // A CPU outside GUEST would come back now.
                assertFalse(before.poll());
                memory.fork().close();
                memory.writeI32(0, 2);
                return 0;
            });
            assertEquals(2, memory.readInt(0));
        }
    }

    /** Does a step at each depth of a small stack, from the deepest one on. */
    private static final class Dive {
        private static final int ENOUGH = 20;

        private final Runnable step;
        private int done;
        private int overflows;

        Dive(Runnable step) {
            this.step = step;
        }

        void down(int depth) {
            if (depth == 0) {
                return;
            }
            try {
                down(depth - 1);
            } catch (StackOverflowError end) {
                overflows++;
            }
            if (done < ENOUGH) {
                try {
                    step.run();
                    done++;
                } catch (StackOverflowError end) {
                    overflows++;
                }
            }
        }
    }

    @Test
    @DisplayName("is out of it for good after its last call, although its stack overflowed while it left for a while")
    void overflows() throws Exception {
        overflows(20, true, memory -> {
            int unused = memory.leave(() -> 0);
        });
    }

    @Test
    @Timeout(240)
    @DisplayName("is out of it for good although its stack overflowed while it entered, grew it, or waited")
    void overflowsInOtherCalls() throws Exception {
        for (boolean isIn : new boolean[] {false, true}) {
            overflows(2, isIn, memory -> {
                int unused = memory.enter(() -> 0);
            });
            overflows(2, isIn, memory -> memory.writeI32(0, 1));
            overflows(2, isIn, memory -> assertTrue(memory.grow(1) > 0));
            overflows(2, isIn, memory -> assertEquals(2, memory.atomicWait(0, 0, 0)));
            overflows(2, isIn, memory -> assertEquals(2, memory.atomicWait(0, 0L, 0)));
        }
    }

    private void overflows(int rounds, boolean isIn, Consumer<LinearMemory> step) throws Exception {
        for (int i = 0; i < rounds; i++) {
            int round = i;
            FutureTask<Integer> task = new FutureTask<>(() -> dive(isIn, step, round == 0 ? 3 : Integer.MAX_VALUE));
            Thread thread = new Thread(null, task, "small stack", 256 << 10);
            thread.start();
            assertTrue(task.get() > 0 || i == 0);
        }
    }

    private int dive(boolean isIn, Consumer<LinearMemory> step, int depth) {
        try (LinearMemory memory = new PlainMemory(machine, 4, 100, true)) {
            memory.writeI32(3 * PAGE, 1);
            Dive dive = new Dive(() -> step.accept(memory));
            if (isIn) {
                memory.enter(() -> {
                    dive.down(depth);
                    return 0;
                });
            } else {
                dive.down(depth);
            }
            assertFalse(isUsed(memory));
            // Would wait for this thread if it were in GUEST.
            change(memory);
            assertEquals(0, machine.futexes().waiters());
            assertTrue(memory.grow(1) > 0);
            return dive.overflows;
        }
    }

    @Test
    @DisplayName("passes its stores to the next user, which comes without waiting")
    void handsOver() throws Exception {
        try (LinearMemory memory = memory()) {
            Thread[] threads = new Thread[2];
            AtomicInteger entered = new AtomicInteger();
            for (int i = 0; i < threads.length; i++) {
                threads[i] = new Thread(() -> {
                    for (int n = 0; n < 20_000; ) {
                        try {
                            memory.enter(() -> {
                                memory.writeI32(0, memory.readInt(0) + 1);
                                memory.leave(() -> 0);
                                return 0;
                            });
                            entered.incrementAndGet();
                            n++;
                        } catch (IllegalStateException refused) {
                            LockSupport.parkNanos(1_000);
                        }
                    }
                });
                threads[i].start();
            }
            for (Thread thread : threads) {
                thread.join();
            }
            assertEquals(entered.get(), memory.readInt(0));
        }
    }

    @Test
    @DisplayName("is refused an access to a closed memory outside, and closes its guest nevertheless")
    void closedWithin() {
        LinearMemory memory = memory();
        memory.enter(() -> memory.leave(() -> {
            memory.close();
            assertThrows(MmException.class, () -> memory.readInt(0));
            return 0;
        }));
        assertEquals(0, memory.space().users());
    }
}
