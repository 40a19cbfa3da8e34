// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Cpu;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.interleave.scenario.State;
import dev.samara.interleave.SteppedScenarios;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Scenario;
import dev.samara.interleave.schedule.Strategy;
import dev.samara.testing.Explored;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@DisplayName("Store buffers: stores that another thread sees late")
@Tag("interleave")
@Timeout(1200)
@Explored(12)
final class StoreBufferTest {
    /** Each of two threads stores to its own word, and then loads the other thread's word. */
    static class StoreLoad extends SyncScenariosTest.Bodies {
        private static final VarHandle FIRST;
        private static final VarHandle SECOND;

        static {
            try {
                FIRST = MethodHandles.lookup().findVarHandle(StoreLoad.class, "first", int.class);
                SECOND = MethodHandles.lookup().findVarHandle(StoreLoad.class, "second", int.class);
            } catch (ReflectiveOperationException impossible) {
                throw new ExceptionInInitializerError(impossible);
            }
        }

        private int first;
        private int second;
        private int firstSees;
        private int secondSees;

        void store(VarHandle word) {
            word.setRelease(this, 1);
        }

        StoreLoad() {
            thread("a", () -> {
                store(FIRST);
                assertTrue((int) FIRST.getOpaque(this) == 1);
                firstSees = (int) SECOND.getVolatile(this);
            });
            thread("b", () -> {
                store(SECOND);
                secondSees = (int) FIRST.getVolatile(this);
            });
        }

        @Override
        public void end() {
            assertTrue(first == 1 && second == 1);
            assertTrue(firstSees + secondSees > 0, "neither sees the other's store");
        }
    }

    static final class WithFence extends StoreLoad {
        @Override
        void store(VarHandle word) {
            super.store(word);
            VarHandle.fullFence();
        }
    }

    static final class WithVolatileStore extends StoreLoad {
        @Override
        void store(VarHandle word) {
            word.setVolatile(this, 1);
        }
    }

    private static Exploration.Result explore(Class<? extends Scenario> type, int bound) {
        Exploration exploration = SteppedScenarios.exploreBuffered(type);
        return SteppedScenarios.result(type, exploration, Strategy.bounded(bound), 0);
    }

    @Test
    void toys() {
        assertNotNull(explore(StoreLoad.class, 2).failure());
        assertNull(explore(WithFence.class, 3).failure());
        assertNull(explore(WithVolatileStore.class, 3).failure());
        assertNull(SteppedScenarios.explore(StoreLoad.class)
                .explore(Strategy.bounded(3), 1_000_000)
                .failure());
    }

    /** A CPU stores through a translation, concurrently with an unmapping whose frame is reused. */
    static final class StoreBesideReuse extends SpaceScenario {
        @Override
        protected int pages() {
            return 1;
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            state.space.mmap(AT, PAGE, RW, FIXED, null, 0);
            state.space.mmap(AT + PAGE, PAGE, RW, FIXED, null, 0);
            store(cpu, AT, 7);
        }

        @Override
        protected Map<String, Operation> calls() {
            Map<String, Operation> calls = new LinkedHashMap<>();
            calls.put("store", new Operation() {
                @Override
                public void before(State state, Cpu cpu) {
                    store(cpu, AT, 7);
                }

                @Override
                public String run(State state, Cpu cpu) {
                    return store(cpu, AT, 8);
                }
            });
            calls.put("reuse", (state, cpu) -> {
                state.space.munmap(AT, PAGE);
                return store(cpu, AT + PAGE, 9);
            });
            return calls;
        }
    }

    /** A CPU that is not in any cpumask gets a translation. */
    static final class FirstStoreBesideReuse extends SpaceScenario {
        @Override
        protected int pages() {
            return 2;
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            state.space.mmap(AT, PAGE, RW, FIXED, null, 0);
            state.space.mmap(AT + PAGE, PAGE, RW, FIXED, null, 0);
            store(cpu, AT, 7);
            // Keeps the leaf: when a table is removed, its cpumasks are not consulted.
            state.space.mmap(AT + 3 * PAGE, PAGE, RW, FIXED, null, 0);
            store(cpu, AT + 3 * PAGE, 7);
        }

        @Override
        protected Map<String, Operation> calls() {
            Map<String, Operation> calls = new LinkedHashMap<>();
            // First, so that this thread gets the CPU that touched the page.
            calls.put("reuse", (state, cpu) -> {
                state.space.munmap(AT, PAGE);
                return store(cpu, AT + PAGE, 9);
            });
            calls.put("store", (state, cpu) -> store(cpu, AT, 8));
            return calls;
        }
    }
}
