// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

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

/** A short torture run; the profile torture runs it for longer. */
@Explored(1)
class TreeTortureTest {
    private static final Duration SHORT = Duration.ofSeconds(3);

    @Test
    @DisplayName("A B C D E: a short torture finds nothing")
    void shortRun() throws InterruptedException {
        long seed = Long.getLong("samara.seed", System.nanoTime());
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        int failed =
                new TreeTorture(seed, SHORT, false).run(SHORT, new PrintStream(bytes, true, StandardCharsets.UTF_8));
        String report = bytes.toString(StandardCharsets.UTF_8);
        assertEquals(0, failed, () -> "-Dsamara.seed=" + seed + "\n" + report);
        assertTrue(report.stripTrailing().endsWith(" passed, 0 failed"), report);
    }

    @Test
    void checkerPassesOnlyIfItHasSeenEnough() {
        Checker checker = new Checker("a rule", new TortureRun(7, false), 2, 1);
        checker.check(true, "");
        checker.check(true, "");
        assertFalse(checker.passed());
        assertEquals("FAILED a rule: 2 checks, 0 violations, 0 beside an edit, too few", checker.line());
        checker.overlapped();
        assertTrue(checker.passed());
        checker.check(false, "why");
        assertFalse(checker.passed());
        String line = checker.line();
        assertTrue(
                line.matches("FAILED a rule: after \\d+ ms, -Dtorture.seed=7: why"
                        + " \\(3 checks, 1 violations, 1 beside an edit\\)"),
                line);
    }
}
