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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@DisplayName("A CPU that is lost in GUEST, and that two threads find")
@Tag("interleave")
@Timeout(1200)
@Explored(6)
final class LostCpuScenariosTest {
    @Test
    @DisplayName("is waited for by none, is reported once, and leaves nothing, in all schedules with two preemptions")
    void foundByTwo() {
        Class<BorrowScenarios.LostBesideMunmap> type = BorrowScenarios.LostBesideMunmap.class;
        Exploration exploration = SteppedScenarios.explore(type);
        Exploration.Result result = SteppedScenarios.result(type, exploration, Strategy.bounded(2), 0);
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
    }
}
