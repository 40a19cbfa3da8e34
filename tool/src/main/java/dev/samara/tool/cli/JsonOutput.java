// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.samara.tool.record.Difference;
import dev.samara.tool.record.FileReport;
import java.io.PrintWriter;
import java.nio.file.Path;

/** Writes one JSON document at the end of the run, for programs. */
final class JsonOutput implements ReportOutput {
    private final PrintWriter out;
    private final JsonArray files = new JsonArray();

    JsonOutput(PrintWriter out) {
        this.out = out;
    }

    @Override
    public void checked(FileReport report) {
        JsonArray differences = new JsonArray();
        for (Difference difference : report.differences()) {
            JsonObject json = new JsonObject();
            json.addProperty("line", difference.line());
            json.addProperty("subject", difference.subject());
            json.addProperty("kernel", difference.kernel());
            json.addProperty("samara", difference.samara());
            differences.add(json);
        }
        JsonObject json = file(report.file(), report.passed() ? "passed" : "failed");
        json.addProperty("operations", report.operations());
        json.addProperty("differenceCount", differences.size());
        json.add("differences", differences);
    }

    @Override
    public void unreadable(Path file, String complaint) {
        file(file, "unreadable").addProperty("complaint", complaint);
    }

    @Override
    public void broken(Path file, String complaint) {
        file(file, "failed").addProperty("complaint", complaint);
    }

    private JsonObject file(Path file, String status) {
        JsonObject json = new JsonObject();
        json.addProperty("file", file.toString());
        json.addProperty("status", status);
        files.add(json);
        return json;
    }

    @Override
    public void ends(Summary summary) {
        JsonObject json = new JsonObject();
        json.add("files", files);
        json.addProperty("operations", summary.operations());
        json.addProperty("seconds", summary.seconds());
        json.addProperty("operationsPerSecond", summary.operationsPerSecond());
        json.addProperty("passed", summary.passed());
        json.addProperty("failed", summary.failed());
        out.println(json);
        out.flush();
    }
}
