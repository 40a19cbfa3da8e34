// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.LazyTlb;
import dev.samara.testing.Explored;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A short run of the memory torture; the profile torture runs it for a long time. */
class MemoryTortureTest {
    private static final long SEED = 20_171_123;

    @ParameterizedTest
    @EnumSource
    @DisplayName("I1, I2, I3, I8: a short torture of memory finds nothing, whatever CPUs in LAZY keep")
    @Explored(4)
    void shortRun(LazyTlb lazy) throws InterruptedException {
        // Two of the runs elide flushes.
        boolean isElided = lazy == LazyTlb.SHOOTDOWN || lazy == LazyTlb.NONE;
        long seed = isElided ? SEED | 8 : SEED & ~8;
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
        int failed =
                new MemoryTorture(seed, false, LifetimeChoices.of(seed, lazy.name())).run(Duration.ofSeconds(1), out);
        String report = bytes.toString(StandardCharsets.UTF_8);
        assertEquals(0, failed, report);
        assertTrue(report.stripTrailing().endsWith(" passed, 0 failed"), report);
    }

    @Test
    @DisplayName("the seed chooses the default strategy or another, on machines that elide flushes and on others")
    void chosenBySeed() {
        Set<String> chosen = new HashSet<>();
        for (long seed = 0; seed < 48; seed++) {
            LifetimeChoices choices = LifetimeChoices.of(seed, "");
            assertEquals(choices, LifetimeChoices.of(seed, choices.lazy().name()), "run again from its line");
            assertTrue(choices.toString().startsWith("-Dtorture.lazy=" + choices.lazy() + " "), choices.toString());
            chosen.add(choices.lazy() + " " + choices.elides());
        }
        assertEquals(2 * LazyTlb.values().length, chosen.size());
    }

    @Test
    @DisplayName("a name that is no strategy is refused with the names")
    void wrongName() {
        IllegalArgumentException refused =
                assertThrows(IllegalArgumentException.class, () -> LifetimeChoices.of(SEED, "lazy"));
        assertEquals(
                "-Dtorture.lazy=lazy: has to be one of [REFERENCE_COUNT, SHOOTDOWN, HAZARD_POINTER, NONE], or empty for"
                        + " the choice of the seed",
                refused.getMessage());
    }
}
