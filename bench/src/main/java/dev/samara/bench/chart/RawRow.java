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

/**
 * One row of a raw file, as names and values.
 *
 * <p>The file of a report contains the rows. Of a result file of JMH, a row contains the parameters, the benchmark's
 * method ({@code method}) and its {@code score} and {@code error}: the CPU time, or the elapsed time if the file does
 * not contain CPU times. If the benchmark is a group, each method of the group has a row, as {@code group:method}, with
 * its percentiles instead.
 *
 * @param file the file
 * @param values the values by name
 */
record RawRow(Path file, Map<String, String> values) {
    private static final List<String> PERCENTILES = List.of("50.0", "99.9");

    /**
     * Reads all rows of a file.
     *
     * @param file the file
     * @throws UsageException if the file is neither the result of a report nor of JMH
     */
    static List<RawRow> read(Path file) {
        List<RawRow> rows = new ArrayList<>();
        try (Reader reader = Files.newBufferedReader(file)) {
            JsonElement content = JsonParser.parseReader(reader);
            if (content.isJsonArray()) {
                content.getAsJsonArray().forEach(entry -> add(rows, file, entry.getAsJsonObject()));
            } else {
                content.getAsJsonObject()
                        .getAsJsonArray("rows")
                        .forEach(row -> rows.add(new RawRow(file, primitives(row.getAsJsonObject()))));
            }
        } catch (IOException e) {
            throw new UsageException("cannot read " + file + ": " + e.getMessage());
        } catch (JsonParseException
                | IllegalStateException
                | UnsupportedOperationException
                | ClassCastException
                | NullPointerException e) {
            // Gson throws these if a value is missing or has the wrong type.
            throw new UsageException(file + " is neither what a report writes with --json, nor what JMH writes with -rf"
                    + " json: " + e.getMessage());
        }
        return rows;
    }

    private static void add(List<RawRow> rows, Path file, JsonObject entry) {
        Map<String, String> shared =
                entry.has("params") ? primitives(entry.getAsJsonObject("params")) : new TreeMap<>();
        String name = entry.get("benchmark").getAsString();
        String method = name.substring(name.lastIndexOf('.') + 1);
        JsonObject others = entry.getAsJsonObject("secondaryMetrics");
        if (entry.get("mode").getAsString().equals("sample")) {
            for (Map.Entry<String, JsonElement> part : others.entrySet()) {
                // Counters and the metrics of profilers have no percentiles.
                JsonObject percentiles = part.getValue().getAsJsonObject().getAsJsonObject("scorePercentiles");
                if (percentiles.has(PERCENTILES.get(1))) {
                    Map<String, String> values = new TreeMap<>(shared);
                    values.put("method", method + ":" + part.getKey());
                    for (String percentile : PERCENTILES) {
                        values.put(
                                "p" + percentile.replace(".0", ""),
                                percentiles.get(percentile).getAsString());
                    }
                    rows.add(new RawRow(file, values));
                }
            }
            return;
        }
        JsonObject score = entry.getAsJsonObject("primaryMetric");
        if (others.has(ThreadTime.METRIC)) {
            score = others.getAsJsonObject(ThreadTime.METRIC);
        }
        shared.put("method", method);
        shared.put("score", score.get("score").getAsString());
        shared.put("error", score.get("scoreError").getAsString());
        rows.add(new RawRow(file, shared));
    }

    private static Map<String, String> primitives(JsonObject object) {
        Map<String, String> values = new TreeMap<>();
        object.entrySet().stream()
                .filter(value -> value.getValue().isJsonPrimitive())
                .forEach(value -> values.put(value.getKey(), value.getValue().getAsString()));
        return values;
    }

    boolean has(String name, String value) {
        return value.equals(values.get(name));
    }

    String text(String name) {
        String text = values.get(name);
        if (text == null) {
            throw new UsageException(file + " has a row without " + name + ": " + values);
        }
        return text;
    }

    double number(String name) {
        try {
            return Double.parseDouble(text(name));
        } catch (NumberFormatException e) {
            throw new UsageException(file + " has a row whose " + name + " is no number: " + values);
        }
    }
}
