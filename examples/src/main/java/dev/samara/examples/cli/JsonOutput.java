// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.cli;

import dev.samara.examples.lookup.Tally;
import dev.samara.examples.record.Difference;
import dev.samara.examples.record.FileReport;
import java.io.PrintWriter;
import java.nio.file.Path;

/** One JSON document for programs, written at the end of the run. */
final class JsonOutput implements ReportOutput {
    private final PrintWriter out;
    private final JsonText json = new JsonText();

    JsonOutput(PrintWriter out) {
        this.out = out;
        json.beginObject().name("files").beginArray();
    }

    @Override
    public void begins(Path file, int done, int all) {
        // A document has no progress.
    }

    @Override
    public void checked(FileReport report) {
        json.beginObject();
        json.name("file").value(report.file().toString());
        json.name("status").value(report.passed() ? "passed" : "failed");
        json.name("operations").value(report.operations());
        json.name("differenceCount").value(report.differences().size());
        json.name("differences").beginArray();
        for (Difference difference : report.differences()) {
            json.beginObject();
            json.name("line").value(difference.line());
            json.name("subject").value(difference.subject());
            json.name("kernel").value(difference.kernel());
            json.name("samara").value(difference.samara());
            json.endObject();
        }
        json.endArray().endObject();
    }

    @Override
    public void unreadable(Path file, String complaint) {
        unchecked(file, "unreadable", complaint);
    }

    @Override
    public void broken(Path file, String complaint) {
        unchecked(file, "failed", complaint);
    }

    private void unchecked(Path file, String status, String complaint) {
        json.beginObject();
        json.name("file").value(file.toString());
        json.name("status").value(status);
        json.name("complaint").value(complaint);
        json.endObject();
    }

    @Override
    public void ends(Summary summary) {
        json.endArray();
        Tally readers = summary.readers();
        if (readers != null) {
            json.name("lookups").value(readers.lookups());
            json.name("overlappingLookups").value(readers.overlapping());
        }
        json.name("operations").value(summary.operations());
        json.name("seconds").value(summary.seconds());
        json.name("operationsPerSecond").value(summary.operationsPerSecond());
        json.name("passed").value(summary.passed());
        json.name("failed").value(summary.failed());
        out.println(json.endObject());
        out.flush();
    }
}
