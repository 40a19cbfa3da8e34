// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.lookup;

import java.util.ArrayList;
import java.util.List;

/**
 * What readers did.
 *
 * @param lookups how many lookups they made
 * @param overlapping how many of them overlapped a write
 * @param wrong the wrong answers
 */
public record Tally(long lookups, long overlapping, List<WrongAnswer> wrong) {
    /** Nothing yet. */
    public static final Tally NONE = new Tally(0, 0, List.of());

    /**
     * Both together.
     *
     * @param other what others did
     * @return the sum
     */
    public Tally plus(Tally other) {
        List<WrongAnswer> both = new ArrayList<>(wrong);
        both.addAll(other.wrong);
        return new Tally(lookups + other.lookups, overlapping + other.overlapping, List.copyOf(both));
    }
}
