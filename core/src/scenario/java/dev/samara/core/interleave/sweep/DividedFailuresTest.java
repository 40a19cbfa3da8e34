// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.sweep;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.interleave.scenario.Divided;
import dev.samara.interleave.failure.FailureKind;
import dev.samara.interleave.failure.Injection;
import dev.samara.interleave.instrument.Planting;
import dev.samara.interleave.instrument.SourceMutant;
import dev.samara.testing.Explored;
import dev.samara.testing.Share;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("Each operation, with failures, in a layout that is divided before it and by the next ones")
@Tag("interleave")
@Timeout(1200)
@Explored(16)
final class DividedFailuresTest {
    /** The stride of stack depths. */
    private static final int DEPTHS = 2000;

    /** The stride of allocations. */
    private static final int ALLOCATIONS = 60;

    private static final String DISTRICTS = "dev.samara.core.internal.space.Districts";

    /** While the fork waits for a CPU in GUEST, the third operation divides the layout if it may do so. */
    private static final String FORK_BESIDE_DIVISION = FailureKinds.STAYS + "+fork+widen";

    private record Mutant(String name, String scenario, FailureKind kind, Planting planting) {
        @Override
        public String toString() {
            return name;
        }
    }

    private static final List<Mutant> MUTANTS = List.of(
            new Mutant(
                    "a division marks the whole layout dead before it has memory for the rest",
                    "mmap",
                    FailureKind.ALLOCATION,
                    SourceMutant.of(
                            DISTRICTS,
                            "        District divided = new District(\n",
                            "        from.die();\n        District divided = new District(\n")),
            new Mutant(
                    "a join marks a part dead before it has memory for the rest",
                    "fork" + FailureScenario.DIVIDED,
                    FailureKind.ALLOCATION,
                    SourceMutant.of(
                            DISTRICTS,
                            "from[i].addGainTo(counters);",
                            "from[i].addGainTo(counters);\n                from[i].die();")),
            new Mutant(
                    "P44: a layout is divided while a fork copies, and the end of the copy has no memory to join it",
                    FORK_BESIDE_DIVISION,
                    FailureKind.ALLOCATION,
                    SourceMutant.of(DISTRICTS, "                || !layout.copies().isEmpty()\n", "")));

    private static List<Mutant> mutants() {
        return MUTANTS;
    }

    @Test
    @DisplayName("alone, at a share of the places; the profile interleave has all")
    @Explored(1)
    void alone() {
        FailureSweep sweep = new FailureSweep(1, Divided.AT_EACH_OPERATION);
        List<String> failures = new ArrayList<>();
        int points = 0;
        for (String operation : Share.of("operations in a divided layout", 32).of(FailureKinds.names())) {
            String scenario = operation + FailureScenario.DIVIDED;
            for (FailureKind kind : List.of(FailureKind.ALLOCATION, FailureKind.STACK)) {
                int stride = kind == FailureKind.STACK ? DEPTHS : ALLOCATIONS;
                FailureSweep.Result result = sweep.sweep(scenario, kind, Injection.Scope.CALLERS, stride);
                points += result.points();
                failures.addAll(result.failures());
            }
        }
        assertEquals(List.of(), failures);
        assertTrue(points > 0, "no point was reached");
    }

    @Test
    @DisplayName("P44: a fork beside an operation that would divide the layout, without memory at each place")
    void forkBesideDivision() {
        FailureSweep sweep = new FailureSweep(1, Divided.AT_EACH_OPERATION);
        FailureSweep.Result result = sweep.sweep(FORK_BESIDE_DIVISION, FailureKind.ALLOCATION, Injection.Scope.CALLERS);
        assertEquals(List.of(), result.failures());
        assertTrue(result.points() > 0, "no point was reached");
    }

    @ParameterizedTest
    @MethodSource("mutants")
    @DisplayName("a division or a join that fails half-way is found")
    void found(Mutant of) {
        FailureSweep sweep = new FailureSweep(1, Divided.AT_EACH_OPERATION, of.planting);
        assertNotEquals(
                List.of(),
                sweep.sweep(of.scenario, of.kind, Injection.Scope.CALLERS).failures());
    }
}
