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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("An operation that has no user in a space, beside the end of that space")
@Tag("interleave")
@Timeout(1200)
@Explored(6)
final class EndScenariosTest {
    @ParameterizedTest
    @DisplayName("throws nothing, leaves nothing, and walks no page table that was given back")
    @ValueSource(
            classes = {
                EndScenarios.Membarrier.class,
                EndScenarios.SecondClose.class,
                EndScenarios.Collection.class,
                EndScenarios.Watch.class,
                EndScenarios.Truncation.class
            })
    void endsWell(Class<? extends Scenario> type) {
        Exploration exploration = SteppedScenarios.explore(type);
        Exploration.Result result = SteppedScenarios.result(type, exploration, Strategy.bounded(1), 0);
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
    }

    @Test
    @Tag("planted")
    @DisplayName("throws nothing, and leaves nothing, beside a shortage of frames, which has many more schedules")
    void shortageEndsWell() {
        endsWell(ReapScenarios.ShortageBesideClose.class);
    }
}
