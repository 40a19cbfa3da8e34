// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.Objects;

/**
 * A range of indexes and its value.
 *
 * @param first the lowest index of the range, unsigned
 * @param last the highest index of the range, inclusive, unsigned
 * @param value the value of every index in the range
 * @param <V> the type of values
 */
public record RangeEntry<V>(long first, long last, V value) {

    /**
     * Creates an entry.
     *
     * @param first the lowest index of the range, unsigned
     * @param last the highest index of the range, inclusive, unsigned
     * @param value the value of every index in the range
     * @throws IllegalArgumentException if {@code first} is above {@code last}, compared unsigned
     * @throws NullPointerException if {@code value} is null
     */
    public RangeEntry {
        IndexRange.requireRange(first, last);
        Objects.requireNonNull(value, "value");
    }

    /** Returns the range as {@link IndexRange#toString} does, and the value, e.g. {@code [540, 599]=Ada}. */
    @Override
    public String toString() {
        return IndexRange.text(first, last) + "=" + value;
    }
}
