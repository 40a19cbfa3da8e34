// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.interleave.SteppedScenarios;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Scenario;
import dev.samara.interleave.schedule.Strategy;
import dev.samara.testing.Explored;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("I3, I8, I9: A page view, in all schedules with few preemptions")
@Tag("interleave")
@Tag("planted")
@Timeout(1200)
@Explored(5)
final class ViewScenariosTest {
    @ParameterizedTest
    @DisplayName("shows its page and no other one, whatever removes the page, and is released once")
    @ValueSource(
            classes = {
                ViewScenarios.Unmapping.class,
                ViewScenarios.Truncation.class,
                ViewScenarios.Eviction.class,
                ViewScenarios.DirtyEviction.class,
                ViewScenarios.MachineClose.class
            })
    void shows(Class<? extends Scenario> type) {
        Exploration exploration = SteppedScenarios.explore(type);
        Exploration.Result result = SteppedScenarios.result(type, exploration, Strategy.bounded(1), 0);
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
    }
}
