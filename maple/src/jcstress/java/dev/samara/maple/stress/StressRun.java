// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.stress;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SortedSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.openjdk.jcstress.JCStress;
import org.openjdk.jcstress.Options;

/**
 * Runs all stress tests of a module within a share of {@code torture.seconds}. JCStress has no total time limit, only a
 * time per configuration of a test, and the number of configurations depends on the JDK and the machine. So a short
 * first round measures how long the second one may be.
 */
public final class StressRun {
    private static final long FIRST_MILLIS = 20;

    /** With less time, a configuration ends before its code is compiled. */
    private static final long ENOUGH_MILLIS = 200;

    /**
     * The factor by which the number of configurations grows if each actor is compiled separately, with several sets of
     * flags.
     */
    private static final long WIDER = 14;

    /** The start of the failures in the log. The rest of the log is too long to print. */
    private static final String FAILURES = "  Failed tests:";

    private static final Pattern PLANNED = Pattern.compile("\\(Results: (\\d+) planned;");

    private final Path results;
    private final String collector;

    private StressRun(Path results, String collector) {
        this.results = results;
        this.collector = collector;
    }

    /**
     * Runs the tests. Exits with a status other than 0 if a forbidden outcome was observed or a test did not run.
     *
     * @param arguments the directory for results; the collector
     */
    public static void main(String[] arguments) throws Exception {
        long millis = 10 * Long.getLong("torture.seconds", 60) * Long.getLong("torture.percent", 10);
        new StressRun(Path.of(arguments[0]), arguments[1]).run(millis);
    }

    private void run(long budgetMillis) throws Exception {
        long start = System.nanoTime();
        long planned = round("first", FIRST_MILLIS, false);
        long first = (System.nanoTime() - start) / 1_000_000;
        long left = budgetMillis - first;
        long startMillis = first / planned - FIRST_MILLIS;
        boolean wide = left / (planned * WIDER) - startMillis >= ENOUGH_MILLIS;
        long millis = left / (wide ? planned * WIDER : planned) - startMillis;
        if (millis > FIRST_MILLIS) {
            planned += round("second", millis, wide);
        }
        System.out.printf(
                Locale.ROOT,
                "stress tests: no forbidden outcome in %d configurations, see %s%n",
                planned,
                results.toAbsolutePath());
    }

    /**
     * Runs every test, in a separate process because JCStress can run only once per process. Returns the number of
     * configurations.
     */
    private long round(String name, long millis, boolean wide) throws Exception {
        Path directory = results.resolve(name);
        Files.createDirectories(directory);
        Path log = directory.resolve("log.txt");
        Options all = new Options(new String[] {"-c", "2"});
        if (!all.parse()) {
            throw new IllegalStateException("JCStress refuses to run with its default options");
        }
        SortedSet<String> tests = new JCStress(all).getTests();
        for (String test : tests) {
            Files.deleteIfExists(directory.resolve(test + ".html"));
        }
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        // JCStress passes these options to its child processes, and its own code causes warnings without them. Java 17
        // does not know the last one.
        command.addAll(List.of("-XX:+IgnoreUnrecognizedVMOptions", "--enable-native-access=ALL-UNNAMED"));
        command.add("--sun-misc-unsafe-memory-access=allow");
        command.addAll(List.of("-classpath", System.getProperty("java.class.path"), "org.openjdk.jcstress.Main"));
        command.addAll(List.of("-r", directory.toString(), "-time", Long.toString(millis)));
        command.addAll(List.of("-c", "2", "-f", "1", "-fsm", "1", "-iters", "1", "-sc", Boolean.toString(wide)));
        command.addAll(List.of(wide ? "-jvmArgsPrepend" : "-jvmArgs", "-XX:+Use" + collector));
        int status = new ProcessBuilder(command)
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start()
                .waitFor();
        if (status != 0) {
            String text = Files.readString(log);
            System.err.println(text.substring(Math.max(0, text.indexOf(FAILURES))));
            throw new IllegalStateException("status " + status + ", see " + log.toAbsolutePath());
        }
        // JCStress silently skips a test with more actors than there are processors.
        tests.removeIf(test -> Files.exists(directory.resolve(test + ".html")));
        Matcher planned = PLANNED.matcher(Files.readString(log));
        if (!tests.isEmpty() || !planned.find()) {
            throw new IllegalStateException("did not run: " + tests + ", see " + log.toAbsolutePath());
        }
        return Long.parseLong(planned.group(1));
    }
}
