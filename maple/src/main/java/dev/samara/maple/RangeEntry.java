// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.Objects;

/**
 * A range of indexes and what it holds.
 *
 * @param first the lowest index of the range, unsigned
 * @param last the highest index of the range, inclusive, unsigned
 * @param value what every index of the range has
 * @param <V> the type of values
 */
public record RangeEntry<V>(long first, long last, V value) {

    /**
     * Checks that the range is one.
     *
     * @param first the lowest index of the range, unsigned
     * @param last the highest index of the range, inclusive, unsigned
     * @param value what every index of the range has
     * @throws IllegalArgumentException if {@code first} is above {@code last}, compared unsigned
     * @throws NullPointerException if {@code value} is null
     */
    public RangeEntry {
        Keys.requireRange(first, last);
        Objects.requireNonNull(value, "value");
    }

    /** The range in hexadecimal, and the value. */
    @Override
    public String toString() {
        return Keys.range(first, last) + "=" + value;
    }
}
