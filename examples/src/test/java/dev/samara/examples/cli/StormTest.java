// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class StormTest {
    @Test
    @DisplayName("in two seconds of storm every invariant is checked, and holds")
    void two_seconds() {
        ToolRun run = ToolRun.of("storm", "--seconds", 2, "--cpus", 3, "--seed", 1, "--check");
        List<String> judged = run.out().stream()
                .filter(line -> line.startsWith("passed ") || line.startsWith("FAILED "))
                .toList();
        assertEquals(0, run.status(), () -> String.join("\n", run.out()));
        assertTrue(judged.stream().allMatch(line -> line.startsWith("passed ")), judged::toString);
        assertEquals(judged.size() + " passed, 0 failed", run.lastLine());
    }
}
