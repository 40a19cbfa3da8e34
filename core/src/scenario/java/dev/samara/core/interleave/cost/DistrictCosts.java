// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.cost;

import dev.samara.core.interleave.cost.DistrictCostScenario.Work;
import dev.samara.interleave.SteppedScenarios;
import dev.samara.interleave.schedule.Schedule;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Counts the words that threads with separate ranges share, i.e. words that one thread writes and another one reads or
 * writes.
 */
final class DistrictCosts {
    /** The maximum number of parts of a layout. */
    static final int MOST_PARTS = 16;

    private DistrictCosts() {}

    static List<String> of(Work work, int threads, int parts) {
        return SteppedScenarios.exploreNamed(DistrictCostScenario.class, work + " " + threads + ' ' + parts)
                .sharedWords(Schedule.DEFAULT);
    }

    /**
     * Prints how many words 1, 2, 8 and 64 threads share, in an undivided layout and in one with as many parts as
     * possible, and lists the words.
     */
    public static void main(String... arguments) {
        for (Work work : Work.values()) {
            for (int threads : new int[] {1, 2, 8, 64}) {
                // With this work, each thread has a CPU, and the trace of 64 threads would be too long.
                if (work != Work.TOUCH || threads <= 8) {
                    print(work, threads, 1);
                    print(work, threads, Math.min(threads, MOST_PARTS));
                }
            }
        }
    }

    private static void print(Work work, int threads, int parts) {
        List<String> words = of(work, threads, parts);
        System.out.println(work + ", threads: " + threads + ", parts: " + parts + ", words: " + words.size());
        Map<String, Integer> counts = new TreeMap<>();
        words.forEach(word -> counts.merge(word, 1, Integer::sum));
        counts.forEach((word, count) -> System.out.println("  " + count + " " + word));
    }
}
