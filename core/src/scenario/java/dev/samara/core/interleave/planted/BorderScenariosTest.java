// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;
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
import java.util.Objects;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("I6 P38: lookups that read several parts of a layout, under the scheduler")
@Tag("interleave")
@Timeout(1200)
@Explored(6)
final class BorderScenariosTest {
    private static final String PARTS = "dev.samara.core.internal.space.LayoutParts";
    private static final String UPWARDS = "found = searchUpwards(part + 1, address);\n        }\n        ";
    private static final String DOWNWARDS = "found = searchDownwards(part - 1, address);\n        }\n        ";
    private static final String COMPARED = "return tree.isStillVersion(version) ? found : CHANGED;";

    private static Planting search(String direction, String with) {
        return SourceMutant.of(PARTS, direction + COMPARED, direction + with);
    }

    static final List<PlantedMutant> MUTANTS = List.of(
            PlantedMutant.of(
                    "P38: a search upwards reads each part once",
                    BorderScenarios.NextOverFilled.class,
                    1,
                    PlantedMutant.found(7, "16"),
                    search(UPWARDS, "return found;")),
            PlantedMutant.of(
                    "P38: a search upwards reads each part once",
                    BorderScenarios.NextFromFilled.class,
                    1,
                    PlantedMutant.found(7, "16"),
                    search(UPWARDS, "return found;")),
            PlantedMutant.of(
                    "P38: a search upwards compares the last part alone",
                    BorderScenarios.NextFromFilled.class,
                    1,
                    PlantedMutant.found(9, "16"),
                    search(
                            UPWARDS,
                            "return part < trees.length - 1 || tree.isStillVersion(version) ? found : CHANGED;")),
            PlantedMutant.of(
                    "P38: a search downwards reads each part once",
                    BorderScenarios.PreviousOverFilled.class,
                    1,
                    PlantedMutant.found(7, "22"),
                    search(DOWNWARDS, "return found;")),
            PlantedMutant.of(
                    "P38: a search downwards compares its first part alone",
                    BorderScenarios.PreviousOverFilled.class,
                    1,
                    PlantedMutant.found(8, "22"),
                    search(DOWNWARDS, "return part != 2 || tree.isStillVersion(version) ? found : CHANGED;")),
            PlantedMutant.of(
                    "P38: a search downwards reads each part once",
                    BorderScenarios.PreviousFromFilled.class,
                    1,
                    PlantedMutant.found(7, "17"),
                    search(DOWNWARDS, "return found;")),
            PlantedMutant.of(
                    "P38: a snapshot reads the trees once",
                    BorderScenarios.SnapshotBesideChanges.class,
                    1,
                    PlantedMutant.found(10, "15"),
                    SourceMutant.of(PARTS, "if (!trees[i].isStill(read[i])) {", "if (false) {")),
            PlantedMutant.of(
                    "P38: a snapshot does not read the tree of the first part again",
                    BorderScenarios.SnapshotBesideChanges.class,
                    1,
                    PlantedMutant.found(10, "15"),
                    SourceMutant.of(
                            PARTS, "if (!trees[i].isStill(read[i])) {", "if (i > 0 && !trees[i].isStill(read[i])) {")),
            PlantedMutant.of(
                    "P38: a snapshot that has found a change does not read all trees again",
                    BorderScenarios.SnapshotBesideChanges.class,
                    1,
                    PlantedMutant.found(10, "15"),
                    SourceMutant.of(PARTS, "                isStill = false;\n", "")));

    private static List<PlantedMutant> mutants() {
        return MUTANTS;
    }

    /** Makes a lookup ask for a join after its first failed attempt. */
    private static final Planting ONE_TRY = SourceMutant.of(PARTS, "TRIES = 64;", "TRIES = 1;");

    private static Exploration.Result explore(Class<? extends Scenario> type, Planting... mutants) {
        Exploration exploration = SteppedScenarios.explore(type, mutants);
        return SteppedScenarios.result(type, exploration, Strategy.bounded(1), mutants.length);
    }

    @ParameterizedTest
    @ValueSource(
            classes = {
                BorderScenarios.NextOverFilled.class,
                BorderScenarios.PreviousOverFilled.class,
                BorderScenarios.NextFromFilled.class,
                BorderScenarios.PreviousFromFilled.class,
                BorderScenarios.SearchesBesideJoin.class,
                BorderScenarios.SnapshotBesideJoin.class,
                BorderScenarios.SnapshotBesideChanges.class
            })
    @DisplayName("with one preemption, each result is that of one instant")
    void ofOneInstant(Class<? extends Scenario> type) {
        Exploration.Result result = explore(type);
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
    }

    @ParameterizedTest
    @ValueSource(
            classes = {
                BorderScenarios.NextOverFilled.class,
                BorderScenarios.PreviousOverFilled.class,
                BorderScenarios.SearchesBesideJoin.class,
                BorderScenarios.SnapshotBesideJoin.class,
                BorderScenarios.SnapshotBesideChanges.class
            })
    @DisplayName("so it is if the first failure asks for a join")
    void ofOneInstantWithJoin(Class<? extends Scenario> type) {
        Exploration.Result result = explore(type, ONE_TRY);
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
    }

    @ParameterizedTest
    @MethodSource("mutants")
    @DisplayName("a mutant is found")
    void found(PlantedMutant of) {
        Exploration.Failure failure = explore(of.scenario(), of.planting()).failure();
        assertNotNull(failure);
        assertTrue(PlantedMutant.isFinding(failure), failure::toString);
    }

    @ParameterizedTest
    @ValueSource(
            classes = {
                BorderScenarios.AskingSnapshot.class,
                BorderScenarios.AskingNext.class,
                BorderScenarios.AskingPrevious.class
            })
    @DisplayName("a lookup asks for a join after many failures, and not after the first")
    void asks(Class<? extends Scenario> type) {
        assertNull(explore(type).failure());
        Exploration.Failure failure = explore(type, ONE_TRY).failure();
        assertNotNull(failure);
        assertEquals("asked", Objects.requireNonNull(failure.finding().thrown()).getMessage());
    }
}
