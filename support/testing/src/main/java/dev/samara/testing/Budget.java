// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Prints how many tests a build ran, and how much CPU time it took, by module and kind of work, with the budget of each
 * kind. It reads the records of {@link TestTimes}. All CPU time that is not recorded there counts as compilation and
 * static checks: javac, Error Prone, javadoc, format, licences, jars.
 *
 * <p>On two otherwise idle processors, the build takes at least half of the sum.
 */
public final class Budget {
    /** The kinds of work, and the budget of each in seconds of CPU time. */
    enum Work {
        BUILD("compilation and static checks", 300),
        COMPARISON("comparisons with kernels and models", 90),
        EXPLORATION("explorations", 120),
        OTHER("all other tests", 210);

        final String text;
        final int budget;

        Work(String text, int budget) {
            this.text = text;
            this.budget = budget;
        }

        static Work of(TestKind kind) {
            return switch (kind) {
                case COMPARISON -> COMPARISON;
                case EXPLORATION -> EXPLORATION;
                case OTHER -> OTHER;
            };
        }
    }

    private static final Path OUTPUT = Path.of("target", "test-output");

    /** The maximum depth below the root at which a module writes its output. */
    private static final int DEPTH = 4;

    /** The CPU time of the tests in milliseconds, by module and kind of work. */
    private final Map<String, Map<Work, Long>> tests = new TreeMap<>();

    /** The number of tests that ran, by module. */
    private final Map<String, Long> counts = new TreeMap<>();

    private final long all;
    private final Instant since;

    /**
     * Reads the times of all modules in a directory.
     *
     * @param all the CPU time of the whole build in milliseconds
     * @param since when the build started; times that were recorded earlier belong to another build
     */
    Budget(Path root, long all, Instant since) throws IOException {
        this.all = all;
        this.since = since;
        try (Stream<Path> outputs = Files.find(root, DEPTH, (file, attributes) -> file.endsWith(OUTPUT))) {
            for (Path output : outputs.toList()) {
                Path module = output.resolve("../..").toAbsolutePath().normalize();
                add(String.valueOf(module.getFileName()), output);
            }
        }
    }

    private void add(String module, Path output) throws IOException {
        Map<Work, Long> times = new EnumMap<>(Work.class);
        long count = 0;
        try (Stream<Path> files = Files.walk(output)) {
            for (Path file : files.filter(each -> each.toString().endsWith(TestTime.SUFFIX))
                    .toList()) {
                if (Files.getLastModifiedTime(file).toInstant().isBefore(since)) {
                    continue;
                }
                for (String line : Files.readAllLines(file)) {
                    TestTime time = TestTime.parse(line);
                    times.merge(Work.of(time.kind()), time.millis(), Long::sum);
                    count += time.tests();
                }
            }
        }
        tests.put(module, times);
        counts.put(module, count);
    }

    /** Returns the CPU time of a kind of work in all modules, in seconds. */
    double seconds(Work work) {
        if (work == Work.BUILD) {
            return all / 1e3
                    - Stream.of(Work.values())
                            .skip(1)
                            .mapToDouble(this::seconds)
                            .sum();
        }
        return tests.values().stream()
                        .mapToLong(times -> times.getOrDefault(work, 0L))
                        .sum()
                / 1e3;
    }

    void print(PrintStream out) {
        StringBuilder head = new StringBuilder(String.format(Locale.ROOT, "%-36s", "seconds of a processor"));
        tests.keySet().forEach(module -> head.append(String.format(Locale.ROOT, "%9s", module)));
        out.println(head.append("      all   budget"));
        StringBuilder run = new StringBuilder(String.format(Locale.ROOT, "%-36s", "tests that have run"));
        counts.values().forEach(count -> run.append(String.format(Locale.ROOT, "%9d", count)));
        out.println(run.append(String.format(
                Locale.ROOT,
                "%9d",
                counts.values().stream().mapToLong(Long::longValue).sum())));
        for (Work work : Work.values()) {
            StringBuilder line = new StringBuilder(String.format(Locale.ROOT, "%-36s", work.text));
            for (Map<Work, Long> times : tests.values()) {
                Long millis = times.get(work);
                line.append(millis == null ? " ".repeat(9) : String.format(Locale.ROOT, "%9.1f", millis / 1e3));
            }
            out.println(line.append(String.format(Locale.ROOT, "%9.1f%9d", seconds(work), work.budget)));
        }
        out.println(String.format(
                Locale.ROOT,
                "explored: %s of the parts, -D%s=%s",
                System.getProperty(Share.PARTS),
                Share.SEED,
                System.getProperty(Share.SEED)));
    }

    /**
     * Prints the table of the build that runs this program.
     *
     * @param arguments the project directory
     * @throws IOException if a file of the build cannot be read
     */
    public static void main(String[] arguments) throws IOException {
        ProcessHandle build = ProcessHandle.current().parent().orElseThrow();
        OptionalLong all = ProcessorTime.of(build.pid());
        if (all.isEmpty()) {
            System.out.println("this system does not tell the processor time of a process");
            return;
        }
        Budget budget = new Budget(
                Path.of(arguments[0]),
                all.getAsLong(),
                build.info().startInstant().orElse(Instant.MIN));
        budget.print(System.out);
    }
}
