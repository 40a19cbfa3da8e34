// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import dev.samara.tool.record.Difference;
import dev.samara.tool.record.FileReport;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;

/**
 * Prints text for people. On a terminal only differences and the totals are printed; otherwise there is also a line for
 * each file.
 */
final class PlainOutput implements ReportOutput {
    private final PrintWriter out;
    private final boolean terminal;

    PlainOutput(PrintWriter out, boolean terminal) {
        this.out = out;
        this.terminal = terminal;
    }

    @Override
    public void checked(FileReport report) {
        for (Difference difference : report.differences()) {
            out.println(difference);
        }
        if (!report.passed() || !terminal) {
            out.printf(
                    Locale.ROOT,
                    "%s %s: %,d operations%n",
                    report.passed() ? "passed" : "FAILED",
                    report.file(),
                    report.operations());
        }
        out.flush();
    }

    @Override
    public void unreadable(Path file, String complaint) {
        out.println("FAILED " + file + ": cannot be read");
        out.flush();
    }

    @Override
    public void broken(Path file, String complaint) {
        out.println("FAILED " + file + ": the check itself failed");
        out.flush();
    }

    @Override
    public void ends(Summary summary) {
        out.printf(
                Locale.ROOT,
                "%,d operations in %.2f s, %,d operations per second%n",
                summary.operations(),
                summary.seconds(),
                summary.operationsPerSecond());
        out.printf(Locale.ROOT, "%d passed, %d failed%n", summary.passed(), summary.failed());
        out.flush();
    }
}
