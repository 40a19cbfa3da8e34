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

@DisplayName("P42: the limits of a divided layout are exact, under the scheduler")
@Tag("interleave")
@Timeout(1200)
@Explored(6)
final class DistrictLimitScenariosTest {
    private static Exploration.Result explore(Class<? extends Scenario> type) {
        Exploration exploration = SteppedScenarios.explore(type);
        return SteppedScenarios.result(type, exploration, Strategy.bounded(1), 0);
    }

    @ParameterizedTest
    @ValueSource(
            classes = {
                DistrictLimitScenarios.OneLock.class,
                DistrictLimitScenarios.BothLocks.class,
                DistrictLimitScenarios.OneMapping.class,
                DistrictLimitScenarios.OneMappingOfData.class
            })
    @DisplayName("with one preemption, a call is refused exactly if it is refused in some order of the calls")
    void exact(Class<? extends Scenario> type) {
        Exploration.Result result = explore(type);
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
    }
}
