// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.cli;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import picocli.CommandLine;

/**
 * One run of the tool.
 *
 * @param status its exit status
 * @param out the lines of its standard output
 * @param err the lines of its standard error
 */
record ToolRun(int status, List<String> out, List<String> err) {
    static ToolRun of(Object... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        CommandLine tool = SamaraCommand.commandLine()
                .setColorScheme(CommandLine.Help.defaultColorScheme(CommandLine.Help.Ansi.OFF))
                .setOut(new PrintWriter(out, true))
                .setErr(new PrintWriter(err, true));
        String[] words = new String[arguments.length];
        for (int i = 0; i < words.length; i++) {
            words[i] = arguments[i].toString();
        }
        int status = tool.execute(words);
        return new ToolRun(
                status, out.toString().lines().toList(), err.toString().lines().toList());
    }

    String lastLine() {
        return out.get(out.size() - 1);
    }

    /** The lines that tell a difference. */
    List<String> differences() {
        return out.stream().filter(line -> line.contains(": kernel ")).toList();
    }
}
