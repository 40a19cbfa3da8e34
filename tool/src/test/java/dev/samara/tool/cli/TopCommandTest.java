// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import dev.samara.testing.Project;
import dev.samara.tool.MadeUpTrace;
import dev.samara.tool.Recordings;
import dev.samara.tool.Xml;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests the command top when its output is not a terminal. The number of samples is not tested. */
final class TopCommandTest {
    private static final Path SMALL = Recordings.bundled("traces/git/003-rm.trace.gz");

    @TempDir
    private Path folder;

    private static JsonObject last(List<String> lines) {
        JsonObject last = ToolRun.json(lines.stream()
                .filter(line -> line.contains("\"last\":true"))
                .findFirst()
                .orElseThrow());
        assertTrue(last.get("last").getAsBoolean());
        return last;
    }

    private static JsonObject machine(JsonObject sample, int number) {
        return sample.getAsJsonArray("machines").get(number).getAsJsonObject();
    }

    @Test
    @DisplayName("top FILE shows the totals of a replay that touches its pages, and ends as the replay does")
    void replay() {
        ToolRun run = ToolRun.of("top", SMALL, "--cpus", 2);
        assertEquals(0, run.status(), run.err()::toString);
        assertEquals(List.of(), run.err());
        assertTrue(run.out().get(0).startsWith("SECONDS  MACHINE"), run.out()::toString);
        assertTrue(run.out().stream().anyMatch(line -> line.startsWith(" in all  replay")), run.out()::toString);
        assertEquals("1 passed, 0 failed", run.lastLine());
    }

    @Test
    @DisplayName("each sample is a document with --json, the last one with all operations, and the replay's comes then")
    void json() {
        ToolRun run = ToolRun.of("top", SMALL, "--json", "--repeat", 2, "--interval", 60_000);
        assertEquals(0, run.status(), run.err()::toString);
        JsonObject sample = last(run.out());
        JsonObject replayed = ToolRun.json(run.lastLine());
        assertEquals(2, sample.getAsJsonObject("work").get("files").getAsInt());
        assertEquals(
                replayed.get("operations").getAsLong(),
                sample.getAsJsonObject("work").get("operations").getAsLong());
        assertEquals(2, replayed.get("passed").getAsInt());
        JsonObject machine = machine(sample, 0);
        assertTrue(machine.get("minorFaults").getAsLong() > 0, machine::toString);
        assertTrue(machine.get("flushes").getAsLong() > 0, machine::toString);
        assertEquals(0, machine.get("usedBytes").getAsLong());
    }

    @Test
    @DisplayName("what differs is told after the view, and is the status")
    void differences() throws IOException {
        Path wrong = new MadeUpTrace().lines("op 0 1 brk addr=0x0 = 0x1000").write(folder.resolve("1.trace.gz"));
        ToolRun run = ToolRun.of("top", wrong);
        assertEquals(1, run.status());
        assertEquals(1, run.differences().size());
        assertEquals("0 passed, 1 failed", run.lastLine());
        Path missing = folder.resolve("missing.gz");
        ToolRun none = ToolRun.of("top", missing);
        assertEquals(2, none.status());
        assertEquals(List.of(missing + ": there is no such file"), none.err());
        assertEquals(List.of(), none.out(), "no view was shown");
    }

    @Test
    @DisplayName("top run shows the guest on standard error, its output goes to the file, and its status is the tool's")
    void run() throws IOException {
        Path output = folder.resolve("output");
        ToolRun run = ToolRun.of(
                "top", "--interval", 60_000, "run", "--output", output, "--json", "--stats", program("threads"));
        assertEquals(0, run.status(), () -> String.join("\n", run.err()));
        assertEquals(List.of(), run.out());
        JsonObject sample = last(run.err());
        assertTrue(sample.getAsJsonObject("work").get("system calls").getAsLong() > 100, sample::toString);
        assertTrue(machine(sample, 0).get("minorFaults").getAsLong() > 0, sample::toString);
        assertTrue(run.err().stream().anyMatch(line -> line.startsWith("faults of pages: ")), run.err()::toString);
        assertFalse(Files.readString(output).isEmpty());
    }

    @Test
    @DisplayName("a program that cannot be run ends top run as it ends run")
    void noProgram() {
        ToolRun run = ToolRun.of("top", "run", SMALL);
        assertEquals(125, run.status());
        assertTrue(run.err().get(run.err().size() - 1).contains(SMALL.toString()), run.err()::toString);
    }

    @Test
    @DisplayName("--svg writes a picture of the last view, and does not replace the trace")
    void picture() throws IOException {
        Path picture = folder.resolve("1.svg");
        ToolRun run = ToolRun.of("top", SMALL, "--svg", picture);
        assertEquals(0, run.status(), run.err()::toString);
        List<String> texts = Xml.parse(Files.readString(picture)).texts("text");
        assertTrue(texts.get(0).startsWith("samara top, replay of 003-rm.trace.gz: "));
        Path copy = Files.copy(SMALL, folder.resolve("1.trace.gz"));
        assertEquals(2, ToolRun.of("top", copy, "--svg", copy).status());
        assertEquals(-1, Files.mismatch(SMALL, copy));
    }

    private static Path program(String name) {
        return Project.module("emulator").resolve("src/test/resources/riscv").resolve(name);
    }
}
