// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.trace;

/** A line of a snapshot that describes the addresses {@code [start, end)}. */
public sealed interface Span permits MapsLine, FlagsLine {
    /**
     * Returns the number of the line in the file.
     *
     * @return the line, counted from 1
     */
    int line();

    /**
     * Returns the first address.
     *
     * @return the address
     */
    long start();

    /**
     * Returns the end of the range (exclusive).
     *
     * @return the address, above {@link #start()} as an unsigned number
     */
    long end();

    /**
     * Reads {@code <start>-<end>}.
     *
     * @param text the range
     * @return the start and the end, in an array of two
     * @throws IllegalArgumentException if it is not a range, or the range is empty
     */
    static long[] parseRange(String text) {
        int dash = text.indexOf('-');
        long start;
        long end;
        try {
            start = Long.parseUnsignedLong(text, 0, Math.max(dash, 0), 16);
            end = Long.parseUnsignedLong(text, dash + 1, text.length(), 16);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("'" + text + "' is not <start>-<end>", e);
        }
        if (Long.compareUnsigned(start, end) >= 0) {
            throw new IllegalArgumentException("the range " + text + " is empty");
        }
        return new long[] {start, end};
    }
}
