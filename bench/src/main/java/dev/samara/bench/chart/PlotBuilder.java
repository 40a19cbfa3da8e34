// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.chart;

import dev.samara.bench.chart.Plot.Point;
import dev.samara.bench.chart.Plot.Series;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Collects the points of a chart, and gives lines and places readable names. */
final class PlotBuilder {
    private final Map<String, String> lines = new LinkedHashMap<>();
    private final Map<String, String> places = new LinkedHashMap<>();
    private final Map<String, Map<String, Point>> points = new LinkedHashMap<>();

    /**
     * Adds a line, or all bars of one colour, after those added before.
     *
     * @param key its name in the file, which determines its colour
     * @param name its name in the legend
     */
    PlotBuilder line(String key, String name) {
        lines.put(key, name);
        points.put(key, new LinkedHashMap<>());
        return this;
    }

    /**
     * Adds a place on the axis, after those added before.
     *
     * @param key its name in the file
     * @param name its name in the chart
     */
    PlotBuilder place(String key, String name) {
        places.put(key, name);
        return this;
    }

    /**
     * Adds a point if its line and its place were added before; otherwise does nothing.
     *
     * @param line the key of the line
     * @param place the key of the place
     * @param score the number
     * @param error half of its confidence interval, or NaN
     */
    void point(String line, String place, double score, double error) {
        Map<String, Point> known = points.get(line);
        String name = places.get(place);
        if (known != null && name != null) {
            known.put(place, new Point(name, score, error));
        }
    }

    /**
     * Returns the chart, without lines and places that contain no point.
     *
     * @param file the name of its file, without an extension
     * @param title its title
     * @param unit the unit of its numbers
     * @param axis the meaning of the numbers on the x axis, or empty if the places are names
     */
    Plot plot(String file, String title, String unit, String axis) {
        List<Series> series = new ArrayList<>();
        lines.forEach((key, name) -> {
            Map<String, Point> known = points.getOrDefault(key, Map.of());
            List<Point> ordered = places.keySet().stream()
                    .filter(known::containsKey)
                    .map(known::get)
                    .toList();
            if (!ordered.isEmpty()) {
                series.add(new Series(name, key, 0, ordered));
            }
        });
        return new Plot(file, title, unit, axis, List.copyOf(series));
    }
}
