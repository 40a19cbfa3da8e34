// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import com.google.gson.Strictness;
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
    private static final Gson STRICT =
            new GsonBuilder().setStrictness(Strictness.STRICT).create();

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

    /** The document that the run has printed in one line. It must be JSON to the letter. */
    JsonObject json() {
        assertEquals(1, out.size());
        return json(out.get(0));
    }

    static JsonObject json(String text) {
        return STRICT.fromJson(text, JsonObject.class);
    }

    String lastLine() {
        return out.get(out.size() - 1);
    }

    /** The lines that tell a difference. */
    List<String> differences() {
        return out.stream().filter(line -> line.contains(": kernel ")).toList();
    }
}
