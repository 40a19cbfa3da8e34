// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.chart;

import java.util.List;

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
     * @param variant its zero-based index among the series of the same colour
     * @param points in the order of the axis
     */
    record Series(String name, String colour, int variant, List<Point> points) {}

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
}
