// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.cost;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.LazyTlb;
import dev.samara.core.Machine;
import dev.samara.core.interleave.scenario.HeapFrames;
import dev.samara.core.interleave.scenario.IdleByClock;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.interleave.schedule.Scenario;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** One transition of a thread's CPUs, whose steps are counted. */
final class LazyCostScenario implements Scenario {
    /** What CPUs do. */
    enum Transition {
        /** A CPU switches to another space. */
        SWITCH,
        /** A CPU enters LAZY, and returns to its space. */
        IDLE_AND_BACK,
        /** A CPU enters LAZY, and then switches to another space. */
        IDLE_AND_ELSEWHERE,
        /** A space in which all CPUs are LAZY is closed. */
        EXIT,
        /** All CPUs, which are LAZY in a space that ended, switch to another space. */
        AFTER_EXIT
    }

    private final LazyTlb strategy;
    private final Transition transition;
    private final int cpus;
    private @Nullable Machine machine;

    /**
     * Creates the scenario.
     *
     * @param text the strategy, the transition, and the number of CPUs that are in the space at the start
     */
    LazyCostScenario(String text) {
        String[] words = text.split(" ", 3);
        strategy = LazyTlb.valueOf(words[0]);
        transition = Transition.valueOf(words[1]);
        cpus = Integer.parseInt(words[2]);
    }

    private Machine machine() {
        return Objects.requireNonNull(machine, "before the beginning");
    }

    @Override
    public void begin() {
        machine = Machine.builder()
                .memory(16 * SpaceScenario.PAGE)
                .frameStore(HeapFrames::new)
                .tlbEntries(64)
                .housekeeping(new IdleByClock())
                .lazyTlb(strategy)
                .checked(false)
                .build();
    }

    @Override
    public Map<String, Body> operations() {
        return Map.of("cpus", new Body() {
            private final AddressSpace space = machine().newSpace(SpaceScenario.LINUX);
            private final AddressSpace other = machine().newSpace(SpaceScenario.LINUX);
            private final List<Cpu> all = new ArrayList<>();

            @Override
            public void before() {
                for (int i = 0; i < cpus; i++) {
                    Cpu cpu = machine().claimCpu();
                    // Each CPU enters both spaces first, so no TLB number is assigned in the counted steps.
                    cpu.switchTo(other);
                    cpu.switchTo(space);
                    all.add(cpu);
                }
                if (transition == Transition.IDLE_AND_BACK) {
                    // The first time, the CPU also notes what it keeps.
                    all.get(0).enterLazy();
                    all.get(0).switchTo(space);
                }
                if (transition == Transition.EXIT || transition == Transition.AFTER_EXIT) {
                    all.forEach(Cpu::enterLazy);
                }
                if (transition == Transition.AFTER_EXIT) {
                    space.close();
                }
            }

            @Override
            public void run() {
                Cpu first = all.get(0);
                switch (transition) {
                    case SWITCH -> first.switchTo(other);
                    case IDLE_AND_BACK -> {
                        first.enterLazy();
                        first.switchTo(space);
                    }
                    case IDLE_AND_ELSEWHERE -> {
                        first.enterLazy();
                        first.switchTo(other);
                    }
                    case EXIT -> space.close();
                    case AFTER_EXIT -> {
                        for (Cpu cpu : all) {
                            cpu.switchTo(other);
                        }
                    }
                }
            }

            @Override
            public void after() {
                all.forEach(Cpu::close);
                if (transition != Transition.EXIT && transition != Transition.AFTER_EXIT) {
                    space.close();
                }
                other.close();
            }
        });
    }

    @Override
    public void end() {
        machine().close();
    }
}
