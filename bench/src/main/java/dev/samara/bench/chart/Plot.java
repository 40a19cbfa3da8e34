// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.chart;

import java.util.List;

/**
 * What one chart shows.
 *
 * @param title what it is of
 * @param unit of all numbers
 * @param axis what the places on the x axis are: the name of a parameter whose values are numbers, or nothing if they
 *     are names
 * @param series the lines or groups of bars
 */
record Plot(String title, String unit, String axis, List<Series> series) {
    /**
     * A line, or all bars of a colour.
     *
     * @param name as it is in the legend
     * @param colour what has the same one in every chart
     * @param variant which of those that have one colour it is, from nought up
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

    /** The title as a file can be called. */
    String fileName() {
        return title.replaceAll("[^A-Za-z0-9.]+", "-");
    }
}
