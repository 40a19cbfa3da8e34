// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.interleave.SteppedScenarios;
import dev.samara.interleave.mutant.Mutant;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Scenario;
import dev.samara.interleave.schedule.Strategy;
import dev.samara.testing.Explored;
import java.util.Objects;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("I6 P38: lookups that read several parts of a layout, under the scheduler")
@Tag("interleave")
@Timeout(1200)
@Explored(6)
final class BorderScenariosTest {
    private static final Mutant ONE_TRY = Mutant.named("a lookup of several parts tries once");

    private static Exploration.Result explore(Class<? extends Scenario> type, Mutant... changes) {
        Exploration exploration = SteppedScenarios.explore(type, changes);
        return SteppedScenarios.result(type, exploration, Strategy.bounded(1), changes.length);
    }

    @ParameterizedTest
    @ValueSource(
            classes = {
                BorderScenarios.NextOverFilled.class,
                BorderScenarios.PreviousOverFilled.class,
                BorderScenarios.NextFromFilled.class,
                BorderScenarios.PreviousFromFilled.class,
                BorderScenarios.SearchesBesideJoin.class,
                BorderScenarios.SnapshotBesideJoin.class,
                BorderScenarios.SnapshotBesideChanges.class
            })
    @DisplayName("with one preemption, each result is that of one instant")
    void ofOneInstant(Class<? extends Scenario> type) {
        Exploration.Result result = explore(type);
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
    }

    @ParameterizedTest
    @ValueSource(
            classes = {
                BorderScenarios.NextOverFilled.class,
                BorderScenarios.PreviousOverFilled.class,
                BorderScenarios.SearchesBesideJoin.class,
                BorderScenarios.SnapshotBesideJoin.class,
                BorderScenarios.SnapshotBesideChanges.class
            })
    @Tag("planted")
    @DisplayName("so it is if the first failure asks for a join")
    void ofOneInstantWithJoin(Class<? extends Scenario> type) {
        Exploration.Result result = explore(type, ONE_TRY);
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
    }

    @ParameterizedTest
    @ValueSource(
            classes = {
                BorderScenarios.AskingSnapshot.class,
                BorderScenarios.AskingNext.class,
                BorderScenarios.AskingPrevious.class
            })
    @Tag("planted")
    @DisplayName("a lookup asks for a join after many failures, and not after the first")
    void asks(Class<? extends Scenario> type) {
        assertNull(explore(type).failure());
        Exploration.Failure failure = explore(type, ONE_TRY).failure();
        assertNotNull(failure);
        assertEquals("asked", Objects.requireNonNull(failure.finding().thrown()).getMessage());
    }
}
