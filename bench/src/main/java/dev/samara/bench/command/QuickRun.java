// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.command;

import dev.samara.bench.chart.ChartProgram;
import dev.samara.bench.report.UsageException;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.results.format.ResultFormatFactory;
import org.openjdk.jmh.results.format.ResultFormatType;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/**
 * {@code quick [--out DIRECTORY]}: runs a part of the benchmarks and each report once, in less than a quarter of an
 * hour on two processors. The selections are listed below; docs/benchmarks.md lists all.
 *
 * <p>Each runs in one short fork. This shows that each benchmark works, and the magnitude of its figures. The figures
 * are not precise enough to quote.
 */
final class QuickRun {
    private static final String RESULT = "quick.json";

    /** A selection of the suite, and the few values of its parameters that are run. */
    private record Selection(String benchmarks, Map<String, String> parameters) {}

    private static final List<Selection> SELECTIONS = List.of(
            new Selection("LookupBenchmark", Map.of("ranges", "1000,100000", "pattern", "random")),
            new Selection("LookupBenchmark.get", Map.of("ranges", "1000", "pattern", "local,sequential,dependent")),
            new Selection("UpdateBenchmark", Map.of("ranges", "1000")),
            new Selection("GapBenchmark", Map.of("ranges", "1000")),
            new Selection("IterateBenchmark", Map.of("ranges", "1000")),
            new Selection("SnapshotBenchmark", Map.of("ranges", "1000")),
            new Selection("MixedBenchmark", Map.of("ranges", "1000")),
            new Selection("VmaRefBenchmark", Map.of("vmas", "1000")),
            new Selection("OperationBenchmark", Map.of("vmas", "1000")),
            new Selection("FaultBenchmark.fault", Map.of("where", "random")),
            new Selection("WalkBenchmark", Map.of()),
            new Selection("ShootdownBenchmark", Map.of()),
            new Selection("SwitchBenchmark", Map.of()),
            new Selection("ContentionBenchmark", Map.of()),
            new Selection("WorkloadBenchmark", Map.of("range", "random", "reads", "60")));

    private final Path directory;
    private final PrintStream out;

    private QuickRun(Path directory, PrintStream out) {
        this.directory = directory;
        this.out = out;
    }

    /**
     * Runs all.
     *
     * @param words the command line
     * @param out receives the progress
     * @return the exit status
     * @throws UsageException if the command line is invalid
     */
    static int run(List<String> words, PrintStream out) throws InterruptedException {
        Path directory = Path.of("quick");
        if (words.size() == 2 && words.get(0).equals("--out")) {
            directory = Path.of(words.get(1));
        } else if (!words.isEmpty()) {
            throw new UsageException("quick takes nothing but --out DIRECTORY, not " + String.join(" ", words));
        }
        try {
            Files.createDirectories(directory);
        } catch (IOException e) {
            throw new UsageException("cannot write to " + directory.toAbsolutePath() + ": " + e.getMessage());
        }
        return new QuickRun(directory, out).run();
    }

    private int run() throws InterruptedException {
        long began = System.nanoTime();
        List<RunResult> results = new ArrayList<>();
        try {
            for (Selection selection : SELECTIONS) {
                results.addAll(new Runner(options(selection)).run());
            }
        } catch (RunnerException e) {
            System.err.println(e.getMessage());
            return 1;
        }
        Path file = directory.resolve(RESULT);
        ResultFormatFactory.getInstance(ResultFormatType.JSON, file.toString()).writeOut(results);
        for (ReportCommand report : ReportCommand.ALL) {
            out.println();
            report.runSmall();
        }
        out.println();
        out.println(file);
        ChartProgram.draw(List.of(file), directory, out);
        out.printf("all of it in %d s%n", (System.nanoTime() - began) / 1_000_000_000);
        return 0;
    }

    private static org.openjdk.jmh.runner.options.Options options(Selection selection) {
        ChainedOptionsBuilder options = new OptionsBuilder()
                .include("\\." + selection.benchmarks + "\\b")
                .forks(1)
                .warmupIterations(2)
                .warmupTime(TimeValue.milliseconds(300))
                .measurementIterations(3)
                .measurementTime(TimeValue.milliseconds(200))
                .shouldFailOnError(true);
        selection.parameters.forEach((name, values) -> options.param(name, values.split(",")));
        if (selection.benchmarks.equals("UpdateBenchmark")) {
            options.addProfiler(GCProfiler.class);
        }
        return options.build();
    }
}
