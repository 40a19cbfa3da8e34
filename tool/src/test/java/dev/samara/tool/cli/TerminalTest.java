// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.tool.Recordings;
import dev.samara.tool.record.FileReport;
import dev.samara.tool.top.ScreenSize;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests what the tool does on a terminal. */
final class TerminalTest {
    private final StringWriter err = new StringWriter();
    private final StringWriter out = new StringWriter();

    @Test
    @DisplayName("the size is that of the environment, or what stty tells, or 80 columns and 24 lines")
    void size() {
        Map<String, String> none = Map.of();
        assertEquals(new ScreenSize(132, 50), TerminalStreams.size(Map.of("COLUMNS", "132", "LINES", "50"), "24 80"));
        assertEquals(new ScreenSize(90, 30), TerminalStreams.size(none, "30 90\n"));
        assertEquals(ScreenSize.USUAL, TerminalStreams.size(none, null));
        assertEquals(ScreenSize.USUAL, TerminalStreams.size(none, "0 0\n"));
        assertEquals(ScreenSize.USUAL, TerminalStreams.size(Map.of("COLUMNS", "many", "LINES", "-1"), "no tty"));
    }

    @Test
    @DisplayName("progress is one line, which each text overwrites, and which is gone before a finding and at the end")
    void progress() {
        ProgressLine line = new ProgressLine(new PrintWriter(err), 12);
        CheckRun run = new CheckRun(new PlainOutput(new PrintWriter(out), true), new PrintWriter(err), line);
        run.check(List.of(Path.of("a.gz"), Path.of("b.gz")), file -> {
            run.progresses("so far");
            return new FileReport(file);
        });
        assertEquals(
                "\r\u001b[K[1/2] a.gz\r\u001b[K[1/2] a.gz:\r\u001b[K"
                        + "\r\u001b[K[2/2] b.gz\r\u001b[K[2/2] b.gz:\r\u001b[K",
                err.toString());
        assertEquals("", out.toString());
        line.clear();
        assertTrue(err.toString().endsWith(":\r\u001b[K"));
    }

    @Test
    @DisplayName("without a terminal there is no progress")
    void noTerminal() {
        ProgressLine line = new ProgressLine(new PrintWriter(err), 0);
        line.show("far");
        line.clear();
        assertEquals("", err.toString());
        ToolRun run = ToolRun.of("replay", Recordings.bundled("traces/git/003-rm.trace.gz"));
        assertEquals(List.of(), run.err());
    }

    @ParameterizedTest
    @ValueSource(strings = {"CLICOLOR_FORCE", "NO_COLOR"})
    @DisplayName("no variable about colours decides whether a guest's stream is a terminal")
    void guestStreams(String variable) throws Exception {
        Path java = Path.of(System.getProperty("java.home"), "bin", "java");
        String program = "../emulator/src/test/resources/riscv/terminals";
        ProcessBuilder run = new ProcessBuilder(
                        java.toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        SamaraCommand.class.getName(),
                        "run",
                        Path.of(System.getProperty("basedir", ""), program).toString())
                .redirectErrorStream(true);
        run.environment().put(variable, "1");
        Process process = run.start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals("000\nok terminals\n", output);
        assertEquals(0, process.waitFor());
    }
}
