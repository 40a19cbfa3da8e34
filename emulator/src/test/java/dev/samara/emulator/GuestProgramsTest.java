// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.emulator.linux.RunPlan.ExecutionMode;
import dev.samara.testing.Explored;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Runs the programs of {@code src/test/riscv}, which check themselves: each prints {@code ok} and its name, or its
 * first error.
 */
@Timeout(60)
@Explored(6)
@Tag("comparison")
final class GuestProgramsTest {
    @TempDir
    private Path root;

    @TempDir
    private Path elsewhere;

    static List<String> programs() {
        return List.of(
                "altstack",
                "atomics",
                "barriers",
                "brk",
                "control",
                "clones",
                "debugged",
                "execs",
                "files",
                "floats",
                "forks",
                "futexes",
                "hostile",
                "hotcode",
                "integers",
                "jit",
                "links",
                "locks",
                "madvise",
                "masks",
                "memfd",
                "mmap",
                "mremap",
                "pagemap",
                "partial",
                "pie",
                "pipes",
                "random",
                "randomcode",
                "refused",
                "robust",
                "rounding",
                "scripts",
                "seals",
                "segments",
                "shared",
                "signals",
                "speed",
                "stack",
                "system",
                "threads",
                "timers");
    }

    private void check(GuestRun run, String name) throws Exception {
        // Outside the project's directory, because a script cannot name an interpreter whose path contains a space.
        Path program = Files.copy(GuestRun.program(name), elsewhere.resolve(name));
        assertEquals(new GuestRun.GuestResult(0, "ok " + name + "\n"), run.run(program));
    }

    @ParameterizedTest
    @DisplayName("a program finds nothing wrong")
    @MethodSource("programs")
    @Explored(1)
    void runs(String name) throws Exception {
        check(new GuestRun(root), name);
    }

    @ParameterizedTest
    @DisplayName("a program finds nothing wrong on a checked machine, nor does the machine")
    @MethodSource("programs")
    void runsChecked(String name) throws Exception {
        check(new GuestRun(root).checked(), name);
    }

    @ParameterizedTest
    @DisplayName("a program finds nothing wrong with a TLB of two entries")
    @MethodSource("programs")
    void runsWithSmallTlb(String name) throws Exception {
        check(new GuestRun(root).tlbEntries(2), name);
    }

    @ParameterizedTest
    @DisplayName("a program finds nothing wrong with all code translated at its second run")
    @MethodSource("programs")
    void runsTranslatedAtOnce(String name) throws Exception {
        check(new GuestRun(root).execution(ExecutionMode.TRANSLATED_AT_ONCE), name);
    }

    @ParameterizedTest
    @DisplayName("a program finds nothing wrong with code that is translated meanwhile, and a TLB of two entries")
    @MethodSource("programs")
    void runsTranslatedInTheBackground(String name) throws Exception {
        check(new GuestRun(root).execution(ExecutionMode.TRANSLATED).tlbEntries(2), name);
    }

    @ParameterizedTest
    @DisplayName("a program finds nothing wrong with translated code on a checked machine, nor does the machine")
    @MethodSource("programs")
    void runsTranslatedAndChecked(String name) throws Exception {
        check(new GuestRun(root).execution(ExecutionMode.TRANSLATED).checked(), name);
    }
}
