// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing.fuzz;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The profile {@code fuzz}: runs one target after another in Jazzer, each for {@code fuzz.seconds}, or only the target
 * that {@code fuzz.target} names. Findings, logs and the inputs that reached new code are written to a directory. The
 * exit status is 0 if nothing was found.
 */
public final class FuzzRun {
    private static final int SECONDS = 60;
    private static final int MOST_BYTES = 16384;
    private static final String EXECUTIONS = "stat::number_of_executed_units: ";

    private final Path folder;
    private final int seconds;
    private final String classes;

    private FuzzRun(Path folder, int seconds, String classes) {
        this.folder = folder;
        this.seconds = seconds;
        this.classes = classes;
    }

    /**
     * Runs the targets.
     *
     * @param arguments the directory of the results, the enum of the targets, and the packages to instrument: the
     *     packages of the parsers and of the code that uses their results, but not the library's packages, which would
     *     be slower and are tested elsewhere
     * @throws IOException if a file cannot be read or written
     * @throws InterruptedException if the thread is interrupted
     * @throws ClassNotFoundException if the enum does not exist
     */
    public static void main(String[] arguments) throws IOException, InterruptedException, ClassNotFoundException {
        String classes =
                Stream.of(arguments).skip(2).map(name -> name + ".**").collect(Collectors.joining(File.pathSeparator));
        FuzzRun run = new FuzzRun(Path.of(arguments[0]), Integer.getInteger("fuzz.seconds", SECONDS), classes);
        String only = System.getProperty("fuzz.target", "");
        boolean hasFound = false;
        Class<? extends FuzzTarget> targets = Class.forName(arguments[1]).asSubclass(FuzzTarget.class);
        for (FuzzTarget target : targets.getEnumConstants()) {
            if (only.isEmpty() || only.equals(target.folder())) {
                hasFound |= run.finds(target);
            }
        }
        System.exit(hasFound ? 1 : 0);
    }

    /** Runs one target; returns whether there is a finding. */
    private boolean finds(FuzzTarget target) throws IOException, InterruptedException {
        Path corpus = Files.createDirectories(folder.resolve(target.folder()));
        int number = 0;
        for (byte[] seed : target.seeds()) {
            Files.write(corpus.resolve("seed-" + number++), seed);
        }
        Path log = folder.resolve(target.folder() + ".log");
        int status = new ProcessBuilder(command(target, corpus))
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start()
                .waitFor();
        List<String> lines = Files.readAllLines(log, StandardCharsets.ISO_8859_1);
        String executions = lines.stream()
                .filter(line -> line.startsWith(EXECUTIONS))
                .map(line -> line.substring(EXECUTIONS.length()))
                .collect(Collectors.joining());
        System.out.printf(
                Locale.ROOT,
                "fuzz %s: %s, %s inputs in %d s, log in %s%n",
                target.folder(),
                status == 0 ? "nothing found" : "FOUND, status " + status,
                executions.isEmpty() ? "?" : executions,
                seconds,
                log);
        if (status != 0) {
            lines.stream().filter(line -> !line.startsWith("INFO: ")).forEach(System.out::println);
        }
        return status != 0;
    }

    private List<String> command(FuzzTarget target, Path corpus) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-Xmx1g",
                // The region of each machine counts against this limit; with a smaller limit, the JVM would collect
                // garbage all the time.
                "-XX:MaxDirectMemorySize=2g",
                "-XX:+IgnoreUnrecognizedVMOptions",
                "-XX:+EnableDynamicAgentLoading",
                "--sun-misc-unsafe-memory-access=allow",
                "--enable-native-access=ALL-UNNAMED",
                "-classpath",
                System.getProperty("java.class.path"),
                "com.code_intelligence.jazzer.Jazzer"));
        command.addAll(List.of(
                "--target_class=" + target.driver().getName(),
                "--instrumentation_includes=" + classes,
                "--custom_hook_includes=" + classes,
                "--reproducer_path=" + folder,
                "-artifact_prefix=" + folder + File.separator + target.folder() + "-",
                "-max_total_time=" + seconds,
                "-max_len=" + MOST_BYTES,
                "-timeout=60",
                "-rss_limit_mb=6000",
                "-print_final_stats=1",
                corpus.toString()));
        if (Files.isDirectory(target.regressionFolder())) {
            command.add(target.regressionFolder().toString());
        }
        return command;
    }
}
