// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave;

import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.core.interleave.schedule.Exploration;
import dev.samara.core.interleave.schedule.Schedule;
import dev.samara.core.interleave.schedule.Strategy;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("Schedules that failed before a mend")
@Tag("interleave")
final class FoundSchedulesTest {
    @ParameterizedTest
    @DisplayName("mlock faults in what other calls have left of its range, as Linux does")
    @ValueSource(strings = {"mremap/SAME/mlock|1-mremap:86>2-mlock", "mlock/SAME/mprotect|1-mlock:106>2-mprotect"})
    void lockedMeanwhile(String text) {
        String[] parts = text.split("\\|", -1);
        assertNull(SteppedScenarios.explorePair(parts[0]).replay(Schedule.parse(parts[1])));
    }

    @ParameterizedTest
    @DisplayName("a fault lets a thread go on that is removing the page from its file")
    @ValueSource(
            strings = {
                "truncate/SAME/read-fault/SHARED_FILE/ONE/COLD|1-truncate:62>2-read-fault",
                "truncate/SAME/write-fault/PRIVATE_FILE/ONE/COLD|1-truncate:62>2-write-fault"
            })
    void removedMeanwhile(String text) {
        String[] parts = text.split("\\|", -1);
        assertNull(SteppedScenarios.explorePair(parts[0]).replay(Schedule.parse(parts[1])));
    }

    @Test
    @DisplayName("a read of a file beside a truncation sees the page or the end, and no zeros in its place")
    void truncatedMeanwhile() {
        Exploration exploration = SteppedScenarios.explorePair("pread/SAME/truncate/PRIVATE_FILE/ONE/COLD");
        Exploration.Result result = exploration.explore(Strategy.bounded(1), 5_000);
        assertNull(result.failure(), result::toString);
    }
}
