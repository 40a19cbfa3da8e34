// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.lookup;

import java.util.ArrayList;
import java.util.List;

/**
 * The total counts of readers.
 *
 * @param lookups the number of lookups
 * @param overlapping the number of lookups that overlapped a write
 * @param wrong the wrong results
 */
public record Tally(long lookups, long overlapping, List<WrongAnswer> wrong) {
    /** The totals of zero readers. */
    public static final Tally NONE = new Tally(0, 0, List.of());

    /**
     * Adds two totals.
     *
     * @param other the other totals
     * @return the sum
     */
    public Tally plus(Tally other) {
        List<WrongAnswer> both = new ArrayList<>(wrong);
        both.addAll(other.wrong);
        return new Tally(lookups + other.lookups, overlapping + other.overlapping, List.copyOf(both));
    }
}
