// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.picture;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.time.Instant;
import java.util.List;
import java.util.stream.LongStream;

/**
 * The axis of a timeline, in seconds from its first event on.
 *
 * @param zero the start of the first event, in nanoseconds since 1970
 * @param span the displayed time in nanoseconds, a multiple of {@code bin}
 * @param bin the interval in which events are counted, in nanoseconds: 1, 2 or 5, followed by zeros
 * @param step the distance between two ticks in nanoseconds, of the same form
 */
record TimeAxis(long zero, long span, long bin, long step) {
    private static final int SECOND_DIGITS = 9;
    private static final long SECOND = 1_000_000_000L;
    private static final String[] UNITS = {"ns", "\u00b5s", "ms", "s"};
    private static final BigDecimal THOUSAND = BigDecimal.valueOf(1000);
    private static final MathContext DIGITS = new MathContext(3, RoundingMode.HALF_UP);
    private static final long LEAST_SPAN = 1_000;
    private static final int MOST_BINS = 160;
    private static final int MOST_TICKS = 10;

    /** Returns the axis for events and levels, of which there must be at least one. */
    static TimeAxis of(List<Moment> moments, List<Level> levels) {
        long zero = LongStream.concat(
                        moments.stream().mapToLong(Moment::begin),
                        levels.stream().mapToLong(Level::begin))
                .min()
                .orElseThrow();
        long end = LongStream.concat(
                        moments.stream().mapToLong(Moment::end), levels.stream().mapToLong(Level::begin))
                .max()
                .orElseThrow();
        long length = Math.max(LEAST_SPAN, end - zero + 1);
        long bin = round(length / MOST_BINS + 1);
        long span = (length + bin - 1) / bin * bin;
        return new TimeAxis(zero, span, bin, round(span / MOST_TICKS + 1));
    }

    /** Returns the lowest number that is at least {@code least} and consists of 1, 2 or 5, followed by zeros. */
    private static long round(long least) {
        long unit = 1;
        while (unit * 10 <= least) {
            unit *= 10;
        }
        for (int digit : new int[] {1, 2, 5}) {
            if (unit * digit >= least) {
                return unit * digit;
            }
        }
        return unit * 10;
    }

    int bins() {
        return Math.toIntExact(span / bin);
    }

    int binOf(Moment moment) {
        return Math.toIntExact((moment.begin() - zero) / bin);
    }

    /** Returns the position of a time on the axis, from 0 at its start to 1 at its end. */
    double part(long time) {
        return (double) (time - zero) / span;
    }

    Instant origin() {
        return Instant.ofEpochSecond(zero / SECOND, zero % SECOND);
    }

    /** Formats a time since the start of the axis in seconds, without trailing zeros. */
    static String seconds(long nanos) {
        BigDecimal exact = BigDecimal.valueOf(nanos, SECOND_DIGITS).stripTrailingZeros();
        return exact.signum() == 0 ? "0" : exact.toPlainString();
    }

    /** Formats a duration in a suitable unit, with three digits. */
    static String duration(long nanos) {
        BigDecimal rounded = BigDecimal.valueOf(nanos).round(DIGITS);
        int unit = 0;
        while (unit < UNITS.length - 1 && rounded.compareTo(THOUSAND) >= 0) {
            rounded = rounded.movePointLeft(3);
            unit++;
        }
        return rounded.signum() == 0 ? "0 s" : rounded.stripTrailingZeros().toPlainString() + " " + UNITS[unit];
    }
}
