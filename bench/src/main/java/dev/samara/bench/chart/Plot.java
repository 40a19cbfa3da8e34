// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.chart;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The content of one chart.
 *
 * @param fileName the name of its file, without an extension
 * @param title the subject of the chart
 * @param unit of all numbers
 * @param axis the places on the x axis: the name of a parameter whose values are numbers, or empty if the places are
 *     names
 * @param series the lines or groups of bars
 */
record Plot(String fileName, String title, String unit, String axis, List<Series> series) {
    /**
     * A line, or all bars of one colour.
     *
     * @param name its name in the legend
     * @param colour the name that determines the colour, so that it is the same in every chart
     * @param points in the order of the axis
     */
    record Series(String name, String colour, List<Point> points) {}

    /**
     * A number at its place.
     *
     * @param place a number if the axis has a name
     * @param score the number
     * @param error half of its confidence interval, or NaN
     */
    record Point(String place, double score, double error) {}

    boolean isNumeric() {
        return !axis.isEmpty();
    }

    /** Collects the points of a chart, and gives lines and places readable names. */
    static final class Builder {
        private final Map<String, String> lines = new LinkedHashMap<>();
        private final Map<String, String> places = new LinkedHashMap<>();
        private final Map<String, Map<String, Point>> points = new LinkedHashMap<>();

        /**
         * Adds a line, or all bars of one colour, after those added before.
         *
         * @param key its name in the file, which determines its colour
         * @param name its name in the legend
         */
        Builder line(String key, String name) {
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
        Builder place(String key, String name) {
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

        /** Returns the chart, without lines and places that contain no point. */
        Plot plot(String file, String title, String unit, String axis) {
            List<Series> series = new ArrayList<>();
            lines.forEach((key, name) -> {
                Map<String, Point> known = points.getOrDefault(key, Map.of());
                List<Point> ordered = places.keySet().stream()
                        .filter(known::containsKey)
                        .map(known::get)
                        .toList();
                if (!ordered.isEmpty()) {
                    series.add(new Series(name, key, ordered));
                }
            });
            return new Plot(file, title, unit, axis, List.copyOf(series));
        }
    }
}
