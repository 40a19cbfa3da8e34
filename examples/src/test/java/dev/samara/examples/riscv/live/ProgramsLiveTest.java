// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.live;

import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.examples.riscv.linux.CodeExecution;
import dev.samara.testing.judge.LiveKernel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@LiveKernel
@Timeout(14_400)
@DisplayName("A script of system calls has the same answers in the emulator and from the kernel")
final class ProgramsLiveTest {
    private static final Path REGRESSIONS = Path.of("src", "test", "resources", "live", "programs");
    private static final int SCRIPTS = 20;

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
        List<List<Step>> scripts = new ArrayList<>();
        try (Stream<Path> files = Files.list(REGRESSIONS)) {
            for (Path each : files.sorted().toList()) {
                scripts.add(ScriptText.parse(Files.readString(each)));
            }
        }
        try (Comparison comparison = new Comparison(folder, execution)) {
            for (Comparison.Difference found : comparison.runAll(scripts)) {
                assertNull(found, () -> String.valueOf(found));
            }
        }
    }

    @Test
    @DisplayName("if it is made at random")
    void random() throws IOException {
        LongRun run = LongRun.ofBuild(SCRIPTS);
        try (Comparison comparison = new Comparison(folder, run.execution())) {
            Comparison.Difference found = run.look(comparison);
            assertNull(found, () -> run + "\n" + found);
        }
    }
}
