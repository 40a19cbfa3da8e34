// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Checks and dumps the nodes of a tree. It is written to be obviously right, and independently of the code that it
 * checks: it recomputes the notes of nodes about the levels below them.
 */
final class TreeCheck {

    /** Whether the previous slot was free. */
    private boolean afterFree;

    private TreeCheck() {}

    static void validate(Node root) {
        new TreeCheck().check(root, root, Keys.MIN, Keys.MAX);
    }

    /** Checks a node with these bounds, and returns its largest gap. */
    private long check(Node n, Node root, long lo, long hi) {
        int size = n.slots.length;
        require(size <= 16, "more than 16 slots", n, lo, hi);
        require(size >= (n != root ? 6 : n.level == 0 ? 1 : 2), "too few slots", n, lo, hi);
        require(n.halves.length == 16, "not 16 halves", n, lo, hi);
        require(n.gaps.length == (n.level == 0 ? 0 : size), "wrong number of gaps", n, lo, hi);
        require(n.childHalves.length == (n.level == 0 ? 0 : size), "wrong number of children's halves", n, lo, hi);
        require(n.pivot(size - 1) == hi, "last pivot is not the upper bound", n, lo, hi);
        require(n.even >>> size == 0, "an even bit beyond the last pivot", n, lo, hi);
        for (int i = size; i < 16; i++) {
            require(n.halves[i] == Long.MAX_VALUE, "halves not padded", n, lo, hi);
        }
        long largest = 0;
        boolean reserved = false;
        boolean anyEven = n.even != 0;
        long start = lo;
        for (int i = 0; i < size; i++) {
            long end = n.pivot(i);
            require(n.halves[i] >= 0, "a negative half", n, lo, hi);
            require(start <= end, "pivots do not rise", n, lo, hi);
            Object content = n.slots[i];
            long gap;
            if (n.level == 0) {
                require(!(content instanceof Node), "node in a leaf", n, lo, hi);
                boolean free = content == null;
                require(!(free && afterFree), "two free slots side by side", n, lo, hi);
                afterFree = free;
                gap = free ? end - start + 1 : 0;
                if (free && gap == 0) {
                    gap = -1L;
                }
                reserved |= content instanceof Reservation;
            } else {
                require(content instanceof Node, "no node in an inner slot", n, lo, hi);
                Node child = n.child(i);
                require(child.level == n.level - 1, "child of a wrong level", n, lo, hi);
                require(n.childHalves[i] == child.halves, "not the halves of the child", n, lo, hi);
                gap = check(child, root, start, end);
                require(n.gaps[i] == gap, "gap is not that of the child", n, lo, hi);
                reserved |= child.reserved;
                anyEven |= child.anyEven;
            }
            if (Long.compareUnsigned(gap, largest) > 0) {
                largest = gap;
            }
            start = end + 1;
        }
        require(n.reserved == reserved, "wrong note of reservations", n, lo, hi);
        require(n.anyEven == anyEven, "wrong note of even pivots", n, lo, hi);
        return largest;
    }

    private static void require(boolean condition, String message, Node n, long lo, long hi) {
        if (!condition) {
            // Not in the format of dump(): the arrays of a bad node need not fit each other.
            throw new AssertionError(message + ", in a node of level " + n.level + " for "
                    + Keys.range(Keys.flip(lo), Keys.flip(hi)) + ": halves " + Arrays.toString(n.halves) + ", even "
                    + Integer.toBinaryString(n.even) + ", slots "
                    + Arrays.toString(n.slots) + ", gaps " + Arrays.toString(n.gaps));
        }
    }

    static String dump(Node root) {
        StringBuilder text = new StringBuilder();
        append(text, root, Keys.MIN, "");
        return text.toString();
    }

    private static void append(StringBuilder text, Node n, long lo, String indent) {
        long start = lo;
        for (int i = 0; i < n.slots.length; i++) {
            long end = n.pivot(i);
            text.append(indent).append(Keys.range(Keys.flip(start), Keys.flip(end)));
            @Nullable Object content = n.slots[i];
            if (content instanceof Node child) {
                text.append(" gap ").append(Keys.hex(n.gaps[i])).append('\n');
                append(text, child, start, indent + "  ");
            } else if (content instanceof Reservation r) {
                text.append(" reserved by ").append(r.owner()).append('\n');
            } else {
                text.append(content == null ? " free" : " " + content).append('\n');
            }
            start = end + 1;
        }
    }
}
