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

@DisplayName("I6: no other operation comes between the batches of a call, under the scheduler")
@Tag("interleave")
@Timeout(1200)
@Explored(24)
final class BatchScenariosTest {
    private static final String INTERNAL = "dev.samara.core.internal.";
    private static final String BATCHES = INTERNAL + "op.PublicationBatches";
    private static final String[] SMALL = {"static final int MOST = 64;", "static final int MOST = 1;"};

    /** Not a mutant: each batch is full with one VMA. */
    static final Planting SMALL_BATCHES = SourceMutant.of(BATCHES, SMALL);

    private record Mutant(String name, Class<? extends Scenario> scenario, Planting planting) {
        @Override
        public String toString() {
            return name;
        }
    }

    private static final List<Mutant> MUTANTS = List.of(
            new Mutant(
                    "a call in batches keeps only what its batches have changed",
                    BatchScenarios.ProtectBesideProtect.class,
                    SMALL_BATCHES.and(SourceMutant.of(
                            INTERNAL + "space.Footprint",
                            "? batched.overlap(start, end)",
                            "? occupied.overlap(start, end) || busy.overlap(start, end)"))),
            new Mutant(
                    "a move in batches keeps its source only",
                    BatchScenarios.MoveBesideMapping.class,
                    SourceMutant.of(BATCHES, SMALL[0], SMALL[1], "i < ranges.size()", "i < 1")),
            new Mutant(
                    "a fork does not wait for the last batch",
                    BatchScenarios.ProtectBesideFork.class,
                    SMALL_BATCHES.and(SourceMutant.of(
                            INTERNAL + "syscall.ForkInstant",
                            "Gate publication = parent.inFlight().publication();",
                            "Gate publication = null;"))));

    private static List<Mutant> mutants() {
        return MUTANTS;
    }

    private static Exploration.Result explore(Class<? extends Scenario> type, Planting... mutants) {
        Exploration exploration = SteppedScenarios.explore(type, mutants);
        return SteppedScenarios.result(type, exploration, Strategy.bounded(1), mutants.length);
    }

    @ParameterizedTest
    @ValueSource(
            classes = {
                BatchScenarios.ProtectBesideUnmap.class,
                BatchScenarios.ProtectBesideProtect.class,
                BatchScenarios.ProtectBesideFork.class,
                BatchScenarios.MoveBesideMapping.class,
                BatchScenarios.MoveBesideUnmap.class
            })
    @DisplayName("with one preemption, every schedule leads to what some order of the calls leads to")
    void inOrder(Class<? extends Scenario> type) {
        Exploration.Result result = explore(type, SMALL_BATCHES);
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete(), result::toString);
    }

    @ParameterizedTest
    @MethodSource("mutants")
    @DisplayName("a mutant is found")
    void found(Mutant of) {
        Exploration.Failure failure = explore(of.scenario, of.planting).failure();
        assertNotNull(failure);
        assertTrue(PlantedMutant.isFinding(failure), failure::toString);
    }
}
