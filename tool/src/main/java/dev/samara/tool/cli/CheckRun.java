// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import dev.samara.tool.record.FileReport;
import dev.samara.tool.record.InputException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** Checks files one after the other, and determines the exit status of the tool. */
final class CheckRun {
    private final ReportOutput output;
    private final PrintWriter errors;
    private final ProgressLine progress;
    private String current = "";
    private int passed;
    private int failed;
    private int unreadable;
    private long operations;

    CheckRun(ReportOutput output, PrintWriter errors, ProgressLine progress) {
        this.output = output;
        this.errors = errors;
        this.progress = progress;
    }

    /** The check of one file. */
    interface Check {
        FileReport check(Path file) throws InputException;
    }

    /**
     * Checks all files. A file fails if it cannot be read or if its check ends in an exception; the other files are
     * still checked.
     */
    void check(List<Path> files, Check check) {
        for (Path file : files) {
            current = String.format(Locale.ROOT, "[%d/%d] %s", passed + failed + 1, files.size(), file);
            progress.show(current);
            try {
                FileReport report = check(file, check);
                operations += report.operations();
                if (report.passed()) {
                    passed++;
                } else {
                    failed++;
                }
                output.checked(report);
            } catch (InputException e) {
                failed++;
                unreadable++;
                String complaint = String.valueOf(e.getMessage());
                output.unreadable(file, complaint);
                complain(complaint);
            } catch (RuntimeException e) {
                failed++;
                String complaint = file + ": " + e + place(e);
                output.broken(file, complaint);
                complain(complaint);
            }
        }
    }

    private FileReport check(Path file, Check check) throws InputException {
        try {
            return check.check(file);
        } finally {
            // Cleared before a finding is printed, which may be on the same terminal.
            progress.clear();
        }
    }

    /** Shows the progress of the check of the current file. */
    void progresses(String how) {
        progress.show(current + ": " + how);
    }

    private void complain(String complaint) {
        errors.println(complaint);
        errors.flush();
    }

    private static String place(RuntimeException e) {
        StackTraceElement[] trace = e.getStackTrace();
        return trace.length == 0 ? "" : ", at " + trace[0];
    }

    int passed() {
        return passed;
    }

    int failed() {
        return failed;
    }

    long operations() {
        return operations;
    }

    int status() {
        if (unreadable > 0) {
            return CheckStatus.UNREADABLE;
        }
        return failed > 0 ? CheckStatus.DIFFERENT : CheckStatus.EQUAL;
    }
}
