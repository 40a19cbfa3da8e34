// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.command;

import com.google.gson.FormattingStyle;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import dev.samara.bench.chart.ChartProgram;
import dev.samara.bench.report.UsageException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.TreeSet;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.results.format.ResultFormatFactory;
import org.openjdk.jmh.results.format.ResultFormatType;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;

/**
 * {@code quick [--out DIRECTORY] [--only FILE,...]} and {@code full}: run {@link Selection}s and reports, write a file
 * for each into a directory, and draw the charts of docs/performance.md from the files in that directory.
 *
 * <p>{@code quick} takes less than a quarter of an hour on two processors. It runs each benchmark in one short fork,
 * which shows that the benchmark works, and the magnitude of its figures; the figures are not precise enough to quote.
 * {@code full} takes an hour; docs/measurements contains its files.
 */
final class MeasuringRun {
    private final Selection.Length length;
    private final PrintStream out;
    private Path directory;
    private List<String> chosen = names();

    private MeasuringRun(Selection.Length length, List<String> words, PrintStream out) {
        this.length = length;
        this.out = out;
        String program = program(length);
        directory = Path.of(program);
        for (int i = 0; i < words.size(); i += 2) {
            String word = words.get(i);
            if (i + 1 == words.size() || !(word.equals("--out") || word.equals("--only"))) {
                throw new UsageException(program + " takes nothing but --out DIRECTORY and --only FILE,..., not "
                        + String.join(" ", words.subList(i, words.size())));
            }
            if (word.equals("--out")) {
                directory = Path.of(words.get(i + 1));
            } else {
                chosen = List.of(words.get(i + 1).split(",", -1));
            }
        }
        List<String> known = names();
        for (String name : chosen) {
            if (!known.contains(name)) {
                throw new UsageException("--only: there is no " + name + "; there are " + String.join(", ", known));
            }
        }
    }

    private static String program(Selection.Length length) {
        return length == Selection.Length.QUICK ? "quick" : "full";
    }

    /** Returns the names of all files, without their extension. */
    static List<String> names() {
        Collection<String> names = new TreeSet<>();
        Selection.ALL.forEach(selection -> names.add(selection.file()));
        ReportCommand.ALL.forEach(report -> names.add(report.word()));
        return List.copyOf(names);
    }

    /**
     * Runs all selections and reports, or those that the command line names.
     *
     * @param length the length of the run
     * @param words the command line
     * @param out receives the progress
     * @return the exit status
     * @throws UsageException if the command line is invalid
     */
    static int run(Selection.Length length, List<String> words, PrintStream out) throws InterruptedException {
        MeasuringRun run = new MeasuringRun(length, words, out);
        try {
            Files.createDirectories(run.directory);
        } catch (IOException e) {
            throw new UsageException("cannot write to " + run.directory.toAbsolutePath() + ": " + e.getMessage());
        }
        return run.run();
    }

    private int run() throws InterruptedException {
        long began = System.nanoTime();
        try {
            for (String name : chosen) {
                // A file can contain several selections, because some structures are not measured at all sizes.
                List<RunResult> results = new ArrayList<>();
                for (Selection selection : Selection.ALL) {
                    if (selection.file().equals(name)) {
                        results.addAll(new Runner(selection.options(length)).run());
                    }
                }
                if (!results.isEmpty()) {
                    write(results, file(name));
                    tell(name, began);
                }
            }
        } catch (RunnerException e) {
            System.err.println(e.getMessage());
            return 1;
        }
        for (ReportCommand report : ReportCommand.ALL) {
            if (chosen.contains(report.word())) {
                out.println();
                report.run(length, file(report.word()));
                tell(report.word(), began);
            }
        }
        ChartProgram.draw(directory, directory, out);
        out.printf(Locale.ROOT, "all of it in %d s%n", seconds(began));
        return 0;
    }

    private Path file(String name) {
        return directory.resolve(name + ".json");
    }

    private void tell(String name, long began) {
        out.printf(Locale.ROOT, "%n%s after %d s%n", file(name), seconds(began));
    }

    private static long seconds(long began) {
        return (System.nanoTime() - began) / 1_000_000_000;
    }

    /** Writes results as JMH does, without the parts that only make sense on the machine that measured them. */
    private static void write(Collection<RunResult> results, Path file) {
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
    private static String published(String text) {
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
