// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A leaf of the tree: an array whose element 0 is the leaf's {@linkplain LeafPivots pivots}, followed by the contents
 * of its slots. So a lookup that has searched the pivots finds both the reference to compare and the content in one
 * object.
 *
 * <pre>
 *   [ pivots | value | null | value ]      null is a free range
 * </pre>
 *
 * <p>A published leaf is immutable, and so are its pivots, except for at most one, which the writer may move ({@link
 * LeafBoundary}). Leaves may share an array of pivots if none of them is movable.
 */
final class LeafNode {

    private LeafNode() {}

    /** Returns a leaf with the contents in {@code [from, to)} of an array. */
    static @Nullable Object[] of(long[] pivots, @Nullable Object[] contents, int from, int to) {
        @Nullable Object[] leaf = new @Nullable Object[to - from + 1];
        leaf[0] = pivots;
        System.arraycopy(contents, from, leaf, 1, to - from);
        return leaf;
    }

    /** Returns a copy of a leaf in which one slot with this content replaces slots {@code [at, tail)}. */
    static @Nullable Object[] of(long[] pivots, @Nullable Object[] old, int at, int tail, @Nullable Object content) {
        if (tail == at + 1) {
            // No slot moves. A clone takes less time than an empty array and two copies.
            @Nullable Object[] same = old.clone();
            same[tail] = content;
            same[0] = pivots;
            return same;
        }
        int length = at + 1 + old.length - tail;
        @Nullable Object[] leaf = new @Nullable Object[length];
        System.arraycopy(old, 1, leaf, 1, at);
        System.arraycopy(old, tail + 1, leaf, at + 2, length - at - 2);
        leaf[at + 1] = content;
        leaf[0] = pivots;
        return leaf;
    }

    static long[] pivots(@Nullable Object[] leaf) {
        return (long[]) Objects.requireNonNull(leaf[0]);
    }

    static int size(@Nullable Object[] leaf) {
        return leaf.length - 1;
    }

    /** Returns the content of a slot: null, a value or a reservation. */
    static @Nullable Object content(@Nullable Object[] leaf, int i) {
        return leaf[i + 1];
    }

    /** Returns the value of a slot in the lookup view. */
    static @Nullable Object value(@Nullable Object[] leaf, int i) {
        Object content = leaf[i + 1];
        return content instanceof Reservation ? null : content;
    }

    /** Returns the inclusive upper bound of a slot, as a key. */
    static long pivot(@Nullable Object[] leaf, int i) {
        return LeafPivots.pivot(pivots(leaf), i);
    }

    static long upperBound(@Nullable Object[] leaf) {
        return pivot(leaf, size(leaf) - 1);
    }

    /** Returns the lower bound of slot {@code i} in a leaf whose own lower bound is {@code floor}. */
    static long lowerBound(@Nullable Object[] leaf, int i, long floor) {
        return LeafPivots.lowerBound(pivots(leaf), i, floor);
    }

    /** Returns the slot of {@code key}, which must be within this leaf. */
    static int find(@Nullable Object[] leaf, long key) {
        return LeafPivots.find(pivots(leaf), key);
    }

    /** Returns the content of the slot of {@code key}. */
    static @Nullable Object contentAt(@Nullable Object[] leaf, long key) {
        return content(leaf, find(leaf, key));
    }

    /** As {@link Node#atOrAfter}. */
    static @Nullable Object atOrAfter(@Nullable Object[] leaf, long key) {
        return valueFrom(leaf, find(leaf, key));
    }

    private static @Nullable Object valueFrom(@Nullable Object[] leaf, int from) {
        for (int i = from; i < size(leaf); i++) {
            Object value = value(leaf, i);
            if (value != null) {
                return value;
            }
        }
        return null;
    }

    /** As {@link Node#atOrBefore}. */
    static @Nullable Object atOrBefore(@Nullable Object[] leaf, long key) {
        for (int i = find(leaf, key); i >= 0; i--) {
            Object value = value(leaf, i);
            if (value != null) {
                return value;
            }
        }
        return null;
    }

    static boolean hasValue(@Nullable Object[] leaf) {
        return valueFrom(leaf, 0) != null;
    }

    /** Returns whether one of the slots {@code from} to {@code to}, inclusive, is a reservation. */
    static boolean hasReservation(@Nullable Object[] leaf, int from, int to) {
        for (int i = from; i <= to; i++) {
            if (content(leaf, i) instanceof Reservation) {
                return true;
            }
        }
        return false;
    }

    static boolean hasReservation(@Nullable Object[] leaf) {
        return hasReservation(leaf, 0, size(leaf) - 1);
    }

    /** Returns the length of the largest free range; see {@link Node#length}. */
    static long largestGap(@Nullable Object[] leaf, long floor) {
        return largestGap(leaf, floor, -1, 0);
    }

    /** Returns the length of the largest free range if the free range in slot {@code k} had this length. */
    static long largestGap(@Nullable Object[] leaf, long floor, int k, long length) {
        long largest = length;
        for (int i = 0; i < size(leaf); i++) {
            if (i != k && content(leaf, i) == null) {
                long gap = gap(leaf, i, floor);
                if (Long.compareUnsigned(gap, largest) > 0) {
                    largest = gap;
                }
            }
        }
        return largest;
    }

    /** Returns the length of the free range in slot {@code i}. */
    static long gap(@Nullable Object[] leaf, int i, long floor) {
        long[] pivots = pivots(leaf);
        return Node.length(LeafPivots.lowerBound(pivots, i, floor), LeafPivots.pivot(pivots, i));
    }

    /** Returns the contents as text, for messages. */
    static String toString(@Nullable Object[] leaf) {
        return Arrays.toString(Arrays.copyOfRange(leaf, 1, leaf.length));
    }
}
