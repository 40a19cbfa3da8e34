// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Cpu;
import dev.samara.core.guest.FutexTable;
import dev.samara.core.guest.FutexWaiter;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Waits at a futex word, which is initially 7, concurrent with wakes and moves. If a wake is lost, a thread stays
 * parked for ever.
 */
final class FutexScenarios {
    private static final long OTHER = 4;

    private FutexScenarios() {}

    abstract static class Waits extends Calls {
        @Override
        protected final boolean hasOrders() {
            return false;
        }

        static FutexTable table(State state) {
            return state.machine.futexes();
        }

        /** Returns an operation that waits while the word contains 7. */
        static Operation await() {
            return (state, cpu) -> {
                long result = table(state).await(cpu.memory(), AT, false, 7, FutexTable.ANY, FutexTable.FOREVER);
                assertTrue(result == 0 || result == Errno.EAGAIN.result(), () -> "waited: " + result);
                return "waited";
            };
        }

        static void store(Cpu cpu) {
            assertEquals(Fault.NONE, cpu.memory().store(AT, 4, 8));
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            assertEquals(0, table(state).waiters());
        }
    }

    /** A waker stores another number, and then wakes. */
    static final class WaitBesideWake extends Waits {
        WaitBesideWake() {
            calls().put("waiter", await());
            calls().put("waker", (state, cpu) -> {
                store(cpu);
                table(state).wake(cpu.memory(), AT, false, 1, FutexTable.ANY);
                return "woken";
            });
        }
    }

    /** A waker stores another number, moves the waiters to another word, and wakes them there. */
    static final class WaitBesideRequeue extends Waits {
        WaitBesideRequeue() {
            calls().put("waiter", await());
            calls().put("mover", (state, cpu) -> {
                store(cpu);
                table(state).requeue(cpu.memory(), AT, AT + OTHER, false, 0, 1);
                table(state).wake(cpu.memory(), AT + OTHER, false, 1, FutexTable.ANY);
                return "moved";
            });
        }
    }

    /**
     * A waiter leaves, concurrently with a move and a wake. The wake counts the waiter exactly if the waiter learns
     * that it was woken.
     */
    static final class LeaveBesideRequeue extends Waits {
        private @Nullable FutexWaiter waiter;
        private boolean knows;
        private long woken;

        LeaveBesideRequeue() {
            calls().put("waiter", (state, cpu) -> {
                knows = Objects.requireNonNull(waiter).unqueue();
                return "left";
            });
            calls().put("mover", (state, cpu) -> {
                table(state).requeue(cpu.memory(), AT, AT + OTHER, false, 0, 1);
                woken = table(state).wake(cpu.memory(), AT + OTHER, false, 1, FutexTable.ANY);
                return "moved";
            });
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            FutexWaiter made = table(state).newWaiter(FutexTable.ANY, () -> {});
            waiter = made;
            assertEquals(0, made.queue(cpu.memory(), AT, false, 7));
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            super.judge(state, cpu);
            assertEquals(knows ? 1 : 0, woken);
        }
    }
}
