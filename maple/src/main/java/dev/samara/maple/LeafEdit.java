// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/**
 * Computes the slots of a leaf after an edit stores new content in {@code [lo, hi]}, which is within the leaf. The new
 * slots are:
 *
 * <pre>
 *   slots before i | slot i below lo, if any | [lo, hi] | slot j above hi, if any | the other slots
 *                                              slot at    from here on: slot tail of the old leaf
 * </pre>
 */
final class LeafEdit {

    private LeafEdit() {}

    /**
     * Returns the new slot of {@code [lo, hi]}. The old leaf's lower bound is {@code floor}, and {@code lo} is in its
     * slot i.
     */
    static int at(long[] old, long floor, long lo, int i) {
        return LeafPivots.lowerBound(old, i, floor) < lo ? i + 1 : i;
    }

    /** Returns the first slot of the old leaf that contains keys above {@code hi}; {@code hi} is in slot j. */
    static int tail(long[] old, long hi, int j) {
        return hi < LeafPivots.pivot(old, j) ? j : j + 1;
    }

    static int size(@Nullable Object[] old, int at, int tail) {
        return at + 1 + LeafNode.size(old) - tail;
    }
}
