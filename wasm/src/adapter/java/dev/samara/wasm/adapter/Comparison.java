// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.adapter;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Compares memories in spaces with the runtime's own memory. The kinds take turns to run the kernels, each in a
 * separate JVM with the serial collector. Prints the medians of their CPU times, with their ratio. With only one kind
 * per JVM, the JIT compiler sees one class of memory, as in a real program.
 *
 * <p>{@code mvn -q -P compare -pl wasm/chicory -am test -DskipTests -Dwasm.rounds=5}, or
 * {@code wasm/endive}
 */
final class Comparison {
    private static final List<String> KINDS = List.of("bytes", "samara", "samara4k");

    private Comparison() {}

    /** Runs the rounds: {@code Comparison [ROUNDS]}. */
    public static void main(String[] arguments) throws IOException, InterruptedException {
        int rounds = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 5;
        Map<String, Map<String, List<Long>>> times = new LinkedHashMap<>();
        Map<String, String> results = new LinkedHashMap<>();
        for (int round = 0; round < rounds; round++) {
            for (String kind : KINDS) {
                String printed = run(kind, "kernels") + "\n" + run(kind, "quickjs");
                for (String line : printed.lines().toList()) {
                    String[] parts = line.split(";", -1);
                    if (parts.length != 3) {
                        throw new IllegalStateException(kind + " has printed " + line);
                    }
                    times.computeIfAbsent(parts[0], any -> new LinkedHashMap<>())
                            .computeIfAbsent(kind, any -> new ArrayList<>())
                            .add(Long.valueOf(parts[1]));
                    String result = results.putIfAbsent(parts[0], parts[2]);
                    if (result != null && !result.equals(parts[2])) {
                        throw new IllegalStateException(kind + ": " + parts[0] + " is " + parts[2] + ", not " + result);
                    }
                }
            }
        }
        System.out.printf(
                Locale.ROOT,
                "%-18s %12s %12s %12s %8s %8s%n",
                "us of CPU",
                "bytes",
                "samara",
                "samara4k",
                "ratio",
                "4k");
        times.forEach(Comparison::print);
    }

    private static void print(String kernel, Map<String, List<Long>> of) {
        double bytes = median(of.getOrDefault("bytes", List.of()));
        double samara = median(of.getOrDefault("samara", List.of()));
        double samara4k = median(of.getOrDefault("samara4k", List.of()));
        System.out.printf(
                Locale.ROOT,
                "%-18s %12.0f %12.0f %12.0f %8.2f %8.2f%n",
                kernel,
                bytes / 1e3,
                samara / 1e3,
                samara4k / 1e3,
                samara / bytes,
                samara4k / bytes);
    }

    private static double median(List<Long> times) {
        return times.stream().sorted().skip(times.size() / 2).findFirst().orElse(0L);
    }

    private static String run(String kind, String what) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xms3g",
                "-Xmx3g",
                "-XX:+UseSerialGC",
                "-cp",
                System.getProperty("java.class.path")));
        if (System.getProperty("wasm.tlb") != null) {
            command.add("-Dwasm.tlb=" + System.getProperty("wasm.tlb"));
        }
        command.add("-Dwasm.adapter=" + System.getProperty("wasm.adapter"));
        command.add(KernelTimes.class.getName());
        command.add(kind);
        command.add(what);
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String printed = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new IllegalStateException(kind + " has failed: " + printed);
        }
        return printed.strip();
    }
}
