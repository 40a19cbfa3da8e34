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

/** One transition of the CPUs of one thread, the steps of which are counted. */
final class LazyCostScenario implements Scenario {
    /** What CPUs do. */
    enum Transition {
        /** A CPU goes from a space to another one. */
        SWITCH,
        /** A CPU goes to LAZY, and back to its space. */
        IDLE_AND_BACK,
        /** A CPU goes to LAZY, and then to another space. */
        IDLE_AND_ELSEWHERE,
        /** A space is closed in which all CPUs are LAZY. */
        EXIT,
        /** All CPUs, which are LAZY in a space that has ended, go to another one. */
        AFTER_EXIT
    }

    private final LazyTlb strategy;
    private final Transition transition;
    private final int cpus;
    private @Nullable Machine machine;

    /**
     * Makes the scenario.
     *
     * @param text the strategy, the transition, and the number of CPUs that are in the space before
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
                    // Each knows both spaces: no TLB number is given out in the steps that are counted.
                    cpu.switchTo(other);
                    cpu.switchTo(space);
                    all.add(cpu);
                }
                if (transition == Transition.IDLE_AND_BACK) {
                    // What the CPU keeps is noted at the first time.
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
