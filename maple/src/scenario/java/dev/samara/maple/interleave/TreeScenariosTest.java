// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.interleave;

import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.interleave.SteppedScenarios;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Scenario;
import dev.samara.interleave.schedule.Strategy;
import dev.samara.testing.Explored;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("each publication of the tree is linearizable beside the reader that it could mislead")
@Tag("interleave")
@Timeout(1200)
@Explored(16)
final class TreeScenariosTest {
    private static final int PREEMPTIONS = 4;

    static List<Class<?>> scenarios() {
        return Arrays.stream(TreeScenarios.class.getDeclaredClasses())
                .filter(type -> Modifier.isFinal(type.getModifiers()))
                .toList();
    }

    @ParameterizedTest
    @MethodSource("scenarios")
    @DisplayName("with four preemptions")
    void isLinearizable(Class<? extends Scenario> type) {
        Exploration.Result result =
                SteppedScenarios.result(type, SteppedScenarios.explore(type), Strategy.bounded(PREEMPTIONS), 0);
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
    }
}
