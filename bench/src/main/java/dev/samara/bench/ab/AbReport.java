// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.ab;

import dev.samara.bench.report.Arguments;
import dev.samara.bench.report.Figures;
import dev.samara.bench.report.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Compares two versions: {@code ab OLD.jar NEW.jar --rows OperationBenchmark.find,OperationBenchmark.brk}.
 *
 * <p>Both jars must be builds of this module. Both versions run the benchmarks of the newer jar alternately in this
 * JVM, on one thread. A round is a batch of each version, in alternating order, and its figure is the ratio of the two
 * times. A trial loads and compiles both versions again, because compiled code may happen to be faster or slower each
 * time. The report prints the median time of each version, and the median and the quartiles of all rounds.
 */
public final class AbReport {
    private static final String OPERATIONS = "OperationBenchmark.";
    private static final String DEFAULT_ROWS = String.join(
            ",",
            Arrays.stream(new String[] {
                        "find",
                        "snapshot",
                        "mmapMunmap",
                        "munmapHoleAndFill",
                        "mmapFixed",
                        "mprotectWhole",
                        "mprotectSplitAndMerge",
                        "mremapGrowAndShrink",
                        "mremapMove",
                        "madvise",
                        "mlockMunlock",
                        "brk",
                        "msync"
                    })
                    .map(name -> OPERATIONS + name)
                    .toList());

    private final Path older;
    private final Path newer;
    private final String[] rows;
    private final Map<String, String> settings = new TreeMap<>();
    private final int trials;
    private final int rounds;
    private final int millis;
    private final Figures figures;

    private AbReport(String[] words) {
        if (words.length < 2) {
            throw new UsageException("ab takes two jars, the older one first");
        }
        older = jar(words[0]);
        newer = jar(words[1]);
        Arguments arguments = new Arguments(Arrays.copyOfRange(words, 2, words.length));
        rows = arguments.text("--rows", DEFAULT_ROWS).split(",", -1);
        for (String setting : arguments.text("--set", "").split(",", -1)) {
            int equals = setting.indexOf('=');
            if (equals > 0) {
                settings.put(setting.substring(0, equals), setting.substring(equals + 1));
            } else if (!setting.isEmpty()) {
                throw new UsageException("--set: " + setting + " is not NAME=VALUE");
            }
        }
        trials = arguments.count("--trials", 1, 3);
        rounds = arguments.count("--rounds", 1, 20);
        millis = arguments.count("--millis", 1, 30);
        String json = arguments.text("--json", "");
        arguments.check();
        figures = new Figures(AbReport.class, words, json);
    }

    private static Path jar(String name) {
        Path jar = Path.of(name);
        if (!Files.isReadable(jar)) {
            throw new UsageException("there is no jar " + name);
        }
        return jar;
    }

    /**
     * Measures and prints.
     *
     * @param words the two jars, and the options
     */
    public static void main(String[] words) {
        try {
            new AbReport(words).run();
        } catch (IOException | ReflectiveOperationException failed) {
            throw new IllegalStateException(failed);
        }
    }

    private void run() throws IOException, ReflectiveOperationException {
        Figures.line("%-42s %10s %10s %9s %19s", "row " + settings, "older ns", "newer ns", "ratio", "quartiles");
        for (String row : rows) {
            compare(row);
        }
        figures.write();
    }

    private void compare(String row) throws IOException, ReflectiveOperationException {
        double[] before = new double[trials * rounds];
        double[] after = new double[trials * rounds];
        double[] ratios = new double[trials * rounds];
        for (int trial = 0; trial < trials; trial++) {
            try (VersionLoader old = new VersionLoader(List.of(older), newer);
                    VersionLoader fresh = new VersionLoader(List.of(newer), newer)) {
                PreparedRow first = new PreparedRow(old, row, settings);
                PreparedRow second = new PreparedRow(fresh, row, settings);
                int times = warmUp(first, second);
                for (int round = 0; round < rounds; round++) {
                    int at = trial * rounds + round;
                    // The order alternates because the caches may be warmer for the second batch of a round.
                    if (round % 2 == 0) {
                        before[at] = (double) first.nanos(times) / times;
                        after[at] = (double) second.nanos(times) / times;
                    } else {
                        after[at] = (double) second.nanos(times) / times;
                        before[at] = (double) first.nanos(times) / times;
                    }
                    ratios[at] = after[at] / before[at];
                }
                first.end();
                second.end();
            }
        }
        double ratio = Figures.median(ratios);
        Arrays.sort(ratios);
        double low = ratios[ratios.length / 4];
        double high = ratios[ratios.length * 3 / 4];
        double olderNanos = Figures.median(before);
        double newerNanos = Figures.median(after);
        Figures.line("%-42s %10.1f %10.1f %9.3f %9.3f %9.3f", row, olderNanos, newerNanos, ratio, low, high);
        figures.row(List.of(
                        "row",
                        row,
                        "older_ns",
                        olderNanos,
                        "newer_ns",
                        newerNanos,
                        "ratio",
                        ratio,
                        "low",
                        low,
                        "high",
                        high)
                .toArray());
    }

    /** Warms up both versions, and returns the number of calls in a batch. */
    private int warmUp(PreparedRow first, PreparedRow second) throws ReflectiveOperationException {
        int times = 1;
        long end = System.nanoTime() + 2_000_000_000L;
        while (System.nanoTime() < end) {
            long took = Math.max(first.nanos(times), second.nanos(times));
            times = (int) Math.max(1, Math.min(1 << 24, times * (millis * 1e6 / Math.max(took, 1))));
        }
        return times;
    }
}
