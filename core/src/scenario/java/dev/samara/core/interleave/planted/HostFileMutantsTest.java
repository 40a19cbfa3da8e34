// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertNotNull;
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

/** {@link HostFileScenariosTest} verifies that nothing is found in the scenarios without a mutant. */
@DisplayName("The scheduler finds slips in the write-back, the eviction and the reads of files of the host")
@Tag("interleave")
@Tag("planted")
@Timeout(1200)
@Explored(8)
final class HostFileMutantsTest {
    private static final int MOST = 5_000;

    static Stream<String> names() {
        return HostFileMutants.ALL.stream().map(PlantedMutant::name);
    }

    @ParameterizedTest
    @MethodSource("names")
    void found(String name) {
        Exploration.Result broken = PlantedMutants.of(name).broken(MOST, Deadline.NEVER);
        if (Boolean.getBoolean("interleave.report")) {
            System.out.println(name + ": " + broken.figures());
        }
        Exploration.Failure failure = broken.failure();
        assertNotNull(failure, broken::toString);
        assertTrue(PlantedMutant.isFinding(failure), failure::toString);
    }
}
