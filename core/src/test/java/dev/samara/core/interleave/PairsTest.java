// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.core.interleave.Combination.Relation;
import dev.samara.core.interleave.schedule.Schedule;
import dev.samara.core.interleave.schedule.Strategy;
import java.util.EnumSet;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Pairs of operations on one space, judged at each step and at the end")
@Tag("interleave")
@Timeout(1200)
final class PairsTest {
    private static final int MOST = 20_000;
    private static final int RUNS = 3;

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
    @DisplayName("a covering array of all kinds, in a few schedules; the profile interleave makes all of them")
    void array() throws InterruptedException {
        Pairs pairs = new Pairs(() -> Strategy.random(1, 2, RUNS), RUNS);
        pairs.explore(new CoveringArray(PairKinds.names()).names(), 2, index -> Long.MAX_VALUE);
        assertEquals(List.of(), pairs.failures());
    }

    @ParameterizedTest
    @DisplayName("mlock faults in what other calls have left of its range, as Linux does")
    @ValueSource(strings = {"mremap/SAME/mlock|1-mremap:86>2-mlock", "mlock/SAME/mprotect|1-mlock:106>2-mprotect"})
    void lockedMeanwhile(String text) {
        String[] parts = text.split("\\|", -1);
        assertNull(SteppedScenarios.explorePair(parts[0]).replay(Schedule.parse(parts[1])));
    }

    @ParameterizedTest
    @DisplayName("a fault lets a thread go on that is removing the page from its file")
    @ValueSource(
            strings = {
                "truncate/SAME/read-fault/SHARED_FILE/ONE/COLD|1-truncate:62>2-read-fault",
                "truncate/SAME/write-fault/PRIVATE_FILE/ONE/COLD|1-truncate:62>2-write-fault"
            })
    void removedMeanwhile(String text) {
        String[] parts = text.split("\\|", -1);
        assertNull(SteppedScenarios.explorePair(parts[0]).replay(Schedule.parse(parts[1])));
    }
}
