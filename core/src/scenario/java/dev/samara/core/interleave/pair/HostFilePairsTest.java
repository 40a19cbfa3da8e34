// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.pair;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.interleave.pair.Combination.Cpus;
import dev.samara.interleave.schedule.Strategy;
import dev.samara.testing.Explored;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("Pairs of operations on a file of the host")
@Tag("interleave")
@Tag("planted")
@Timeout(1200)
@Explored(16)
final class HostFilePairsTest {
    private static final int MOST = 20_000;

    @ParameterizedTest
    @CsvSource({"fsync,COLD", "fsync,WARM", "evict,COLD", "evict,WARM", "truncate,COLD", "truncate,WARM"})
    @DisplayName("of which one saves it, frees its pages or makes it shorter, in all schedules with one preemption")
    void pairs(String kind, Cpus cpus) throws InterruptedException {
        Pairs pairs = new Pairs(() -> Strategy.bounded(1), MOST);
        pairs.explore(DecisionSets.ofFiles(kind, cpus), 2);
        if (Boolean.getBoolean("interleave.report")) {
            pairs.print(System.out);
        }
        assertEquals(List.of(), pairs.failures());
        assertEquals(List.of(), pairs.incomplete());
    }
}
