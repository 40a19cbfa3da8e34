// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.scenario;

import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.mman.Mman;
import dev.samara.interleave.SteppedScenarios;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Scenario;
import dev.samara.interleave.schedule.Strategy;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@DisplayName("Two operations on one address space, in all interleavings with few preemptions")
@Tag("interleave")
@Timeout(1200)
final class SpaceScenariosTest {
    abstract static class OnePage extends SpaceScenario {
        @Override
        protected void prepare(State state, Cpu cpu) {
            state.space.mmap(AT, PAGE, RW, FIXED, null, 0);
            store(cpu, AT, 7);
        }

        static Map<String, Operation> both(String a, Operation one, String b, Operation other) {
            Map<String, Operation> calls = new LinkedHashMap<>();
            calls.put(a, one);
            calls.put(b, other);
            return calls;
        }
    }

    static final class MunmapBesideRead extends OnePage {
        @Override
        protected Map<String, Operation> calls() {
            return both(
                    "munmap", (state, cpu) -> "" + state.space.munmap(AT, PAGE),
                    "read", (state, cpu) -> load(cpu, AT));
        }
    }

    static final class ForkBesideStore extends OnePage {
        @Override
        protected Map<String, Operation> calls() {
            return both(
                    "fork",
                    (state, cpu) -> {
                        AddressSpace child = state.space.fork();
                        state.children.put("child", child);
                        return "forked";
                    },
                    "store",
                    (state, cpu) -> store(cpu, AT, 8));
        }
    }

    static final class MprotectBesideStore extends OnePage {
        @Override
        protected Map<String, Operation> calls() {
            return both(
                    "mprotect", (state, cpu) -> "" + state.space.mprotect(AT, PAGE, Mman.READ),
                    "store", (state, cpu) -> store(cpu, AT, 8));
        }
    }

    private static void explore(Class<? extends Scenario> type, int bound) {
        Strategy strategy = Strategy.bounded(Integer.getInteger("interleave.bound", bound));
        Exploration.Result result = SteppedScenarios.result(type, SteppedScenarios.explore(type), strategy, 0);
        assertNull(result.failure(), result::toString);
    }

    @Test
    void munmapBesideRead() {
        explore(MunmapBesideRead.class, 1);
    }

    @Test
    void forkBesideStore() {
        explore(ForkBesideStore.class, 1);
    }

    @Test
    void mprotectBesideStore() {
        explore(MprotectBesideStore.class, 1);
    }
}
