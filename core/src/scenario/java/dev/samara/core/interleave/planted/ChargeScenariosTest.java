// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.interleave.SteppedScenarios;
import dev.samara.interleave.instrument.Planting;
import dev.samara.interleave.instrument.SourceMutant;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Strategy;
import dev.samara.testing.Explored;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Charges near a limit. With a limit of 16 MiB, each of the eight stripes starts with 2 MiB. After a charge that needs
 * more than its stripe contains, the stripes stay closed until 32 MiB are free.
 */
@DisplayName("P46: committed memory is refused exactly at its limit, under the scheduler")
@Tag("interleave")
@Timeout(1200)
@Explored(8)
final class ChargeScenariosTest {
    private static final String MEMORY = "dev.samara.core.internal.memory.CommittedMemory";

    private record Mutant(String name, String scenario, int preemptions, Planting planting) {
        @Override
        public String toString() {
            return name;
        }
    }

    private static final Planting NO_LOCK =
            SourceMutant.of("dev.samara.core.internal.sync.SpinLock", "locked.getAndSet(true)", "spins < 0");

    private static final List<Mutant> MUTANTS = List.of(
            new Mutant(
                    "a stripe is left out of the sum",
                    "16 | +16 | +1 -1",
                    0,
                    SourceMutant.of(
                            MEMORY,
                            "long taken = stripe.close();",
                            "long taken = stripe == stripes[0] ? 0 : stripe.close();")),
            new Mutant(
                    "a stripe is taken twice: by a charge, and by the thread that closes its stripe",
                    "16 | +15 | +2",
                    1,
                    SourceMutant.of(
                            MEMORY,
                            "return Math.max(0, stripe.getAndSet(CLOSED));",
                            "long had = stripe.get(); stripe.set(CLOSED); return Math.max(0, had);")),
            new Mutant(
                    "free memory is dealt twice",
                    "16 | +16 | +1",
                    1,
                    SourceMutant.of(
                            MEMORY,
                            "if (pool.compareAndSet(free, free - share * STRIPES)) {",
                            "if (pool.compareAndSet(free, free - share)) {")),
            new Mutant("a charge is refused while another thread carries free memory", "16 | =0 | +16", 1, NO_LOCK),
            new Mutant(
                    "a charge is refused because its stripe is closed, and the pool has too little",
                    "16 | +8 | +8",
                    1,
                    SourceMutant.of(
                            MEMORY,
                            "return chargeExactly(own, bytes);",
                            "return !own.isClosed() && chargeExactly(own, bytes);")),
            new Mutant(
                    "an uncharge stores into a stripe that is closed meanwhile",
                    "16 | +1 / -1 | +15",
                    1,
                    SourceMutant.of(
                            MEMORY,
                            "if (stripe.compareAndSet(known, known - bytes)) {",
                            "stripe.set(known - bytes);\n                if (true) {")),
            new Mutant(
                    "a stripe is used though the pool is negative",
                    "16 | !18 | +1",
                    0,
                    SourceMutant.of(MEMORY, "return pool.get() >= 0 && own.take(bytes);", "return own.take(bytes);")),
            new Mutant(
                    "committed memory is counted while another thread carries free memory",
                    "16 | +8 | =0",
                    1,
                    NO_LOCK));

    private static List<Mutant> mutants() {
        return MUTANTS;
    }

    private static Exploration.Result explore(String scenario, int preemptions, Planting... mutants) {
        Exploration exploration = SteppedScenarios.exploreNamed(ChargeScenario.class, scenario, mutants);
        return SteppedScenarios.result(
                ChargeScenario.class, exploration, Strategy.bounded(preemptions), mutants.length);
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

    @ParameterizedTest
    @MethodSource("mutants")
    @DisplayName("a mutant is found")
    void found(Mutant of) {
        Exploration.Failure failure =
                explore(of.scenario, of.preemptions, of.planting).failure();
        assertNotNull(failure);
        assertTrue(PlantedMutant.isFinding(failure), failure::toString);
    }
}
