// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.testing.judge.LiveKernel;
import dev.samara.testing.live.LiveRun;
import dev.samara.testing.live.ScriptFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@LiveKernel
@Tag("comparison")
@DisplayName("Memory calls give what the running kernel gives, and leave what it leaves")
final class LiveMemoryTest {
    private static final Path REGRESSIONS = MemoryLanguage.FOLDER.resolve("regressions");

    /** The number of seeds of a full run, and of parts, of which a build runs one. */
    private static final int SEEDS = 8_000;

    private static final int PARTS = 16;

    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path directory;

    /** Returns a comparison for the test's thread, which owns its CPU. */
    private Comparison begin() {
        return new Comparison(new Worlds(directory));
    }

    @Test
    @DisplayName("in random scripts")
    void randomScripts() throws IOException {
        try (Comparison comparison = begin()) {
            new LiveRun<>(new MemoryLanguage(comparison), REGRESSIONS).run(0, SEEDS, PARTS);
        }
    }

    @Test
    @DisplayName("in scripts whose text is parsed again")
    void text() throws IOException {
        try (Comparison comparison = begin()) {
            Script script = new MemoryLanguage(comparison).script(5);
            long base = comparison.worlds().get(script.world()).base();
            List<String> lines = script.lines(base);
            assertEquals(lines, Script.parse(lines, comparison.worlds()).lines(base));
        }
    }

    static Stream<String> regressions() throws IOException {
        return ScriptFiles.names(REGRESSIONS);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("regressions")
    @DisplayName("in each script that once differed:")
    void regression(String name) throws IOException {
        try (Comparison comparison = begin()) {
            List<String> lines = ScriptFiles.lines(REGRESSIONS.resolve(name));
            assertNull(comparison.compare(Script.parse(lines, comparison.worlds())));
        }
    }
}
