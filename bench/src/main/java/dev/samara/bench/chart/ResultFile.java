// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.chart;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.samara.bench.ThreadTime;
import dev.samara.bench.report.UsageException;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** A result file of JMH, written with {@code -rf json}. */
final class ResultFile {
    /** The profiler metrics that charts compare. */
    private static final Map<String, String> PROFILED =
            Map.of("gc.alloc.rate.norm", "allocated", ThreadTime.METRIC, "on a processor");

    /** A counter of {@code MixedBenchmark}: the CPU time of its readers. */
    private static final String COUNTER = "onProcessor";

    private static final List<String> PERCENTILES = List.of("50.0", "99.0", "99.9");

    private final String source;
    private final List<Figure> figures = new ArrayList<>();

    private ResultFile(String source) {
        this.source = source;
    }

    /**
     * Reads all figures of a file.
     *
     * @param file the file
     * @return the figures, at least one
     * @throws UsageException if the file is not a JMH result
     */
    static List<Figure> read(Path file) {
        ResultFile result = new ResultFile(String.valueOf(file.getFileName()).replaceFirst("\\.json$", ""));
        try (Reader reader = Files.newBufferedReader(file)) {
            for (JsonElement entry : JsonParser.parseReader(reader).getAsJsonArray()) {
                result.entry(entry.getAsJsonObject());
            }
        } catch (IOException e) {
            throw new UsageException("cannot read " + file + ": " + e.getMessage());
        } catch (JsonParseException
                | IllegalStateException
                | UnsupportedOperationException
                | NumberFormatException
                | NullPointerException e) {
            // Gson throws these if a value is missing or has the wrong type.
            throw new UsageException(file + " is not what JMH writes with -rf json: " + e.getMessage());
        }
        if (result.figures.isEmpty()) {
            throw new UsageException(file + " has no results in it");
        }
        return result.figures;
    }

    private void entry(JsonObject entry) {
        String name = entry.get("benchmark").getAsString();
        int dot = name.lastIndexOf('.');
        String suite = name.substring(name.lastIndexOf('.', dot - 1) + 1, dot);
        String method = name.substring(dot + 1);
        boolean isSampled = entry.get("mode").getAsString().equals("sample");
        Map<String, String> parameters = new TreeMap<>();
        @Nullable JsonObject given = entry.getAsJsonObject("params");
        if (given != null) {
            given.entrySet()
                    .forEach(parameter -> parameters.put(
                            parameter.getKey(), parameter.getValue().getAsString()));
        }
        Row row = new Row(suite, parameters, isSampled);
        boolean isGroup = false;
        for (Map.Entry<String, JsonElement> metric :
                entry.getAsJsonObject("secondaryMetrics").entrySet()) {
            JsonObject values = metric.getValue().getAsJsonObject();
            String profiled = PROFILED.get(metric.getKey());
            if (profiled != null) {
                add(row, method, profiled, values);
            } else if (isPart(metric.getKey())) {
                isGroup = true;
                time(row, method + ":" + metric.getKey(), values);
            }
        }
        // The figure of a group as a whole is a mean over unrelated operations.
        if (!isGroup) {
            time(row, method, entry.getAsJsonObject("primaryMetric"));
        }
    }

    /**
     * Returns whether a metric is a method of a group. Unlike a method's name, the name of a profiler's metric contains
     * a dot; counters are excluded.
     */
    private static boolean isPart(String metric) {
        return metric.chars().allMatch(Character::isJavaIdentifierPart) && !metric.equals(COUNTER);
    }

    private record Row(String suite, Map<String, String> parameters, boolean isSampled) {}

    private void time(Row row, String method, JsonObject values) {
        if (!row.isSampled) {
            add(row, method, "", values);
            return;
        }
        JsonObject percentiles = values.getAsJsonObject("scorePercentiles");
        String unit = values.get("scoreUnit").getAsString();
        for (String percentile : PERCENTILES) {
            double score = percentiles.get(percentile).getAsDouble();
            String what = "p" + percentile.replace(".0", "");
            figures.add(new Figure(source, row.suite, method, what, unit, row.parameters, score, Double.NaN));
        }
    }

    private void add(Row row, String method, String what, JsonObject values) {
        String unit = values.get("scoreUnit").getAsString();
        double score = values.get("score").getAsDouble();
        double error = values.get("scoreError").getAsDouble();
        figures.add(new Figure(source, row.suite, method, what, unit, row.parameters, score, error));
    }
}
