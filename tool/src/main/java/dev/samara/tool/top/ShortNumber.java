// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import java.util.Locale;

/** Writes numbers with three digits, so that columns of them are narrow. */
final class ShortNumber {
    private static final String[] THOUSANDS = {"", "k", "M", "G", "T", "P", "E"};
    private static final String[] BYTES = {"B", "K", "M", "G", "T", "P", "E"};
    private static final int THOUSAND = 1000;
    private static final int KIBI = 1024;

    /** Numbers below are written with all their digits. */
    private static final long SHORT = 10_000;

    /** From here on a rate has no digits after the point. */
    private static final double WHOLE = 9.95;

    private ShortNumber() {}

    /** Writes a number, such as {@code 9999} and {@code 12.3k}. */
    static String count(long count) {
        return count < SHORT ? String.valueOf(count) : scaled(count, THOUSAND, THOUSANDS);
    }

    /** Writes a number per second, such as {@code 0}, {@code 0.4} and {@code 12.3k}. */
    static String rate(double perSecond) {
        if (perSecond >= WHOLE) {
            return count(Math.round(perSecond));
        }
        String text = String.format(Locale.ROOT, "%.1f", perSecond);
        return text.endsWith(".0") ? text.substring(0, text.length() - 2) : text;
    }

    /** Writes a number of bytes, such as {@code 0B}, {@code 64M} and {@code 1.5G}, where K is 1024. */
    static String bytes(long bytes) {
        return scaled(bytes, KIBI, BYTES);
    }

    private static String scaled(long number, int step, String[] units) {
        int unit = 0;
        double value = (double) number;
        // What is rounded to a step is one of the next unit.
        while (value >= step - 0.5) {
            value /= step;
            unit++;
        }
        String text = String.format(Locale.ROOT, value < 9.995 ? "%.2f" : value < 99.95 ? "%.1f" : "%.0f", value);
        if (text.indexOf('.') >= 0) {
            text = text.replaceAll("\\.?0+$", "");
        }
        return text + units[unit];
    }
}
