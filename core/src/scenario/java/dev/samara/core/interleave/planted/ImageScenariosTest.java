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

@DisplayName("An image, in all schedules with few preemptions")
@Tag("interleave")
@Tag("planted")
@Timeout(1200)
@Explored(4)
final class ImageScenariosTest {
    @ParameterizedTest
    @DisplayName("is closed by whoever ends its last use, and by nobody before")
    @ValueSource(
            classes = {
                ImageScenarios.LoadBesideClose.class,
                ImageScenarios.VerifyBesideClose.class,
                ImageScenarios.TwoCloses.class,
                ImageScenarios.CloseBesideLastSpace.class,
                ImageScenarios.SaveBesideClose.class
            })
    void ends(Class<? extends Scenario> type) {
        Exploration exploration = SteppedScenarios.explore(type);
        Exploration.Result result = SteppedScenarios.result(type, exploration, Strategy.bounded(1), 0);
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
    }
}
