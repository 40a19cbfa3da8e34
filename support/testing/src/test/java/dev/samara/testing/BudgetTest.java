// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.platform.engine.TestTag;

@DisplayName("The budget of a build")
final class BudgetTest {
    @TempDir
    private Path root;

    private void times(String module, String run, TestTime... times) throws IOException {
        Path folder = root.resolve(module).resolve("target/test-output").resolve(run);
        Files.createDirectories(folder);
        for (TestTime time : times) {
            Files.writeString(folder.resolve(time.name() + TestTime.SUFFIX), time + "\n");
        }
    }

    private static String table(Budget budget) {
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        budget.print(new PrintStream(printed, true, StandardCharsets.UTF_8));
        return printed.toString(StandardCharsets.UTF_8);
    }

    @Test
    @DisplayName("adds up the times of a kind in all runs of all modules; what is left is that of the build")
    void adds() throws IOException {
        times("maple", "tests", new TestTime("A", TestKind.COMPARISON, 10_000, 7));
        times(
                "core",
                "tests",
                new TestTime("B", TestKind.EXPLORATION, 20_000, 7),
                new TestTime("C", TestKind.OTHER, 500, 7));
        times("core", "divided", new TestTime("B", TestKind.EXPLORATION, 5_000, 7));
        Budget budget = new Budget(root, 100_000, Instant.MIN);
        assertEquals(10, budget.seconds(Budget.Work.COMPARISON), 1e-9);
        assertEquals(25, budget.seconds(Budget.Work.EXPLORATION), 1e-9);
        assertEquals(0.5, budget.seconds(Budget.Work.OTHER), 1e-9);
        assertEquals(64.5, budget.seconds(Budget.Work.BUILD), 1e-9);
        String run = table(budget).lines().skip(1).findFirst().orElseThrow();
        assertEquals("tests that have run                        21        7       28", run);
        String explorations = table(budget).lines().skip(4).findFirst().orElseThrow();
        assertEquals("explorations                             25.0              25.0      120", explorations);
    }

    @Test
    @DisplayName("leaves out the times of another build, which are older")
    void older() throws IOException {
        times("maple", "tests", new TestTime("A", TestKind.COMPARISON, 10_000, 7));
        times("maple", "tests", new TestTime("B", TestKind.COMPARISON, 20_000, 7));
        Path file = root.resolve("maple/target/test-output/tests/A" + TestTime.SUFFIX);
        Instant begun = Instant.parse("2026-01-02T03:04:05Z");
        Files.setLastModifiedTime(file, FileTime.from(begun.minusSeconds(1)));
        assertEquals(20, new Budget(root, 100_000, begun).seconds(Budget.Work.COMPARISON), 1e-9);
    }

    @Test
    @DisplayName("has a line for each run of a class, and refuses another one")
    void lines() {
        TestTime time = new TestTime("dev.samara.ATest", TestKind.OTHER, 12, 7);
        assertEquals(time, TestTime.parse(time.toString()));
        assertThrows(IllegalArgumentException.class, () -> TestTime.parse("dev.samara.ATest OTHER 12"));
    }

    @Test
    @DisplayName("counts a class with a model as a comparison, also if it takes a share; others by their tags")
    void kinds() {
        assertEquals(TestKind.OTHER, TestKind.of(Set.of(TestTag.create("planted"))));
        assertEquals(TestKind.EXPLORATION, TestKind.of(Set.of(TestTag.create("lincheck"))));
        assertEquals(
                TestKind.COMPARISON, TestKind.of(List.of(TestTag.create("exploration"), TestTag.create("comparison"))));
        assertEquals(
                TestKind.COMPARISON, TestKind.of(List.of(TestTag.create("comparison"), TestTag.create("exploration"))));
    }

    @Test
    @DisplayName("takes user and system time of a process and of its children from the line of the system")
    void processorTime() {
        String stat = "7 (a b) c) S 1 7 7 0 -1 4194304 1 2 3 4 100 20 3 4 20 0 1 0 5 6 7";
        assertEquals(1270, ProcessorTime.parse(stat));
        long pid = ProcessHandle.current().pid();
        ProcessorTime.of(pid).ifPresent(millis -> assertTrue(millis > 0, "this JVM has run for " + millis + " ms"));
    }
}
