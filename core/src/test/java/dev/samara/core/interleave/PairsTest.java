// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.interleave.PairScenario.Relation;
import dev.samara.core.interleave.schedule.Exploration;
import dev.samara.core.interleave.schedule.Schedule;
import dev.samara.core.interleave.schedule.Strategy;
import java.util.EnumSet;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Pairs of operations on one space, judged at each step and at the end")
@Tag("interleave")
@Timeout(1200)
final class PairsTest {
    private static final int RUNS = 12;

    @ParameterizedTest
    @EnumSource(
            value = Relation.class,
            names = {"SAME", "OVERLAPPING"})
    @DisplayName("each pair in a few schedules; the profile interleave makes all with one preemption")
    void pairs(Relation relation) {
        Pairs pairs = new Pairs(() -> Strategy.random(1, 2, RUNS), RUNS, Long.MAX_VALUE);
        Pairs.names(EnumSet.of(relation)).forEach(pairs::explore);
        assertEquals(List.of(), pairs.failures());
    }

    @ParameterizedTest
    @DisplayName("all schedules of a pair with one preemption")
    @ValueSource(
            strings = {
                "munmap/SAME/in-guest",
                "dontneed/SAME/store",
                "mprotect/SAME/write-fault",
                "fork/SAME/store",
                "mremap/SAME/mlock",
                "mprotect/SAME/mlock"
            })
    void complete(String name) {
        Exploration.Result result = SteppedScenarios.explorePair(name).explore(Strategy.bounded(1), 5_000);
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
    }

    @ParameterizedTest
    @DisplayName("mlock faults in what other calls have left of its range, as Linux does")
    @ValueSource(
            strings = {
                "mremap/SAME/mlock|1-mremap:86>2-mlock",
                "mprotect/SAME/mlock|main:325>2-mlock 2-mlock:106>1-mprotect"
            })
    void lockedMeanwhile(String text) {
        String[] parts = text.split("\\|", -1);
        assertNull(SteppedScenarios.explorePair(parts[0]).replay(Schedule.parse(parts[1])));
    }
}
