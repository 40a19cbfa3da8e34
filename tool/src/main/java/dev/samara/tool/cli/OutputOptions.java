// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import java.io.PrintWriter;
import picocli.CommandLine.Option;

/** The option for the output format of a command. */
final class OutputOptions {
    @Option(names = "--json", description = "Write one JSON document instead of text.")
    private boolean json;

    OutputOptions() {}

    boolean isJson() {
        return json;
    }

    ReportOutput output(PrintWriter out) {
        return json ? new JsonOutput(out) : new PlainOutput(out, TerminalStreams.movesCursor(TerminalStreams.OUT));
    }
}
