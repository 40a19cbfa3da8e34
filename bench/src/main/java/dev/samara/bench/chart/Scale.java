// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.chart;

import java.util.ArrayList;
import java.util.List;

/**
 * An axis: maps numbers to coordinates, and places labels.
 *
 * @param isLogarithmic whether equal ratios have equal lengths
 * @param low the number at one end; above zero on a logarithmic axis
 * @param high the number at the other end
 * @param from the coordinate of {@code low}
 * @param to the coordinate of {@code high}
 */
record Scale(boolean isLogarithmic, double low, double high, double from, double to) {
    /** If the ratio of the ends exceeds this, a logarithmic axis labels only powers of ten. */
    private static final double MANY = 1e4;

    private static final int LABELS = 6;
    private static final double[] STEPS = {1, 2, 5};

    /**
     * Returns an axis that covers a range of numbers and ends at labels.
     *
     * @param isLogarithmic whether it is logarithmic; otherwise it starts at zero
     * @param least the smallest number
     * @param most the largest number
     */
    static Scale of(boolean isLogarithmic, double least, double most, double from, double to) {
        if (!isLogarithmic) {
            double step = step(most / LABELS);
            return new Scale(false, 0, step * StrictMath.ceil(most / step), from, to);
        }
        double low = 0;
        double high = 0;
        for (double label : steps(least / 10, most * 10)) {
            low = label <= least ? label : low;
            high = high == 0 && label >= most ? label : high;
        }
        if (high / low > MANY) {
            low = StrictMath.pow(10, StrictMath.floor(StrictMath.log10(low) + 1e-9));
            high = StrictMath.pow(10, StrictMath.ceil(StrictMath.log10(high) - 1e-9));
        }
        return new Scale(true, low, high, from, to);
    }

    double at(double number) {
        double share = isLogarithmic
                ? StrictMath.log(number / low) / StrictMath.log(high / low)
                : (number - low) / (high - low);
        return from + share * (to - from);
    }

    /** Returns the labelled numbers. */
    List<Double> labels() {
        if (isLogarithmic) {
            boolean isLong = high / low > MANY;
            return steps(low, high).stream()
                    .filter(label -> !isLong || StrictMath.abs(leading(label) - 1) < 1e-9)
                    .toList();
        }
        double step = step(high / LABELS);
        List<Double> labels = new ArrayList<>();
        for (int i = 0; i * step <= high * (1 + 1e-9); i++) {
            labels.add(i * step);
        }
        return labels;
    }

    private static double leading(double number) {
        return number / StrictMath.pow(10, StrictMath.floor(StrictMath.log10(number) + 1e-9));
    }

    /** Returns the numbers from {@code first} to {@code last} that are 1, 2 or 5 times a power of ten. */
    private static List<Double> steps(double first, double last) {
        List<Double> all = new ArrayList<>();
        for (int power = (int) StrictMath.floor(StrictMath.log10(first)); all.isEmpty() || power < 19; power++) {
            for (double step : STEPS) {
                double number = step * StrictMath.pow(10, power);
                if (number > last * (1 + 1e-9)) {
                    return all;
                }
                if (number >= first * (1 - 1e-9)) {
                    all.add(number);
                }
            }
        }
        return all;
    }

    /** Returns the smallest step between labels that is at least {@code least}. */
    private static double step(double least) {
        return steps(least, least * 10).get(0);
    }
}
