// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.testing.Explored;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A short run of the space torture; the profile torture runs it for a long time. */
@Explored(1)
class SpaceTortureTest {
    @Test
    @DisplayName("I4, I5, I6, I8, I10: a short torture finds nothing")
    void shortRun() throws InterruptedException {
        long seed = Long.getLong("samara.seed", System.nanoTime());
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        int failed = new SpaceTorture(seed, false)
                .run(Duration.ofSeconds(2), new PrintStream(bytes, true, StandardCharsets.UTF_8));
        String report = bytes.toString(StandardCharsets.UTF_8);
        assertEquals(0, failed, () -> "-Dsamara.seed=" + seed + "\n" + report);
        assertTrue(report.stripTrailing().endsWith(" passed, 0 failed"), report);
    }

    @Test
    void checkerThatNeverCheckedHasNotPassed() {
        Checker checker = new Checker("a rule", new TortureRun(7, false, ""));
        assertFalse(checker.passed());
        checker.check(true, "");
        assertTrue(checker.passed());
        checker.check(false, "why");
        assertFalse(checker.passed());
        String line = checker.line();
        assertTrue(
                line.matches("FAILED a rule: after \\d+ ms, -Dtorture.seed=7( -Dsamara.divided=true)?: why"
                        + " \\(2 checks, 1 violations\\)"),
                line);
    }
}
