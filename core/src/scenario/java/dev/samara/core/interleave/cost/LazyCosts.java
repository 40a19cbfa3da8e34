// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.cost;

import dev.samara.core.LazyTlb;
import dev.samara.core.interleave.cost.LazyCostScenario.Transition;
import dev.samara.interleave.SteppedScenarios;
import dev.samara.interleave.schedule.Schedule;
import java.util.List;
import java.util.Set;

/** Counts the shared words that transitions write, for each strategy for LAZY CPUs. */
final class LazyCosts {
    static final List<Integer> CPUS = List.of(1, 2, 8, 64);

    /** The classes whose words belong to one CPU. All CPUs of a space share the words of the other classes. */
    private static final Set<String> OF_CPUS =
            Set.of("CpuWords$State", "CpuWords$Flushed", "CpuWords$Pending", "CpuWords", "PublishedLazy", "HazardLazy");

    private LazyCosts() {}

    /**
     * The writes of one transition.
     *
     * @param ofSpace writes to words that all CPUs of a space share
     * @param ofCpus writes to words that belong to one CPU, whether it is the writer's or another thread's
     */
    record Writes(int ofSpace, int ofCpus) {
        /** Returns the sum of this and more writes. */
        Writes plus(int moreOfSpace, int moreOfCpus) {
            return new Writes(ofSpace + moreOfSpace, ofCpus + moreOfCpus);
        }

        @Override
        public String toString() {
            return ofSpace + " + " + ofCpus;
        }
    }

    static Writes of(LazyTlb strategy, Transition transition, int cpus) {
        List<String> places = SteppedScenarios.exploreNamed(
                        LazyCostScenario.class, strategy + " " + transition + ' ' + cpus)
                .writes(Schedule.DEFAULT);
        int ofCpus = 0;
        for (String place : places) {
            if (OF_CPUS.contains(place.substring(0, place.indexOf('.')))) {
                ofCpus++;
            }
        }
        return new Writes(places.size() - ofCpus, ofCpus);
    }

    /** Prints the table of all strategies and transitions. */
    public static void main(String... arguments) {
        StringBuilder text = new StringBuilder("| transition | CPUs |");
        for (LazyTlb strategy : LazyTlb.values()) {
            text.append(" `").append(strategy).append("` |");
        }
        text.append("\n|---|---|")
                .append("---|".repeat(LazyTlb.values().length))
                .append('\n');
        for (Transition transition : Transition.values()) {
            for (int cpus : CPUS) {
                text.append("| ").append(transition).append(" | ").append(cpus).append(" |");
                for (LazyTlb strategy : LazyTlb.values()) {
                    text.append(' ').append(of(strategy, transition, cpus)).append(" |");
                }
                text.append('\n');
            }
        }
        System.out.print(text);
    }
}
