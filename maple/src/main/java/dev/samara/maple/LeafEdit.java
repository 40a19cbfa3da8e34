// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/**
 * What becomes of one leaf when {@code [lo, hi]}, which is within it, gets new content. The slots that it has then:
 *
 * <pre>
 *   those before slot i | what slot i has before lo, if anything | [lo, hi] | what slot j has after hi, if anything | the rest
 *                                                              slot at       slot tail of the old leaf goes on here
 * </pre>
 */
final class LeafEdit {

    private LeafEdit() {}

    /**
     * The slot that {@code [lo, hi]} will have, in a leaf whose lower bound is {@code floor}; {@code lo} is in slot i.
     */
    static int at(Node old, long floor, long lo, int i) {
        return old.lowerBound(i, floor) < lo ? i + 1 : i;
    }

    /** The first slot of the old leaf of which something is left behind {@code hi}, which is in slot j. */
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

    /** The halves that the leaf will have. */
    static long[] halves(Node old, long lo, long hi, int i, int at, int tail) {
        return change(old.halves.clone(), old, lo, hi, i, at, tail);
    }

    /** The same, in an array that nobody else has. */
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

    /** Which of the pivots that the leaf will have are even. */
    static int even(Node old, long lo, long hi, int i, int at, int tail) {
        int even = old.even & ((1 << i) - 1);
        if (at > i) {
            even |= Keys.isEven(lo - 1) << i;
        }
        return even | Keys.isEven(hi) << at | old.even >>> tail << (at + 1);
    }
}
