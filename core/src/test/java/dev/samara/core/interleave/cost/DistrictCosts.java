// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.cost;

import dev.samara.core.interleave.cost.DistrictCostScenario.Work;
import dev.samara.core.interleave.scenario.SteppedScenarios;
import dev.samara.core.interleave.schedule.Schedule;
import java.util.List;

/** Counts the words that threads with ranges of their own share: that one writes, and another one writes or reads. */
final class DistrictCosts {
    private DistrictCosts() {}

    static List<String> of(Work work, int threads, int parts) {
        return SteppedScenarios.exploreNamed(DistrictCostScenario.class, work + " " + threads + ' ' + parts)
                .sharedWords(Schedule.DEFAULT);
    }

    /** Prints the words that two threads share, in an undivided layout and in two parts. */
    public static void main(String... arguments) {
        for (Work work : Work.values()) {
            for (int parts = 1; parts <= 2; parts++) {
                System.out.println(work + ", " + parts + (parts == 1 ? " part" : " parts"));
                of(work, 2, parts).forEach(word -> System.out.println("  " + word));
            }
        }
    }
}
