// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.report;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The figures of a report. They are printed one by one, and written to a JSON file at the end if one is given. */
public final class Figures {
    /** Does not escape characters that only need escaping in HTML. */
    private static final Gson JSON = new GsonBuilder().disableHtmlEscaping().create();

    private final String command;
    private final String file;
    private final List<String> rows = new ArrayList<>();

    /**
     * Starts a report.
     *
     * @param program the program that measures
     * @param arguments its command line
     * @param file the path of the JSON file, or empty for none
     */
    public Figures(Class<?> program, String[] arguments, String file) {
        // Records the file without its directory, which exists only on this machine.
        command = program.getName() + " "
                + Stream.of(arguments)
                        .map(each ->
                                each.equals(file) ? String.valueOf(Path.of(file).getFileName()) : each)
                        .collect(Collectors.joining(" "));
        this.file = file;
        requireDirectory(file);
        line("%s, Java %s, %d processors", command, Runtime.version(), processors());
    }

    /**
     * Checks that the directory of a file exists, so that the program does not fail only after an hour of measuring.
     *
     * @param file the path of the file, or empty for none
     * @throws UsageException if its directory does not exist
     */
    public static void requireDirectory(String file) {
        Path directory = Path.of(file).toAbsolutePath().getParent();
        if (!file.isEmpty() && (directory == null || !Files.isDirectory(directory))) {
            throw new UsageException("there is no directory to write " + file + " to");
        }
    }

    private static int processors() {
        return Runtime.getRuntime().availableProcessors();
    }

    /**
     * Prints a line.
     *
     * @param format as in {@code String.format}
     * @param values its arguments
     */
    public static void line(String format, Object... values) {
        System.out.println(String.format(Locale.ROOT, format, values));
    }

    /**
     * Records one row.
     *
     * @param pairs alternately names and values
     */
    public void row(Object... pairs) {
        StringJoiner row = new StringJoiner(", ", "{", "}");
        for (int i = 0; i < pairs.length; i += 2) {
            row.add(json(pairs[i].toString()) + ": " + json(pairs[i + 1]));
        }
        rows.add(row.toString());
    }

    /**
     * Converts a value to JSON. A number that is not finite becomes null, and a value that is not a number becomes a
     * string.
     */
    private static String json(Object value) {
        boolean isLost = value instanceof Number number && !Double.isFinite(number.doubleValue());
        return JSON.toJson(isLost ? null : value instanceof Number ? value : value.toString());
    }

    /**
     * Prints and records a figure and its goal.
     *
     * @param what the subject
     * @param figure the measured number
     * @param goal the number to reach
     */
    public void goal(String what, double figure, String goal) {
        line("%-62s %9.3f   goal %s", what, figure, goal);
        row("goal", goal, "what", what, "figure", figure);
    }

    /** Writes the file, if one was given. */
    public void write() {
        if (file.isEmpty()) {
            return;
        }
        String text = Map.of("command", command, "java", Runtime.version().toString()).entrySet().stream()
                .sorted(Map.Entry.comparingByKey())
                .map(entry -> json(entry.getKey()) + ": " + json(entry.getValue()) + ",\n")
                .reduce("{", String::concat);
        text += "\"processors\": " + processors() + ",\n\"rows\": [\n" + String.join(",\n", rows) + "\n]}\n";
        try {
            Files.writeString(Path.of(file), text);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Returns the median of some values.
     *
     * @param values at least one
     * @return the middle one, or the mean of the middle two
     */
    public static double median(double... values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        int half = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
    }

    /**
     * Returns how many calls of this process have read from files, and how many bytes.
     *
     * @return both numbers; zeros where Linux is not
     * @throws IOException if the kernel's numbers cannot be read
     */
    public static long[] hostReads() throws IOException {
        Path io = Path.of("/proc/self/io");
        long[] reads = new long[2];
        for (String line : Files.exists(io) ? Files.readAllLines(io) : List.<String>of()) {
            String[] words = line.split(": ", -1);
            switch (words[0]) {
                case "syscr" -> reads[0] = Long.parseLong(words[1]);
                case "rchar" -> reads[1] = Long.parseLong(words[1]);
                default -> {}
            }
        }
        return reads;
    }
}
