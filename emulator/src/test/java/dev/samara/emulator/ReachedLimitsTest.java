// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.testing.Explored;
import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Runs the parts of the program {@code limits}, each of which makes a guest reach a limit, get an error, and continue.
 */
final class ReachedLimitsTest {
    @TempDir
    private Path root;

    @ParameterizedTest
    @Explored(3)
    @DisplayName("a guest that reaches a limit has an error, and goes on")
    @ValueSource(
            strings = {
                "descriptors",
                "files",
                "memory_files",
                "segments",
                "mappings",
                "mappings_of_all",
                "processes",
                "zombies",
                "signals",
                "locks",
                "pipes",
                "arguments",
                "lengths",
                "numbers",
                "sparse"
            })
    void limits(String part) throws Exception {
        GuestRun.GuestResult result = new GuestRun(root).memory(256L << 20).run(GuestRun.program("limits"), part);
        assertEquals(new GuestRun.GuestResult(0, "ok limits\n"), result);
    }
}
