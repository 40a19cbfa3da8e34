// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.interleave.SteppedScenarios;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Strategy;
import dev.samara.testing.Explored;
import dev.samara.testing.Share;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@DisplayName("Calls on a file of the host, one call of which to the host fails, is short or is interrupted,")
@Tag("interleave")
@Timeout(value = 4, unit = TimeUnit.HOURS)
@Explored(1)
final class HostFaultScenariosTest {
    /** The maximum number of schedules of a scenario. Scenarios with two calls have fewer. */
    private static final int MOST = 2_000;

    /** The maximum number of schedules in a build. */
    private static final int FEW = 400;

    /** The number of parts into which the scenarios are divided; a build runs one part. */
    private static final int PARTS = 480;

    @Test
    @DisplayName("keep what was acknowledged, and tell each failure once, in all schedules with one preemption")
    void share() {
        Share share = Share.of("faults of the host", PARTS);
        for (String name : share.of(HostFaultScenarios.names())) {
            Exploration exploration = SteppedScenarios.exploreNamed(HostFaultScenario.class, name);
            Strategy strategy = Strategy.bounded(Integer.getInteger("interleave.bound", 1));
            Exploration.Result result = exploration.explore(strategy, share.isWhole() ? MOST : FEW);
            if (Boolean.getBoolean("interleave.report")) {
                System.out.println(name + ": " + result.figures());
            }
            assertNull(result.failure(), () -> name + ": " + result);
        }
    }
}
