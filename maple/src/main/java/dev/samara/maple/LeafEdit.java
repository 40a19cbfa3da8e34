// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/**
 * Computes the new content of one leaf when {@code [lo, hi]}, which is within it, gets new content. The slots of the
 * new leaf:
 *
 * <pre>
 *   slots before i | slot i below lo, if any | [lo, hi] | slot j above hi, if any | the other slots
 *                                              slot at    from here on: slot tail of the old leaf
 * </pre>
 */
final class LeafEdit {

    private LeafEdit() {}

    /**
     * Returns the slot that {@code [lo, hi]} will have, in a leaf whose lower bound is {@code floor}; {@code lo} is in
     * slot i.
     */
    static int at(long[] old, long floor, long lo, int i) {
        return LeafPivots.lowerBound(old, i, floor) < lo ? i + 1 : i;
    }

    /** Returns the first slot of the old leaf that has indexes above {@code hi}; {@code hi} is in slot j. */
    static int tail(long[] old, long hi, int j) {
        return hi < LeafPivots.pivot(old, j) ? j : j + 1;
    }

    static int size(@Nullable Object[] old, int at, int tail) {
        return at + 1 + LeafNode.size(old) - tail;
    }
}
