// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.pair;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.interleave.pair.Combination.Cpus;
import dev.samara.interleave.schedule.Strategy;
import dev.samara.testing.Explored;
import dev.samara.testing.Share;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@DisplayName("Operations that look once more under a lock, beside what changes their decision")
@Tag("interleave")
@Timeout(1200)
final class DecisionPairsTest {
    private static final int MOST = 20_000;
    private static final int RUNS = 30;

    private static Pairs explore(List<String> names, Supplier<Strategy> strategies, int most)
            throws InterruptedException {
        Pairs pairs = new Pairs(strategies, most);
        pairs.explore(names, 2);
        if (Boolean.getBoolean("interleave.report")) {
            pairs.print(System.out);
        }
        assertEquals(List.of(), pairs.failures());
        return pairs;
    }

    @Test
    @DisplayName("saves, evictions and truncations of a file of the host, in all schedules with one preemption")
    @Explored(1)
    void files() throws InterruptedException {
        List<String> names = Share.of("pairs on files of the host", 64).of(DecisionSets.ofFiles());
        assertEquals(List.of(), explore(names, () -> Strategy.bounded(1), MOST).incomplete());
    }

    @Test
    @DisplayName("which alone find certain mutants, in each build, with one preemption")
    @Explored(1)
    void always() throws InterruptedException {
        String pair = DecisionSets.ofFiles("truncate", Cpus.COLD).get(DecisionSets.BESIDE_FILES.indexOf("read-fault"));
        assertEquals(
                List.of(),
                explore(List.of(pair), () -> Strategy.bounded(1), MOST).incomplete());
        explore(List.of(DecisionSets.FORK_BESIDE_POLLS), () -> Strategy.bounded(1), 1_000);
    }

    @Test
    @DisplayName("faults on pages that a child had, or of files, in all schedules with one preemption")
    @Explored(1)
    void faults() throws InterruptedException {
        List<String> names = Share.of("faults that decide", 40).of(DecisionSets.ofFaults());
        assertEquals(List.of(), explore(names, () -> Strategy.bounded(1), MOST).incomplete());
    }

    @Test
    @DisplayName("two calls beside a CPU that polls in GUEST until they return, in some schedules")
    @Explored(1)
    void polls() throws InterruptedException {
        List<String> names = Share.of("calls beside a polling CPU", 15).of(DecisionSets.ofPolls());
        explore(names, () -> Strategy.random(1, 3, RUNS), RUNS);
    }
}
