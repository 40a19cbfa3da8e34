// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.interleave.SteppedScenarios;
import dev.samara.interleave.mutant.Mutant;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Scenario;
import dev.samara.interleave.schedule.Strategy;
import dev.samara.testing.Explored;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("I6: no other operation comes between the batches of a call, under the scheduler")
@Tag("interleave")
@Tag("planted")
@Timeout(1200)
@Explored(24)
final class BatchScenariosTest {
    /** No mutant: each batch is full with one VMA. */
    private static final Mutant SMALL_BATCHES = Mutant.named("a batch is full with one VMA");

    private static Exploration.Result explore(Class<? extends Scenario> type, Mutant... mutants) {
        Exploration exploration = SteppedScenarios.explore(type, mutants);
        return SteppedScenarios.result(type, exploration, Strategy.bounded(1), mutants.length);
    }

    @ParameterizedTest
    @ValueSource(
            classes = {
                BatchScenarios.ProtectBesideUnmap.class,
                BatchScenarios.ProtectBesideProtect.class,
                BatchScenarios.ProtectBesideFork.class,
                BatchScenarios.MoveBesideMapping.class,
                BatchScenarios.MoveBesideUnmap.class
            })
    @DisplayName("with one preemption, every schedule leads to what some order of the calls leads to")
    void inOrder(Class<? extends Scenario> type) {
        Exploration.Result result = explore(type, SMALL_BATCHES);
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
    }
}
