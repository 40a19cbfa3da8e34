// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.emulator.linux.RunPlan.ExecutionMode;
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

    /** The number of scripts in a whole run, and the number of parts, of which a build runs one. */
    private static final int SCRIPTS = 4_000;

    private static final int PARTS = 100;

    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path folder;

    @Test
    @DisplayName("if it showed a difference before, interpreted")
    void regressions() throws IOException {
        replay(ExecutionMode.INTERPRETED);
    }

    @Test
    @DisplayName("if it showed a difference before, translated")
    void translatedRegressions() throws IOException {
        replay(ExecutionMode.TRANSLATED_AT_ONCE);
    }

    private void replay(ExecutionMode execution) throws IOException {
        List<String> names = ScriptFiles.names(REGRESSIONS).toList();
        List<List<Step>> scripts = new ArrayList<>();
        for (String name : names) {
            scripts.add(ScriptText.parse(ScriptFiles.lines(REGRESSIONS.resolve(name))));
        }
        try (ProgramsLanguage language = new ProgramsLanguage(folder)) {
            List<Difference> found = language.replay(scripts, execution);
            List<String> differing = new ArrayList<>();
            for (int i = 0; i < names.size(); i++) {
                if (found.get(i) != null) {
                    differing.add(names.get(i) + "\n" + found.get(i));
                }
            }
            assertEquals(List.of(), differing);
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
    @DisplayName("and keeps the number of each segment that it may have made, so that the end removes it")
    void segments() {
        for (int seed = 0; seed < SCRIPTS; seed++) {
            List<Step> script = ScriptMaker.make(seed);
            for (int i = 0; i < script.size(); i++) {
                if (script.get(i) instanceof Step.Call call
                        && call.call() == JudgedCall.SHMGET
                        && call.arguments().get(1) instanceof Argument.Numeric size
                        && size.value() > 0
                        && call.arguments().get(2) instanceof Argument.Numeric flags
                        && (flags.value() & SegmentSentences.CREATE) != 0) {
                    assertTrue(
                            script.get(i + 1) instanceof Step.Keep keep && keep.task() == call.task(), "seed " + seed);
                }
            }
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
