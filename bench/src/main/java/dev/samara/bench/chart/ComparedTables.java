// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.chart;

import dev.samara.bench.index.Indexes;
import java.nio.file.Path;
import java.text.DecimalFormat;
import java.text.DecimalFormatSymbols;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The tables of the documents that compare the tree with structures of other libraries. */
final class ComparedTables {
    /**
     * A structure.
     *
     * @param index its name in raw files
     * @param name its name in a table
     * @param legend its name in a chart, or empty if it is in no chart
     */
    record Structure(String index, String name, String legend) {}

    static final List<Structure> STRUCTURES = List.of(
            new Structure(Indexes.SAMARA, "Samara", "Samara"),
            new Structure(Indexes.SKIPLIST, "`ConcurrentSkipListMap`", "ConcurrentSkipListMap"),
            new Structure(Indexes.TREEMAP_RWLOCK, "`TreeMap`, lock", ""),
            new Structure(Indexes.GUAVA_RWLOCK, "Guava `TreeRangeMap`, lock", "Guava TreeRangeMap, lock"),
            new Structure(Indexes.GUAVA_IMMUTABLE, "Guava `ImmutableRangeMap`", "Guava ImmutableRangeMap"),
            new Structure(Indexes.FASTUTIL_RWLOCK, "fastutil, lock", "fastutil AVL tree, lock"),
            new Structure(Indexes.INTERVAL_TREE_RWLOCK, "interval tree, lock", "interval tree, lock"),
            new Structure(Indexes.COW_ARRAY, "copied array", "sorted array, copied at each change"),
            new Structure(Indexes.COW_ARRAY_GENERIC, "copied array, generic", ""));

    private static final String LOOKUPS = "compared-lookups.json";
    private static final String USES = "compared-uses.json";
    private static final String UPDATES = "compared-updates.json";
    private static final String FOOTPRINT = "footprint.json";

    /** A cell without a figure: the structure was not measured at that size, or does not support the operation. */
    private static final String NONE = "-";

    private final Path measurements;

    private ComparedTables(Path measurements) {
        this.measurements = measurements;
    }

    /**
     * Returns the content of a block of a document.
     *
     * @param name its name
     * @param measurements the directory of the raw files
     * @return the lines, or null if no block has that name
     */
    static @Nullable String block(String name, Path measurements) {
        ComparedTables tables = new ComparedTables(measurements);
        return switch (name) {
            case "compared-lookups" ->
                tables.section(
                        LOOKUPS,
                        "![Nanoseconds of a lookup, by structure and number of ranges](charts/compared-lookups.svg)",
                        "ns per lookup, by number of ranges",
                        ComparedTables::times,
                        "30",
                        "1000",
                        "100000",
                        "1000000");
            case "compared-uses" ->
                tables.section(
                        USES,
                        "",
                        "ns per lookup and the read of a field, by number of ranges",
                        ComparedTables::times,
                        "1000",
                        "100000",
                        "1000000");
            case "compared-updates" ->
                tables.section(
                        UPDATES,
                        "![Nanoseconds of two changes, by structure and number of ranges](charts/compared-updates.svg)",
                        "ns per erase and store of a range, by number of ranges",
                        ComparedTables::times,
                        "1000",
                        "100000");
            case "compared-footprint" ->
                tables.section(
                        FOOTPRINT,
                        "![Bytes of a range, by structure and number of ranges](charts/compared-footprint.svg)",
                        "bytes per range, by number of ranges",
                        ComparedTables::bytes,
                        "1000",
                        "100000");
            case "compared-files" -> tables.files();
            case "compared-overview" -> tables.overview();
            case "front-chart" -> tables.frontChart();
            default -> null;
        };
    }

    /** Returns the link to a raw file, its chart, and a table with a row for each structure in the file. */
    private String section(
            String file, String chart, String title, Function<Path, Map<String, Double>> reader, String... sizes) {
        Map<String, Double> figures = reader.apply(measurements.resolve(file));
        StringBuilder text = new StringBuilder("Raw: [%1$s](measurements/%1$s).\n\n".formatted(file));
        if (!chart.isEmpty()) {
            text.append(chart).append("\n\n");
        }
        List<List<String>> rows = new ArrayList<>();
        for (Structure structure : STRUCTURES) {
            List<String> row = new ArrayList<>(List.of(structure.name));
            for (String size : sizes) {
                row.add(number(figures.get(structure.index + " " + size)));
            }
            if (row.stream().skip(1).anyMatch(cell -> !cell.equals(NONE))) {
                rows.add(row);
            }
        }
        List<String> head = new ArrayList<>(List.of(title));
        for (String size : sizes) {
            head.add(new DecimalFormat("#,##0", DecimalFormatSymbols.getInstance(Locale.ROOT))
                    .format(Integer.parseInt(size)));
        }
        return text + table(head, rows);
    }

    /** Returns the list of raw files as a table. */
    private String files() {
        List<List<String>> rows = new ArrayList<>();
        Map<String, String> benchmarks = Map.of(
                LOOKUPS, "`LookupBenchmark.get`",
                USES, "`LookupBenchmark.use`",
                UPDATES, "`UpdateBenchmark.eraseAndStore`");
        for (String file : List.of(LOOKUPS, USES, UPDATES)) {
            rows.add(List.of("[" + file + "](" + file + ")", String.valueOf(benchmarks.get(file))));
        }
        return table(List.of("structures of other libraries", "what ran"), rows);
    }

    /** Returns a table with a row for each structure and the figures of all files at two sizes, for a module's page. */
    private String overview() {
        Map<String, Double> lookups = times(measurements.resolve(LOOKUPS));
        Map<String, Double> updates = times(measurements.resolve(UPDATES));
        Map<String, Double> bytes = bytes(measurements.resolve(FOOTPRINT));
        List<List<String>> rows = new ArrayList<>();
        for (Structure structure : STRUCTURES) {
            if (!structure.legend.isEmpty()) {
                List<String> row = new ArrayList<>(List.of(structure.name));
                for (Map<String, Double> figures : List.of(lookups, updates)) {
                    for (String size : List.of("1000", "100000")) {
                        row.add(number(figures.get(structure.index + " " + size)));
                    }
                }
                row.add(number(bytes.get(structure.index + " 100000")));
                rows.add(row);
            }
        }
        List<String> head = List.of(
                "ns, by number of ranges",
                "lookup, 1,000",
                "lookup, 100,000",
                "update, 1,000",
                "update, 100,000",
                "bytes per range");
        String chart =
                "![Nanoseconds of a lookup, by structure and number of ranges](../docs/charts/compared-lookups.svg)";
        return table(head, rows) + "\n" + chart + "\n";
    }

    /** Returns the chart of the front page, with the text that describes it. */
    private String frontChart() {
        Map<String, Double> lookups = times(measurements.resolve(LOOKUPS));
        Map<String, Double> updates = times(measurements.resolve(UPDATES));
        return """
                ![Nanoseconds of a lookup, by structure and number of ranges](docs/charts/compared-lookups.svg)

                On JDK 25, a lookup among 1,000 ranges takes %s ns, in a `ConcurrentSkipListMap` %s ns,
                in Guava's `TreeRangeMap` behind a lock %s ns, and in a sorted array that is copied at
                each update %s ns. To erase a range and store it again takes %s ns, %s ns, %s ns and %s
                ns ([all sizes](docs/performance.md#compared-with-other-libraries)).
                """.formatted(Stream.of(lookups, updates)
                .flatMap(figures -> Stream.of(Indexes.SAMARA, Indexes.SKIPLIST, Indexes.GUAVA_RWLOCK, Indexes.COW_ARRAY)
                        .map(index -> number(figures.get(index + " 1000"))))
                .toArray());
    }

    private static Map<String, Double> times(Path file) {
        return figures(file, "score");
    }

    private static Map<String, Double> bytes(Path file) {
        return figures(file, "bytes_per_range");
    }

    private static Map<String, Double> figures(Path file, String name) {
        Map<String, Double> figures = new HashMap<>();
        for (RawRow row : RawRow.read(file)) {
            figures.put(row.text("index") + " " + row.text("ranges"), row.number(name));
        }
        return figures;
    }

    private static String table(List<String> head, List<List<String>> rows) {
        StringJoiner lines = new StringJoiner("\n", "", "\n");
        lines.add("| " + String.join(" | ", head) + " |");
        lines.add("|" + "---|".repeat(head.size()));
        rows.forEach(row -> lines.add("| " + String.join(" | ", row) + " |"));
        return lines.toString();
    }

    private static String number(@Nullable Double number) {
        return number == null
                ? NONE
                : new DecimalFormat(number < 100 ? "0.0" : "#,##0", DecimalFormatSymbols.getInstance(Locale.ROOT))
                        .format(number);
    }
}
