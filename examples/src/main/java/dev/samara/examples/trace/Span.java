// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.trace;

/** A line of a snapshot, which is about the addresses {@code [start, end)}. */
public sealed interface Span permits MapsLine, FlagsLine {
    /**
     * Where it stands in the file.
     *
     * @return the line, counted from 1
     */
    int line();

    /**
     * The first address.
     *
     * @return the address
     */
    long start();

    /**
     * The address behind the last.
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
        if (dash < 0) {
            throw new IllegalArgumentException("'" + text + "' is not <start>-<end>");
        }
        long start = Long.parseUnsignedLong(text, 0, dash, 16);
        long end = Long.parseUnsignedLong(text, dash + 1, text.length(), 16);
        if (Long.compareUnsigned(start, end) >= 0) {
            throw new IllegalArgumentException("the range " + text + " is empty");
        }
        return new long[] {start, end};
    }
}
