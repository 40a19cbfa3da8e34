// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.interleave.SteppedScenarios;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Strategy;
import dev.samara.testing.Explored;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Charges near a limit. With a limit of 16 MiB, each of the eight stripes starts with 2 MiB. After a charge that needs
 * more than its stripe contains, the stripes stay closed until 32 MiB are free.
 */
@DisplayName("P46: committed memory is refused exactly at its limit, under the scheduler")
@Tag("interleave")
@Timeout(1200)
@Explored(8)
final class ChargeScenariosTest {
    private static Exploration.Result explore(String scenario, int preemptions) {
        Exploration exploration = SteppedScenarios.exploreNamed(ChargeScenario.class, scenario);
        return SteppedScenarios.result(ChargeScenario.class, exploration, Strategy.bounded(preemptions), 0);
    }

    @ParameterizedTest
    @CsvSource({
        "16 | +9 | +7, 2",
        "16 | +9 | +8, 2",
        "16 | +16 | +1 -1, 2",
        "16 | +2 / -2 | +15 +1, 2",
        "16 | +9 / -9 +3 | +8 -8, 2",
        "16 | +15 / -15 | +2 =0, 2",
        "16 | =0 | +16, 2",
        "16 | +8 | +8 =0, 2",
        "16 | +8 | +7 | +1, 1",
        "16 | !18 -18 | +1 +15, 2",
        "16 | +2 / !18 | +1 | -2 +1, 2",
        "8 | +5 -5 | +3 +1, 2",
        "64 | +60 / -60 | +5 -5 +2, 2",
        "64 | +60 / -60 | +5 -5 | +2 +60, 1"
    })
    @DisplayName("every schedule leads to what some order of the calls leads to")
    void inOrder(String scenario, int preemptions) {
        Exploration.Result result = explore(scenario, preemptions);
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
    }
}
