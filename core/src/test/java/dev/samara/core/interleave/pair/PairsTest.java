// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.pair;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.LazyTlb;
import dev.samara.core.interleave.pair.Combination.Relation;
import dev.samara.core.interleave.schedule.Strategy;
import java.util.EnumSet;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("Pairs of operations on one space, judged at each step and at the end")
@Tag("interleave")
@Timeout(1200)
final class PairsTest {
    private static final int MOST = 20_000;
    private static final int RUNS = 2;

    @ParameterizedTest
    @EnumSource(
            value = Relation.class,
            names = {"SAME", "OVERLAPPING"})
    @DisplayName("each pair of basic kinds, in all schedules with one preemption")
    void pairs(Relation relation) throws InterruptedException {
        Pairs pairs = new Pairs(() -> Strategy.bounded(1), MOST);
        pairs.explore(Pairs.names(EnumSet.of(relation)), 2, index -> Long.MAX_VALUE);
        assertEquals(List.of(), pairs.failures());
        assertEquals(List.of(), pairs.incomplete());
    }

    @Test
    @DisplayName("each pair of a reference and what may be the last put, in all schedules with one preemption")
    void references() throws InterruptedException {
        Pairs pairs = new Pairs(() -> Strategy.bounded(1), MOST);
        pairs.explore(Pairs.ofReferences(), 2, index -> Long.MAX_VALUE);
        assertEquals(List.of(), pairs.failures());
        assertEquals(List.of(), pairs.incomplete());
    }

    @ParameterizedTest
    @EnumSource(LazyTlb.class)
    @DisplayName("the end of a space beside CPUs, borrows, reaps and forks, in all schedules with one preemption")
    void exits(LazyTlb strategy) throws InterruptedException {
        Pairs pairs = new Pairs(() -> Strategy.bounded(1), MOST);
        pairs.explore(Pairs.ofExit(strategy), 2, index -> Long.MAX_VALUE);
        assertEquals(List.of(), pairs.failures());
        assertEquals(List.of(), pairs.incomplete());
    }

    @Test
    @DisplayName("a covering array of all kinds, in a few schedules; the profile interleave makes all of them")
    void array() throws InterruptedException {
        Pairs pairs = new Pairs(() -> Strategy.random(1, 2, RUNS), RUNS);
        pairs.explore(new CoveringArray(PairKinds.names()).names(), 2, index -> Long.MAX_VALUE);
        assertEquals(List.of(), pairs.failures());
    }
}
