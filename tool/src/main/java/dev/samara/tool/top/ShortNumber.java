// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import java.util.Locale;

/** Formats numbers with three digits, so that columns are narrow. */
final class ShortNumber {
    private static final String[] THOUSANDS = {"", "k", "M", "G", "T", "P", "E"};
    private static final String[] BYTES = {"B", "K", "M", "G", "T", "P", "E"};
    private static final int THOUSAND = 1000;
    private static final int KIBI = 1024;

    /** Numbers below this are written with all their digits. */
    private static final long SHORT = 10_000;

    /** From this value on, a rate is written without digits after the decimal point. */
    private static final double WHOLE = 9.95;

    private ShortNumber() {}

    /** Formats a number, e.g. {@code 9999} or {@code 12.3k}. */
    static String count(long count) {
        return count < SHORT ? String.valueOf(count) : scaled(count, THOUSAND, THOUSANDS);
    }

    /** Formats a number per second, e.g. {@code 0}, {@code 0.4} or {@code 12.3k}. */
    static String rate(double perSecond) {
        if (perSecond >= WHOLE) {
            return count(Math.round(perSecond));
        }
        String text = String.format(Locale.ROOT, "%.1f", perSecond);
        return text.endsWith(".0") ? text.substring(0, text.length() - 2) : text;
    }

    /** Formats a number of bytes, e.g. {@code 0B}, {@code 64M} or {@code 1.5G}, where K is 1024. */
    static String bytes(long bytes) {
        return scaled(bytes, KIBI, BYTES);
    }

    private static String scaled(long number, int step, String[] units) {
        int unit = 0;
        double value = (double) number;
        // A value that would be rounded up to 1000 or 1024 of its unit is written in the next unit.
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
