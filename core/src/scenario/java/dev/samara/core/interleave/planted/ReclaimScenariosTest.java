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

@DisplayName("A fault that needs a frame, while other threads free frames or take pages that could be reclaimed")
@Tag("interleave")
@Timeout(1200)
@Explored(12)
final class ReclaimScenariosTest {
    @ParameterizedTest
    @DisplayName("has no memory only if there is none")
    @ValueSource(
            classes = {
                FileScenarios.LoadBesideReclaim.class,
                FileScenarios.StoresBesideReclaim.class,
                FileScenarios.StoreBesideTruncate.class
            })
    void isServed(Class<? extends Scenario> type) {
        explore(type);
    }

    @ParameterizedTest
    @Tag("planted")
    @DisplayName("drops no droppable page that is pinned, used, another mapping's or known to a notifier")
    @ValueSource(
            classes = {
                DropScenarios.Pin.class,
                DropScenarios.Replacement.class,
                DropScenarios.Notifier.class,
                DropScenarios.Guest.class,
                DropScenarios.Unmapping.class,
                DropScenarios.End.class
            })
    void drops(Class<? extends Scenario> type) {
        explore(type);
    }

    private static void explore(Class<? extends Scenario> type) {
        Exploration exploration = SteppedScenarios.explore(type);
        Exploration.Result result = SteppedScenarios.result(type, exploration, Strategy.bounded(1), 0);
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
    }
}
