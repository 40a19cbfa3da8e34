// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.emulator.linux.CodeExecution;
import dev.samara.testing.judge.LiveKernel;
import dev.samara.testing.live.LiveRun;
import dev.samara.testing.live.ScriptFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@LiveKernel
@Tag("comparison")
@Timeout(14_400)
@DisplayName("A script of system calls has the same answers in the emulator and from the kernel")
final class ProgramsLiveTest {
    private static final Path REGRESSIONS = Path.of("src", "test", "resources", "live", "programs");

    /** The number of scripts of a whole run, and of parts, of which a build runs one. */
    private static final int SCRIPTS = 4_000;

    private static final int PARTS = 100;

    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path folder;

    @Test
    @DisplayName("if it showed a difference before, interpreted")
    void regressions() throws IOException {
        replay(CodeExecution.INTERPRETED);
    }

    @Test
    @DisplayName("if it showed a difference before, translated")
    void translatedRegressions() throws IOException {
        replay(CodeExecution.TRANSLATED_AT_ONCE);
    }

    private void replay(CodeExecution execution) throws IOException {
        List<String> names = ScriptFiles.names(REGRESSIONS).toList();
        List<List<Step>> scripts = new ArrayList<>();
        for (String name : names) {
            scripts.add(ScriptText.parse(ScriptFiles.lines(REGRESSIONS.resolve(name))));
        }
        try (ProgramsLanguage language = new ProgramsLanguage(folder)) {
            List<Difference> found = language.replay(scripts, execution);
            for (int i = 0; i < names.size(); i++) {
                assertNull(found.get(i), names.get(i));
            }
        }
    }

    @Test
    @DisplayName("if a seed chooses it")
    void share() throws IOException {
        try (ProgramsLanguage language = new ProgramsLanguage(folder)) {
            new LiveRun<>(language, REGRESSIONS).run(0, SCRIPTS, PARTS);
        }
    }

    @Test
    @DisplayName("and is read again as it is written")
    void text() {
        for (int seed = 0; seed < 500; seed++) {
            List<Step> script = ScriptMaker.make(seed);
            assertEquals(script, ScriptText.parse(ScriptText.of(script).lines().toList()));
        }
    }
}
