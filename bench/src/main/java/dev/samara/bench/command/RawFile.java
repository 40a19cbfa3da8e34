// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.command;

import com.google.gson.FormattingStyle;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.results.format.ResultFormatFactory;
import org.openjdk.jmh.results.format.ResultFormatType;

/** Writes results as JMH does, without the parts that only make sense on the machine that measured them. */
final class RawFile {
    private RawFile() {}

    /**
     * Writes a file.
     *
     * @param results the results of one or several runs
     * @param file the file
     */
    static void write(Collection<RunResult> results, Path file) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        PrintStream stream = new PrintStream(bytes, false, StandardCharsets.UTF_8);
        ResultFormatFactory.getInstance(ResultFormatType.JSON, stream).writeOut(results);
        stream.flush();
        try {
            Files.writeString(file, published(bytes.toString(StandardCharsets.UTF_8)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns JMH's output without the path of the JVM and the histograms of single samples. */
    static String published(String text) {
        JsonArray all = JsonParser.parseString(text).getAsJsonArray();
        for (JsonElement entry : all) {
            entry.getAsJsonObject().remove("jvm");
            entry.getAsJsonObject().getAsJsonObject("primaryMetric").remove("rawDataHistogram");
            entry.getAsJsonObject()
                    .getAsJsonObject("secondaryMetrics")
                    .entrySet()
                    .forEach(metric -> metric.getValue().getAsJsonObject().remove("rawDataHistogram"));
        }
        return new GsonBuilder()
                        .disableHtmlEscaping()
                        .setFormattingStyle(FormattingStyle.PRETTY.withIndent(" "))
                        .create()
                        .toJson(all)
                + "\n";
    }
}
