// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

/**
 * A range of indexes, without a value.
 *
 * @param first the lowest index of the range, unsigned
 * @param last the highest index of the range, inclusive, unsigned
 */
public record IndexRange(long first, long last) {

    /**
     * Creates a range.
     *
     * @param first the lowest index of the range, unsigned
     * @param last the highest index of the range, inclusive, unsigned
     * @throws IllegalArgumentException if {@code first} is above {@code last}, compared unsigned
     */
    public IndexRange {
        requireRange(first, last);
    }

    /**
     * Returns the bounds, e.g. {@code [540, 599]} or {@code [0x10000, 0x1ffff]}: in decimal below 65,536, else in
     * hexadecimal.
     */
    @Override
    public String toString() {
        return text(first, last);
    }

    static void requireRange(long first, long last) {
        if (Long.compareUnsigned(first, last) > 0) {
            throw new IllegalArgumentException("first " + text(first) + " must not be above last " + text(last));
        }
    }

    /**
     * Formats an index for people: in decimal below 65,536, as for minutes or ids; else in hexadecimal, as for
     * addresses.
     */
    static String text(long index) {
        return (index & ~0xffffL) == 0 ? Long.toString(index) : "0x" + Long.toHexString(index);
    }

    /** Formats a range of indexes for people. */
    static String text(long first, long last) {
        return "[" + text(first) + ", " + text(last) + "]";
    }
}
