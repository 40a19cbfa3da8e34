// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A node of the tree, inner or leaf. Immutable, arrays included, once anybody but its maker can reach it; arrays may be
 * shared between nodes for that reason. Until then {@link Splice}, which made it, may write its arrays.
 *
 * <pre>
 *   inner   pivots  [ 0x0fff | 0x7fff |  max  | (max) ... ]   inclusive upper bound of each slot, as keys
 *           slots   [ node   | node   |  node ]
 *           gaps    [ 0x800  |   0    |  2^60 ]               largest free range below each child
 *
 *   leaf    pivots  [ 0x00ff | 0x08ff | 0x0fff | (max) ... ]
 *           slots   [ value  |  null  | value  ]              null is a free range
 * </pre>
 *
 * <p>Lower bounds are implied: one more than the pivot before, or the lower bound of the node, which only a descent
 * knows. The pivot of the last slot is the upper bound of the node. Pivots beyond it are padded with the largest key,
 * so that a search never needs the number of slots.
 *
 * <p>Notation, here and in the whole package: {@code n} a node, {@code i} a slot number, {@code lo} and {@code hi}
 * inclusive bounds as keys, {@code first} and {@code last} inclusive bounds as indexes.
 */
final class Node {

    /** Slots of a full node. The two-stage search below is written for this number. */
    static final int FANOUT = 16;

    /** Fewest slots of a node other than the root. */
    static final int MIN_FILL = 6;

    /** Levels that no tree exceeds: 6^25 is above 2^64. */
    static final int MAX_LEVELS = 26;

    /** A tree in which everything is free. */
    static final Node EMPTY = new Node(0, false, padded(Keys.MAX), new @Nullable Object[] {null}, new long[0]);

    /** 0 in a leaf, else one more than the level of the children. */
    final int level;

    /** Whether there is a reservation here or below. Spares lookups a look at the class of what they found. */
    final boolean reserved;

    final long[] pivots;
    final @Nullable Object[] slots;

    /** As unsigned lengths, 0 for none, 2^64 given as 2^64-1. Empty in a leaf. Readers do not need them. */
    final long[] gaps;

    Node(int level, boolean reserved, long[] pivots, @Nullable Object[] slots, long[] gaps) {
        this.level = level;
        this.reserved = reserved;
        this.pivots = pivots;
        this.slots = slots;
        this.gaps = gaps;
    }

    private static long[] padded(long... keys) {
        long[] p = Arrays.copyOf(keys, FANOUT);
        Arrays.fill(p, keys.length, FANOUT, Keys.MAX);
        return p;
    }

    int size() {
        return slots.length;
    }

    Node child(int i) {
        return (Node) slots[i];
    }

    /**
     * The slot of {@code key}, which must not be above the upper bound of this node.
     *
     * <p>Two stages of three compares that do not wait for each other. They are assignments because the JIT compiler
     * makes conditional moves of these, but branches of sums of conditional expressions, and where a key lies cannot be
     * predicted: those took up to twice as long.
     */
    int find(long key) {
        long[] p = pivots;
        int quarter = 0;
        if (key > p[3]) {
            quarter = 4;
        }
        if (key > p[7]) {
            quarter = 8;
        }
        if (key > p[11]) {
            quarter = 12;
        }
        int i = quarter;
        if (key > p[quarter]) {
            i = quarter + 1;
        }
        if (key > p[quarter + 1]) {
            i = quarter + 2;
        }
        if (key > p[quarter + 2]) {
            i = quarter + 3;
        }
        return i;
    }

    long upperBound() {
        return pivots[slots.length - 1];
    }

    /** The lower bound of slot {@code i} in a node whose own lower bound is {@code floor}. */
    long lowerBound(int i, long floor) {
        return i == 0 ? floor : pivots[i - 1] + 1;
    }

    /** The value at {@code key} in the lookup view of the tree below {@code root}. Wait-free, writes nothing. */
    static @Nullable Object lookup(Node root, long key) {
        Node n = leaf(root, key);
        Object content = n.slots[n.find(key)];
        return n.reserved && content instanceof Reservation ? null : content;
    }

    /** The value at {@code key}, or else the one next above it; null if there is none. Writes nothing. */
    static @Nullable Object atOrAfter(Node root, long key) {
        return root.atOrAfter(key);
    }

    private @Nullable Object atOrAfter(long key) {
        // From the second child on the key lies below all of a child, so its first slot is found.
        for (int i = find(key); i < slots.length; i++) {
            Object content = slots[i];
            if (content instanceof Node child) {
                content = child.atOrAfter(key);
            }
            if (content != null && !(content instanceof Reservation)) {
                return content;
            }
        }
        return null;
    }

    /** The value at {@code key}, or else the one next below it; null if there is none. Writes nothing. */
    static @Nullable Object atOrBefore(Node root, long key) {
        return root.atOrBefore(key);
    }

    private @Nullable Object atOrBefore(long key) {
        for (int i = find(Math.min(key, upperBound())); i >= 0; i--) {
            Object content = slots[i];
            if (content instanceof Node child) {
                content = child.atOrBefore(key);
            }
            if (content != null && !(content instanceof Reservation)) {
                return content;
            }
        }
        return null;
    }

    /** What the slot of {@code key} holds: null, a value or a reservation. */
    static @Nullable Object contentAt(Node root, long key) {
        Node n = leaf(root, key);
        return n.slots[n.find(key)];
    }

    /** The upper bound of the leaf slot of {@code key}. */
    static long slotEnd(Node root, long key) {
        Node n = leaf(root, key);
        return n.pivots[n.find(key)];
    }

    /** The lower bound of the leaf slot of {@code key}. */
    static long slotStart(Node root, long key) {
        long floor = Keys.MIN;
        for (Node n = root; ; ) {
            int i = n.find(key);
            floor = n.lowerBound(i, floor);
            if (n.level == 0) {
                return floor;
            }
            n = n.child(i);
        }
    }

    /** The reservation at {@code key} in the tree below {@code root}, if there is one. */
    static @Nullable RangeEntry<Object> reservationAt(Node root, long key) {
        if (contentAt(root, key) instanceof Reservation r) {
            return new RangeEntry<>(Keys.flip(slotStart(root, key)), Keys.flip(slotEnd(root, key)), r.owner());
        }
        return null;
    }

    /** The lowest reservation that overlaps the range, but for those of one owner. */
    static @Nullable RangeEntry<Object> reservationIn(Node root, long lo, long hi, @Nullable Object except) {
        return root.reserved ? root.reservationIn(Keys.MIN, lo, hi, except) : null;
    }

    private @Nullable RangeEntry<Object> reservationIn(long floor, long lo, long hi, @Nullable Object except) {
        int end = find(Math.min(hi, upperBound()));
        for (int i = find(Math.max(lo, floor)); i <= end; i++) {
            Object content = slots[i];
            if (content instanceof Node child) {
                RangeEntry<Object> found =
                        child.reserved ? child.reservationIn(lowerBound(i, floor), lo, hi, except) : null;
                if (found != null) {
                    return found;
                }
            } else if (content instanceof Reservation r && r.owner() != except) {
                return new RangeEntry<>(Keys.flip(lowerBound(i, floor)), Keys.flip(pivots[i]), r.owner());
            }
        }
        return null;
    }

    /** Whether one of the slots {@code from} to {@code to}, inclusive, of this leaf is a reservation. */
    boolean hasReservation(int from, int to) {
        for (int i = from; i <= to; i++) {
            if (slots[i] instanceof Reservation) {
                return true;
            }
        }
        return false;
    }

    static Node leaf(Node root, long key) {
        Node n = root;
        while (n.level != 0) {
            n = n.child(n.find(key));
        }
        return n;
    }

    /** Whether the range is free in the allocation view. One slot decides, because neighbouring free ranges are one. */
    static boolean isFree(Node root, long lo, long hi) {
        Node n = leaf(root, lo);
        int i = n.find(lo);
        return n.slots[i] == null && hi <= n.pivots[i];
    }

    /** Whether there is a value in this node or below. */
    boolean hasValue() {
        for (Object content : slots) {
            if (content instanceof Node n ? n.hasValue() : content != null && !(content instanceof Reservation)) {
                return true;
            }
        }
        return false;
    }

    /** The same node with another child, of the same bounds, in slot {@code i}. */
    Node withChild(int i, Node child, long gap) {
        @Nullable Object[] s = slots.clone();
        s[i] = child;
        long[] g = gaps;
        if (g[i] != gap) {
            g = g.clone();
            g[i] = gap;
        }
        // If a reservation is here, but was not below the child that goes, another child has it.
        boolean r = child.reserved || (reserved && (!child(i).reserved || anyReserved(s)));
        return new Node(level, r, pivots, s, g);
    }

    /** Another node of the same arrays. */
    Node copy() {
        return new Node(level, reserved, pivots, slots, gaps);
    }

    /** The largest free range in this node or below, given the lower bound of this node. */
    long largestGap(long floor) {
        long largest = 0;
        for (int i = 0; i < slots.length; i++) {
            long gap = level != 0 ? gaps[i] : slots[i] != null ? 0 : length(lowerBound(i, floor), pivots[i]);
            if (Long.compareUnsigned(gap, largest) > 0) {
                largest = gap;
            }
        }
        return largest;
    }

    /** What the largest free range below this inner node will be when that of slot {@code i} is {@code gap}. */
    long largestGapWith(int i, long gap) {
        long largest = gap;
        for (int k = 0; k < gaps.length; k++) {
            if (k != i && Long.compareUnsigned(gaps[k], largest) > 0) {
                largest = gaps[k];
            }
        }
        return largest;
    }

    /** The number of indexes in a range, 2^64 given as 2^64-1. */
    static long length(long lo, long hi) {
        long distance = hi - lo;
        return distance == -1L ? distance : distance + 1;
    }

    /** Whether one of these slots, of a leaf or an inner node, is or contains a reservation. */
    static boolean anyReserved(@Nullable Object[] slots) {
        for (Object content : slots) {
            if (content instanceof Node n ? n.reserved : content instanceof Reservation) {
                return true;
            }
        }
        return false;
    }
}
