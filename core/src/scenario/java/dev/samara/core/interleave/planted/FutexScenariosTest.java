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

@DisplayName("Futexes under the scheduler")
@Tag("interleave")
@Timeout(1200)
@Explored(6)
final class FutexScenariosTest {
    private static Exploration.Result explore(Class<? extends Scenario> type) {
        return SteppedScenarios.result(type, SteppedScenarios.explore(type), Strategy.bounded(2), 0);
    }

    private static void nothing(Class<? extends Scenario> type) {
        Exploration.Result result = explore(type);
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
    }

    @Test
    @DisplayName("lose no wake between the comparison and the sleep, in all schedules with two preemptions")
    void waitBesideWake() {
        nothing(FutexScenarios.WaitBesideWake.class);
    }

    @Test
    @DisplayName("lose no waiter that is moved, in all schedules with two preemptions")
    void waitBesideRequeue() {
        nothing(FutexScenarios.WaitBesideRequeue.class);
    }

    @Test
    @DisplayName("let a moved waiter leave from where it is, in all schedules with two preemptions")
    void leaveBesideRequeue() {
        nothing(FutexScenarios.LeaveBesideRequeue.class);
    }
}
