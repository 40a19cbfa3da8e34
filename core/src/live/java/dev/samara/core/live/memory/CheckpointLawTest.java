// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.testing.live.LiveRun;
import dev.samara.testing.live.ScriptFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@Tag("live")
@DisplayName("A restore brings back the state of the checkpoint, and the same steps after it give the same again")
final class CheckpointLawTest {
    private static final Path REGRESSIONS = MemoryLanguage.FOLDER.resolve("checkpoints");

    /** The number of seeds of a build. */
    private static final int SEEDS = 40;

    @Test
    @DisplayName("in random scripts")
    void randomScripts() throws IOException {
        try (CheckpointLanguage language = new CheckpointLanguage()) {
            new LiveRun<>(language, REGRESSIONS).run(0, SEEDS, 1);
        }
    }

    @Test
    @DisplayName("in scripts whose text is parsed again")
    void text() {
        try (CheckpointLanguage language = new CheckpointLanguage()) {
            List<String> lines = language.script(7).lines();
            assertEquals(lines, LawScript.parse(lines).lines());
        }
    }

    static Stream<String> regressions() throws IOException {
        return ScriptFiles.names(REGRESSIONS);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("regressions")
    @DisplayName("in each script that once broke this:")
    void regression(String name) throws IOException {
        try (CheckpointLanguage language = new CheckpointLanguage()) {
            assertNull(language.run(LawScript.parse(ScriptFiles.lines(REGRESSIONS.resolve(name)))));
        }
    }
}
