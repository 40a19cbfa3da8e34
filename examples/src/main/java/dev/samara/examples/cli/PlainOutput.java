// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.cli;

import dev.samara.examples.lookup.Tally;
import dev.samara.examples.record.Difference;
import dev.samara.examples.record.FileReport;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;

/**
 * Text for people. On a terminal one line is overwritten with the progress, and only differences remain; elsewhere
 * there is a line per file.
 */
final class PlainOutput implements ReportOutput {
    static final String ERASE_LINE = "\r\u001b[K";

    private final PrintWriter out;
    private final boolean terminal;

    PlainOutput(PrintWriter out, boolean terminal) {
        this.out = out;
        this.terminal = terminal;
    }

    @Override
    public void begins(Path file, int done, int all) {
        if (terminal) {
            out.printf(Locale.ROOT, "%s[%d/%d] %s", ERASE_LINE, done + 1, all, file);
            out.flush();
        }
    }

    @Override
    public void checked(FileReport report) {
        erase();
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
        erase();
        out.println("FAILED " + file + ": cannot be read");
        out.flush();
    }

    @Override
    public void broken(Path file, String complaint) {
        erase();
        out.println("FAILED " + file + ": the check itself failed");
        out.flush();
    }

    @Override
    public void ends(Summary summary) {
        erase();
        Tally readers = summary.readers();
        if (readers != null) {
            out.printf(
                    Locale.ROOT,
                    "%,d lookups, %,d of them overlapped a write%n",
                    readers.lookups(),
                    readers.overlapping());
        }
        out.printf(
                Locale.ROOT,
                "%,d operations in %.2f s, %,d operations per second%n",
                summary.operations(),
                summary.seconds(),
                summary.operationsPerSecond());
        out.printf(Locale.ROOT, "%d passed, %d failed%n", summary.passed(), summary.failed());
        out.flush();
    }

    private void erase() {
        if (terminal) {
            out.print(ERASE_LINE);
        }
    }
}
