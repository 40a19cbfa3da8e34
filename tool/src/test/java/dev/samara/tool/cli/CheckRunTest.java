// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.samara.tool.record.FileReport;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class CheckRunTest {
    private static final Path BROKEN = Path.of("broken.gz");
    private static final List<Path> FILES = List.of(BROKEN, Path.of("good.gz"));

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @Test
    @DisplayName("a check that ends in an exception is that file's failure, and the run goes on")
    void broken() {
        CheckRun run = run(new PlainOutput(new PrintWriter(out), false));
        assertEquals(1, run.passed());
        assertEquals(1, run.failed());
        assertEquals(CheckStatus.DIFFERENT, run.status());
        List<String> lines = out.toString().lines().toList();
        assertEquals("FAILED broken.gz: the check itself failed", lines.get(0));
        assertEquals("passed good.gz: 0 operations", lines.get(1));
        assertComplaint(err.toString());
    }

    @Test
    @DisplayName("JSON tells the exception")
    void brokenInJson() {
        JsonOutput output = new JsonOutput(new PrintWriter(out));
        output.ends(Summary.of(run(output), 0));
        JsonArray files = ToolRun.json(out.toString()).getAsJsonArray("files");
        JsonObject broken = files.get(0).getAsJsonObject();
        assertEquals("failed", broken.get("status").getAsString());
        assertComplaint(broken.get("complaint").getAsString());
        assertEquals("passed", files.get(1).getAsJsonObject().get("status").getAsString());
    }

    private CheckRun run(ReportOutput output) {
        CheckRun run = new CheckRun(output, new PrintWriter(err), ProgressLine.none(new PrintWriter(err)));
        run.check(FILES, file -> {
            if (file.equals(BROKEN)) {
                throw new IllegalStateException("no such page");
            }
            return new FileReport(file);
        });
        return run;
    }

    private static void assertComplaint(String complaint) {
        String start = "broken.gz: java.lang.IllegalStateException: no such page, at dev.samara.tool.cli.CheckRunTest";
        assertTrue(complaint.startsWith(start), complaint);
        assertEquals(1, complaint.lines().count());
    }
}
