// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.chart;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.samara.bench.report.UsageException;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The result file of a report, written with {@code --json}. */
final class ReportFile {
    private ReportFile() {}

    /** One row: names and values as text. */
    record ReportRow(Path file, Map<String, String> values) {
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

    /**
     * Reads the rows of a file.
     *
     * @param file the file
     * @throws UsageException if the file is not the result of a report
     */
    static List<ReportRow> read(Path file) {
        List<ReportRow> rows = new ArrayList<>();
        try (Reader reader = Files.newBufferedReader(file)) {
            for (JsonElement entry :
                    JsonParser.parseReader(reader).getAsJsonObject().getAsJsonArray("rows")) {
                Map<String, String> values = new TreeMap<>();
                JsonObject row = entry.getAsJsonObject();
                row.entrySet().stream()
                        .filter(value -> value.getValue().isJsonPrimitive())
                        .forEach(value ->
                                values.put(value.getKey(), value.getValue().getAsString()));
                rows.add(new ReportRow(file, values));
            }
        } catch (IOException e) {
            throw new UsageException("cannot read " + file + ": " + e.getMessage());
        } catch (JsonParseException | IllegalStateException | ClassCastException | NullPointerException e) {
            // Gson throws these if a value is missing or has the wrong type.
            throw new UsageException(file + " is not what a report writes with --json: " + e.getMessage());
        }
        return rows;
    }
}
