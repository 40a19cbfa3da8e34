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
        Keys.requireRange(first, last);
    }

    /**
     * Returns the bounds, e.g. {@code [540, 599]} or {@code [0x10000, 0x1ffff]}: in decimal below 65,536, else in
     * hexadecimal.
     */
    @Override
    public String toString() {
        return Keys.range(first, last);
    }
}
