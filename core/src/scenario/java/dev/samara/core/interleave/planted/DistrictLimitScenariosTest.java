// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.interleave.SteppedScenarios;
import dev.samara.interleave.instrument.Planting;
import dev.samara.interleave.instrument.SourceMutant;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Scenario;
import dev.samara.interleave.schedule.Strategy;
import dev.samara.testing.Explored;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("P42: the limits of a divided layout are exact, under the scheduler")
@Tag("interleave")
@Timeout(1200)
@Explored(6)
final class DistrictLimitScenariosTest {
    private static final String SPACE = "dev.samara.core.internal.space.";
    private static final String DISTRICTS = SPACE + "Districts";

    private static final Planting SHARE_TWICE = SourceMutant.of(
            SPACE + "PartBounds",
            "return Math.max(0, (most - pages) / count);",
            "return Math.max(0, most - pages);",
            "for (int i = 1; i < count; i++) {\n            first.addAll(growth);",
            "for (int i = count; i < count; i++) {\n            first.addAll(growth);");

    private static final Planting REST_TWICE =
            SourceMutant.of(SPACE + "District", "LayoutCounters most = cap;", "LayoutCounters most = null;");

    private static final Planting GAIN_TWICE = SourceMutant.of(
            DISTRICTS,
            "from[i].addGainTo(counters);",
            "from[i].addGainTo(counters);\n                from[i].addGainTo(counters);");

    static final List<PlantedMutant> MUTANTS = List.of(
            PlantedMutant.of(
                    "P42: two parts take one share of a limit",
                    DistrictLimitScenarios.OneLock.class,
                    1,
                    PlantedMutant.found(1, "105"),
                    SHARE_TWICE),
            PlantedMutant.of(
                    "P42: two parts take one share of a limit",
                    DistrictLimitScenarios.OneMapping.class,
                    1,
                    PlantedMutant.found(1, "99"),
                    SHARE_TWICE),
            PlantedMutant.of(
                    "P42: two parts take one share of a limit",
                    DistrictLimitScenarios.OneMappingOfData.class,
                    1,
                    PlantedMutant.found(1, "99"),
                    SHARE_TWICE),
            PlantedMutant.of(
                    "P42: two parts take what no share has",
                    DistrictLimitScenarios.OneLock.class,
                    1,
                    PlantedMutant.found(1, "105"),
                    REST_TWICE),
            PlantedMutant.of(
                    "P42: two parts take what no share has",
                    DistrictLimitScenarios.OneMapping.class,
                    1,
                    PlantedMutant.found(1, "99"),
                    REST_TWICE),
            PlantedMutant.of(
                    "P42: two parts take what no share has",
                    DistrictLimitScenarios.OneMappingOfData.class,
                    1,
                    PlantedMutant.found(1, "99"),
                    REST_TWICE),
            PlantedMutant.of(
                    "P42: a join counts a part twice",
                    DistrictLimitScenarios.BothLocks.class,
                    1,
                    PlantedMutant.found(1, "170"),
                    GAIN_TWICE));

    private static List<PlantedMutant> mutants() {
        return MUTANTS;
    }

    private static Exploration.Result explore(Class<? extends Scenario> type, Planting... mutants) {
        Exploration exploration = SteppedScenarios.explore(type, mutants);
        return SteppedScenarios.result(type, exploration, Strategy.bounded(1), mutants.length);
    }

    @ParameterizedTest
    @ValueSource(
            classes = {
                DistrictLimitScenarios.OneLock.class,
                DistrictLimitScenarios.BothLocks.class,
                DistrictLimitScenarios.OneMapping.class,
                DistrictLimitScenarios.OneMappingOfData.class
            })
    @DisplayName("with one preemption, a call is refused exactly if it is refused in some order of the calls")
    void exact(Class<? extends Scenario> type) {
        Exploration.Result result = explore(type);
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
    }

    @ParameterizedTest
    @MethodSource("mutants")
    @DisplayName("a share, a rest or a gain that is taken twice is found")
    void found(PlantedMutant of) {
        Exploration.Failure failure = explore(of.scenario(), of.planting()).failure();
        assertNotNull(failure);
        assertTrue(PlantedMutant.isFinding(failure), failure::toString);
    }
}
