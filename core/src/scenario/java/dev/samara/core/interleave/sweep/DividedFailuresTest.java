// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.sweep;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.interleave.failure.FailureKind;
import dev.samara.interleave.failure.Injection;
import dev.samara.interleave.mutant.Mutant;
import dev.samara.testing.Explored;
import dev.samara.testing.Share;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@DisplayName("Each operation, with failures, in a layout that is divided before it and by the next ones")
@Tag("interleave")
@Tag("planted")
@Timeout(1200)
@Explored(16)
final class DividedFailuresTest {
    /** The stride of stack depths. */
    private static final int DEPTHS = 2000;

    /** The stride of allocations. */
    private static final int ALLOCATIONS = 60;

    private static final Mutant DIVIDED = Mutant.named("each operation divides its layout");

    /** While the fork waits for a CPU in GUEST, the third operation divides the layout if it may do so. */
    private static final String FORK_BESIDE_DIVISION = FailureKinds.STAYS + "+fork+widen";

    @Test
    @DisplayName("alone, at a share of the places; the profile interleave has all")
    @Explored(1)
    void alone() {
        FailureSweep sweep = new FailureSweep(1, DIVIDED);
        List<String> failures = new ArrayList<>();
        int points = 0;
        Share share = Share.of("operations in a divided layout", 32);
        for (String operation : share.of(FailureKinds.names())) {
            String scenario = operation + FailureScenario.DIVIDED;
            for (FailureKind kind : List.of(FailureKind.ALLOCATION, FailureKind.STACK)) {
                int stride = kind == FailureKind.STACK ? DEPTHS : ALLOCATIONS;
                FailureSweep.Result result = sweep.sweep(scenario, kind, Injection.Scope.CALLERS, stride);
                points += result.points();
                failures.addAll(result.failures());
            }
        }
        assertEquals(List.of(), failures);
        assertTrue(points > 0 || !share.isWhole(), "no point was reached");
    }

    @Test
    @DisplayName("P44: a fork beside an operation that would divide the layout, without memory at each place")
    void forkBesideDivision() {
        FailureSweep sweep = new FailureSweep(1, DIVIDED);
        FailureSweep.Result result = sweep.sweep(FORK_BESIDE_DIVISION, FailureKind.ALLOCATION, Injection.Scope.CALLERS);
        assertEquals(List.of(), result.failures());
        assertTrue(result.points() > 0, "no point was reached");
    }
}
