// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.sweep;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.interleave.failure.FailureKind;
import dev.samara.core.interleave.failure.Injection;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("Each operation, with each failure that it can meet")
@Tag("interleave")
@Timeout(1200)
final class FailureSweepTest {
    private static final int ALLOCATIONS = 12;
    private static final int DEPTHS = 120;

    @ParameterizedTest
    @EnumSource
    @DisplayName("alone: a share of the allocations and depths of the stack; the profile interleave makes all fail")
    void alone(FailureKind kind) {
        FailureSweep sweep = new FailureSweep(1);
        List<String> failures = new ArrayList<>();
        int points = 0;
        int stride = kind == FailureKind.STACK ? DEPTHS : kind == FailureKind.ALLOCATION ? ALLOCATIONS : 1;
        for (String scenario : FailureKinds.names()) {
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
