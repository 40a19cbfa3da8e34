// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.trace;

/** A line of a snapshot about the addresses {@code [start, end)}. */
public sealed interface Span permits MapsLine, FlagsLine {
    /**
     * Returns the line's position in the file.
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
     * Returns the address after the last.
     *
     * @return the address, unsigned above {@link #start()}
     */
    long end();

    /**
     * Reads {@code <start>-<end>}.
     *
     * @param text the range
     * @return both ends, in an array of two
     * @throws IllegalArgumentException if it is no range or an empty one
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
