// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.interleave.schedule.Deadline;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.testing.Explored;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("The scheduler finds a run that outlives an eviction, a truncation or a copy on write")
@Tag("interleave")
@Tag("planted")
@Timeout(1200)
@Explored(3)
final class RunMutantsTest {
    private static final int MOST = 2_000;

    static Stream<String> names() {
        return RunMutants.ALL.stream().map(PlantedMutant::name);
    }

    @ParameterizedTest
    @MethodSource("names")
    @DisplayName("and finds nothing in as many schedules of the unchanged code")
    void found(String name) {
        PlantedMutant planted = PlantedMutants.of(name);
        Exploration.Result broken = planted.broken(MOST, Deadline.NEVER);
        Exploration.Failure failure = broken.failure();
        assertNotNull(failure, broken::toString);
        assertTrue(PlantedMutant.isFinding(failure), failure::toString);
        Exploration.Result unchanged = planted.unchanged(Math.max(broken.runs(), 200), Deadline.NEVER);
        assertNull(unchanged.failure(), unchanged::toString);
        if (Boolean.getBoolean("interleave.report")) {
            System.out.println(name + ": " + broken.figures() + ", unchanged " + unchanged.figures());
        }
    }
}
