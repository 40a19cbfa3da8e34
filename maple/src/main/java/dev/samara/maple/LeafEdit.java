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
    static int at(Node old, long floor, long lo, int i) {
        return old.lowerBound(i, floor) < lo ? i + 1 : i;
    }

    /** Returns the first slot of the old leaf that has indexes above {@code hi}; {@code hi} is in slot j. */
    static int tail(Node old, long hi, int j) {
        return hi < old.pivot(j) ? j : j + 1;
    }

    static int size(Node old, int at, int tail) {
        return at + 1 + old.size() - tail;
    }

    static @Nullable Object[] slots(Node old, int at, int tail, @Nullable Object content) {
        int size = size(old, at, tail);
        @Nullable Object[] s = new @Nullable Object[size];
        System.arraycopy(old.slots, 0, s, 0, at);
        s[at] = content;
        System.arraycopy(old.slots, tail, s, at + 1, size - at - 1);
        return s;
    }

    /** Returns the halves that the leaf will have. */
    static long[] halves(Node old, long lo, long hi, int i, int at, int tail) {
        return change(old.halves.clone(), old, lo, hi, i, at, tail);
    }

    /** Writes the halves that the leaf will have to an array that no other thread has, and returns the array. */
    static long[] halves(long[] p, Node old, long lo, long hi, int i, int at, int tail) {
        System.arraycopy(old.halves, 0, p, 0, Node.FANOUT);
        return change(p, old, lo, hi, i, at, tail);
    }

    private static long[] change(long[] p, Node old, long lo, long hi, int i, int at, int tail) {
        int rest = at + 1;
        if (rest != tail) {
            int kept = Node.FANOUT - Math.max(tail, rest);
            System.arraycopy(old.halves, tail, p, rest, kept);
            for (int k = rest + kept; k < Node.FANOUT; k++) {
                p[k] = Keys.half(Keys.MAX);
            }
        }
        if (at > i) {
            p[i] = Keys.half(lo - 1);
        }
        p[at] = Keys.half(hi);
        return p;
    }

    /** Returns which of the pivots that the leaf will have are even. */
    static int even(Node old, long lo, long hi, int i, int at, int tail) {
        int even = old.even & ((1 << i) - 1);
        if (at > i) {
            even |= Keys.isEven(lo - 1) << i;
        }
        return even | Keys.isEven(hi) << at | old.even >>> tail << (at + 1);
    }
}
