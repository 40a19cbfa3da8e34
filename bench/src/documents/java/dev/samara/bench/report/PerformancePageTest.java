// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Compares the tables of docs/performance.md with the raw files that each section names. */
class PerformancePageTest {
    private static final Path DOCUMENTS = Path.of("..", "docs");
    private static final Pattern RAW_FILE = Pattern.compile("\\(measurements/([a-z0-9-]+\\.json)\\)");
    private static final Pattern NUMBER = Pattern.compile("\\d[\\d,]*(?:\\.\\d+)?");
    private static final Pattern GOAL = Pattern.compile("\\(goal[^)]*\\)");

    /**
     * Factors for nanoseconds and plain numbers, for thousands or microseconds, for millions or milliseconds, and for
     * KiB.
     */
    private static final double[] SCALES = {1, 1e-3, 1e-6, 1.0 / 1024};

    /** Parts of the names of rows and columns whose numbers are quotients of other numbers in the table. */
    private static final List<String> QUOTIENTS = List.of(" : ", "ratio", "speed of samara");

    /** Prefixes of rows and columns that come neither from the raw file nor from two numbers of the table. */
    private static final List<String> COMPUTED = List.of(
            "goal",
            "without the loop, random",
            "geometric mean",
            ": paged",
            ": array",
            "ns per mapping",
            "eviction, µs per page");

    private static final List<String> PERCENTILES = List.of("50.0", "99.9");

    private final List<String> wrong = new ArrayList<>();
    private int compared;

    /** A printed number, as the interval of values that are rounded to it. */
    private record Printed(String text, double least, double most) {
        static Printed of(String text) {
            double value = Double.parseDouble(text.replace(",", ""));
            int point = text.indexOf('.');
            double half = 0.500001 * Math.pow(10, point < 0 ? 0 : point + 1 - text.length());
            return new Printed(text, value - half, value + half);
        }

        boolean canBe(double value) {
            return least <= value && value <= most;
        }

        boolean canBe(Printed dividend, Printed divisor) {
            return divisor.least > 0 && dividend.least / divisor.most <= most && dividend.most / divisor.least >= least;
        }
    }

    private static List<Printed> numbers(String cell) {
        return NUMBER.matcher(GOAL.matcher(cell).replaceAll(""))
                .results()
                .map(MatchResult::group)
                .map(Printed::of)
                .toList();
    }

    private static List<String> cells(String line) {
        return Arrays.stream(line.substring(1, line.lastIndexOf('|')).split("\\|", -1))
                .map(String::strip)
                .toList();
    }

    private static Collection<Double> raw(Collection<String> files) throws IOException {
        Collection<Double> values = new ArrayList<>();
        for (String file : files) {
            try (Reader reader =
                    Files.newBufferedReader(DOCUMENTS.resolve("measurements").resolve(file))) {
                JsonElement all = JsonParser.parseReader(reader);
                if (all.isJsonArray()) {
                    all.getAsJsonArray().forEach(entry -> addResult(entry.getAsJsonObject(), values));
                } else {
                    all.getAsJsonObject().getAsJsonArray("rows").forEach(row -> addAll(row.getAsJsonObject(), values));
                }
            }
        }
        return values;
    }

    private static void addResult(JsonObject result, Collection<Double> values) {
        addMetric(result.getAsJsonObject("primaryMetric"), values);
        result.getAsJsonObject("secondaryMetrics")
                .entrySet()
                .forEach(metric -> addMetric(metric.getValue().getAsJsonObject(), values));
        if (result.has("params")) {
            addAll(result.getAsJsonObject("params"), values);
        }
    }

    private static void addMetric(JsonObject metric, Collection<Double> values) {
        values.add(metric.get("score").getAsDouble());
        JsonObject percentiles = metric.getAsJsonObject("scorePercentiles");
        PERCENTILES.forEach(name -> values.add(percentiles.get(name).getAsDouble()));
    }

    private static void addAll(JsonObject row, Collection<Double> values) {
        for (Map.Entry<String, JsonElement> value : row.entrySet()) {
            if (value.getValue().isJsonPrimitive()) {
                JsonPrimitive number = value.getValue().getAsJsonPrimitive();
                if (number.isNumber() || number.getAsString().matches("\\d+")) {
                    values.add(number.getAsDouble());
                }
            }
        }
    }

    @Test
    @DisplayName("each number of a table is from the raw files of its section, or a quotient of its row or column")
    void tables() throws IOException {
        Collection<String> ofChapter = new TreeSet<>();
        Collection<String> ofSection = new TreeSet<>();
        boolean isInSection = false;
        List<String> table = new ArrayList<>();
        String heading = "";
        for (String line : Files.readAllLines(DOCUMENTS.resolve("performance.md"))) {
            if (line.startsWith("|")) {
                table.add(line);
                continue;
            }
            if (!table.isEmpty()) {
                compare(heading, table, raw(ofSection.isEmpty() ? ofChapter : ofSection));
                table.clear();
            }
            if (line.startsWith("#")) {
                heading = line;
                isInSection = line.startsWith("### ");
                ofSection.clear();
                if (!isInSection) {
                    ofChapter.clear();
                }
            }
            Collection<String> files = isInSection ? ofSection : ofChapter;
            RAW_FILE.matcher(line).results().forEach(file -> files.add(file.group(1)));
        }
        assertEquals(List.of(), wrong);
        assertTrue(compared > 700, () -> "only " + compared + " numbers were compared");
    }

    private void compare(String heading, List<String> table, Collection<Double> raw) {
        // If a table has no raw file, its section describes the origin of its numbers.
        if (raw.isEmpty()) {
            return;
        }
        List<String> columns = cells(table.get(0));
        List<List<String>> rows =
                table.stream().skip(2).map(PerformancePageTest::cells).toList();
        for (List<String> row : rows) {
            for (int i = 1; i < row.size(); i++) {
                int column = i;
                List<String> names = List.of(row.get(0), columns.get(i));
                if (names.stream().anyMatch(name -> COMPUTED.stream().anyMatch(name::startsWith))) {
                    continue;
                }
                List<Printed> beside = Stream.concat(row.stream(), rows.stream().map(other -> other.get(column)))
                        .flatMap(cell -> numbers(cell).stream())
                        .toList();
                boolean isRatio =
                        names.stream().anyMatch(name -> QUOTIENTS.stream().anyMatch(name::contains));
                for (Printed number : numbers(row.get(i))) {
                    compared++;
                    boolean isKnown = isRatio
                            ? raw.stream().anyMatch(number::canBe) || isQuotient(number, beside)
                            : raw.stream().anyMatch(value -> isScaled(number, value));
                    if (!isKnown) {
                        wrong.add(heading + ": " + number.text + " in " + row);
                    }
                }
            }
        }
    }

    private static boolean isScaled(Printed number, double value) {
        return Arrays.stream(SCALES).anyMatch(scale -> number.canBe(value * scale));
    }

    private static boolean isQuotient(Printed number, List<Printed> others) {
        return others.stream()
                .anyMatch(dividend -> others.stream().anyMatch(divisor -> number.canBe(dividend, divisor)));
    }

    @Test
    @DisplayName("each raw file is in the list of raw files, and in the page of results")
    void files() throws IOException {
        String list = Files.readString(DOCUMENTS.resolve(Path.of("measurements", "README.md")));
        String page = Files.readString(DOCUMENTS.resolve("performance.md"));
        try (Stream<Path> files = Files.list(DOCUMENTS.resolve("measurements"))) {
            List<String> missing = files.map(file -> String.valueOf(file.getFileName()))
                    .filter(name -> name.endsWith(".json"))
                    .filter(name -> !(list.contains("(" + name + ")") && page.contains("(measurements/" + name + ")")))
                    .sorted()
                    .toList();
            assertEquals(List.of(), missing);
        }
    }

    @Test
    @DisplayName("raw files name no folder of the machine that made them")
    void noFolders() throws IOException {
        Pattern folder = Pattern.compile("[ \"=]/\\w+/");
        try (Stream<Path> files = Files.list(DOCUMENTS.resolve("measurements"))) {
            for (Path file : files.toList()) {
                String text = Files.readString(file);
                MatchResult found = folder.matcher(text).results().findFirst().orElse(null);
                assertTrue(found == null, () -> file + ": " + found);
            }
        }
    }
}
