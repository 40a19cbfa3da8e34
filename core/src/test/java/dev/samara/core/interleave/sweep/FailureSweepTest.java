// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.sweep;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.interleave.failure.FailureKind;
import dev.samara.core.interleave.failure.Injection;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("Each operation, with each failure that it can meet")
@Tag("interleave")
@Timeout(1200)
final class FailureSweepTest {
    private static final int DEPTHS = 120;

    /** Operations that were wrong at a few depths only. */
    private static final Set<String> AT_EACH_DEPTH = Set.of("lazy", "collect", "device-move");

    @ParameterizedTest
    @EnumSource
    @DisplayName("alone: a share of the depths of the stack; the profile interleave has all")
    void alone(FailureKind kind) {
        FailureSweep sweep = new FailureSweep(1);
        List<String> failures = new ArrayList<>();
        int points = 0;
        for (String scenario : FailureKinds.names()) {
            int stride = kind == FailureKind.STACK && !AT_EACH_DEPTH.contains(scenario) ? DEPTHS : 1;
            for (Injection.Scope scope : Injection.Scope.values()) {
                if (scope == Injection.Scope.CALLERS || kind != FailureKind.STACK) {
                    FailureSweep.Result result = sweep.sweep(scenario, kind, scope, stride);
                    points += result.points();
                    failures.addAll(result.failures());
                }
            }
        }
        assertEquals(List.of(), failures);
        assertTrue(points > 0, "no point was reached");
    }
}
