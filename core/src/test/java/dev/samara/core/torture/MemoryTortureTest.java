// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The torture of memory for a moment; the profile torture has it for long. */
class MemoryTortureTest {
    private static final long SEED = 20_171_123;

    @Test
    @DisplayName("I1, I2, I3, I8: a short torture of memory finds nothing")
    void shortRun() throws InterruptedException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
        int failed = new MemoryTorture(SEED, false).run(Duration.ofSeconds(4), out);
        String report = bytes.toString(StandardCharsets.UTF_8);
        assertEquals(0, failed, report);
        assertTrue(report.stripTrailing().endsWith(" passed, 0 failed"), report);
    }
}
