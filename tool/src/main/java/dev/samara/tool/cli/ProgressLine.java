// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import java.io.PrintWriter;
import picocli.CommandLine.Model.CommandSpec;

/**
 * The progress of a long command: one line on standard error, which each text overwrites. Nothing is shown if standard
 * error is not a terminal. Not thread-safe.
 */
final class ProgressLine {
    static final String ERASE = "\r\u001b[K";

    private final PrintWriter errors;
    private final int columns;
    private boolean isShown;

    /**
     * Creates a line.
     *
     * @param errors standard error
     * @param columns the width of the terminal; 0 if there is none
     */
    ProgressLine(PrintWriter errors, int columns) {
        this.errors = errors;
        this.columns = columns;
    }

    static ProgressLine of(CommandSpec spec) {
        boolean isTerminal = TerminalStreams.movesCursor(TerminalStreams.ERR);
        return new ProgressLine(
                spec.commandLine().getErr(), isTerminal ? TerminalStreams.size().columns() : 0);
    }

    /** Returns a line that is never shown. */
    static ProgressLine none(PrintWriter errors) {
        return new ProgressLine(errors, 0);
    }

    /** Shows a text in place of the previous one. */
    void show(String text) {
        if (columns > 0) {
            // A text that fills all columns would move the cursor to the next line.
            errors.print(ERASE + text.substring(0, Math.min(text.length(), columns - 1)));
            errors.flush();
            isShown = true;
        }
    }

    /** Removes the text. Must be called before anything else is printed, and at the end. */
    void clear() {
        if (isShown) {
            errors.print(ERASE);
            errors.flush();
            isShown = false;
        }
    }
}
