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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("P37 to P47: a layout that is divided and joined, under the scheduler")
@Tag("interleave")
@Timeout(1200)
@Explored(24)
final class DistrictScenariosTest {
    private static Exploration.Result explore(Class<? extends Scenario> type, int preemptions, Mutant... mutants) {
        Exploration exploration = SteppedScenarios.explore(type, mutants);
        return SteppedScenarios.result(type, exploration, Strategy.bounded(preemptions), mutants.length);
    }

    @ParameterizedTest
    @ValueSource(
            classes = {
                DistrictScenarios.SnapshotBesideBoth.class,
                DistrictScenarios.PartBesideWhole.class,
                DistrictScenarios.NeighboursAtBorder.class,
                DistrictScenarios.PlacementBesidePart.class,
                DistrictScenarios.HintBesidePart.class,
                DistrictScenarios.DivisionBesideOperation.class,
                DistrictScenarios.DivisionAgainBesideOperation.class,
                DistrictScenarios.DivisionBesideFlight.class,
                DistrictScenarios.PartBesideFork.class,
                DistrictScenarios.LookupsBesideJoin.class,
                DistrictScenarios.LookupAfterJoin.class,
                DistrictScenarios.DivisionBesideTicket.class,
                DistrictScenarios.DivisionAcrossTicket.class,
                DistrictScenarios.JoinBesideTicket.class,
                ListenerScenarios.BesideOverlap.class,
                ListenerScenarios.BesideParts.class,
                ListenerScenarios.OneOrder.class
            })
    @DisplayName("with one preemption, every schedule leads to what some order of the calls leads to")
    void inOrder(Class<? extends Scenario> type) {
        Exploration.Result result = explore(type, 1);
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
    }

    @ParameterizedTest
    @ValueSource(
            classes = {
                ListenerScenarios.BesideJoin.class,
                ListenerScenarios.BesideDivision.class,
                ListenerScenarios.Added.class,
                ListenerScenarios.Removed.class
            })
    @Tag("planted")
    @DisplayName("with one preemption, every schedule of longer calls leads to what some order of them leads to")
    void longer(Class<? extends Scenario> type) {
        inOrder(type);
    }

    @Test
    @Tag("planted")
    @DisplayName("with one preemption, a listener that loses changes finds a gap for each")
    void losing() {
        Exploration.Result result =
                explore(ListenerScenarios.Losing.class, 1, Mutant.named("one change waits for a listener"));
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
    }

    @Test
    @Tag("planted")
    @DisplayName("the report of a loss names the first lost change, whichever thread loses it")
    void firstLost() {
        Exploration.Result result =
                explore(ListenerScenarios.FirstLost.class, 1, Mutant.named("no change waits for a listener"));
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
    }
}
