// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import dev.samara.maple.LeafNode.Reservation;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Checks and dumps the nodes of a tree. It is meant to be obviously correct and independent of the code that it checks,
 * so it recomputes everything that nodes record about the levels below them.
 */
final class TreeCheck {

    /** Whether the previous slot was free. */
    private boolean afterFree;

    private TreeCheck() {}

    static void validate(Node root) {
        new TreeCheck().check(root, root, Node.MIN, Node.MAX);
    }

    /** Checks a node with these bounds, and returns its largest gap. */
    private long check(Node n, Node root, long lo, long hi) {
        int size = n.childPivots.length;
        require(n.level > 0, "not an inner level", n, lo, hi);
        require(size <= 16, "more than 16 slots", n, lo, hi);
        require(size >= (n != root ? 6 : n.level == 1 ? 1 : 2), "too few slots", n, lo, hi);
        require(n.halves.length == 16, "not 16 halves", n, lo, hi);
        require(n.gaps.length == size, "wrong number of gaps", n, lo, hi);
        require(n.nodes.length == (n.level == 1 ? 0 : size), "wrong number of nodes", n, lo, hi);
        require(n.leaves.length == (n.level == 1 ? size : 0), "wrong number of leaves", n, lo, hi);
        require(n.pivot(size - 1) == hi, "last pivot is not the upper bound", n, lo, hi);
        require(n.even >>> size == 0, "an even bit beyond the last pivot", n, lo, hi);
        for (int i = size; i < 16; i++) {
            require(n.halves[i] == Long.MAX_VALUE, "halves not padded", n, lo, hi);
        }
        long largest = 0;
        int reserved = 0;
        int even = 0;
        long forms = -1;
        long start = lo;
        for (int i = 0; i < size; i++) {
            long end = n.pivot(i);
            require(n.halves[i] >= 0, "a negative half", n, lo, hi);
            require(start <= end, "pivots do not rise", n, lo, hi);
            long gap;
            if (n.level == 1) {
                @Nullable Object[] leaf = n.leaf(i);
                require(n.childPivots[i] == leaf[0], "not the pivots of the leaf", n, lo, hi);
                gap = checkLeaf(n, leaf, root, start, end);
                reserved |= hasReservation(leaf) ? 1 << i : 0;
                even |= n.childPivots[i].length == 17 && (int) n.childPivots[i][16] != 0 ? 1 << i : 0;
                forms &= n.childPivots[i].length == 17 ? -1 : ~((15L - (int) n.childPivots[i][5] / 4) << (4 * i));
            } else {
                Node child = n.child(i);
                require(child.level == n.level - 1, "child of a wrong level", n, lo, hi);
                require(n.childPivots[i] == child.halves, "not the halves of the child", n, lo, hi);
                gap = check(child, root, start, end);
                reserved |= child.reservedIn != 0 ? 1 << i : 0;
                even |= child.even != 0 || child.evenIn != 0 ? 1 << i : 0;
            }
            require(n.gaps[i] == gap, "gap is not that of the child", n, lo, hi);
            if (Long.compareUnsigned(gap, largest) > 0) {
                largest = gap;
            }
            start = end + 1;
        }
        require(n.reservedIn == reserved, "wrong note of reservations", n, lo, hi);
        require(n.evenIn == even, "wrong note of even pivots", n, lo, hi);
        require(n.anyEven == (n.even != 0 || even != 0), "wrong note of any even pivot", n, lo, hi);
        require(n.forms == forms, "wrong note of forms", n, lo, hi);
        return largest;
    }

    /** Checks a leaf with these bounds, and returns its largest gap. */
    private long checkLeaf(Node parent, @Nullable Object[] leaf, Node root, long lo, long hi) {
        int size = leaf.length - 1;
        boolean isOnly = root.level == 1 && root.leaves.length == 1;
        require(size <= 16, "more than 16 slots in a leaf", parent, lo, hi);
        require(size >= (isOnly ? 1 : 6), "too few slots in a leaf", parent, lo, hi);
        List<Long> pivots = pivots(parent, leaf, lo, hi);
        require(pivots.get(size - 1) == hi, "last pivot of a leaf is not its upper bound", parent, lo, hi);
        checkMoving(parent, leaf, lo, hi);
        long largest = 0;
        long start = lo;
        for (int i = 0; i < size; i++) {
            long end = pivots.get(i);
            require(end == LeafNode.pivot(leaf, i), "a different pivot of a leaf is reported", parent, lo, hi);
            require(start <= end, "pivots of a leaf do not rise", parent, lo, hi);
            Object content = leaf[i + 1];
            require(!(content instanceof Node), "node in a leaf", parent, lo, hi);
            boolean free = content == null;
            require(!(free && afterFree), "two free slots side by side", parent, lo, hi);
            afterFree = free;
            if (free) {
                long gap = end - start == -1L ? -1L : end - start + 1;
                largest = Long.compareUnsigned(gap, largest) > 0 ? gap : largest;
            }
            start = end + 1;
        }
        return largest;
    }

    /** Checks which boundary of a leaf with these bounds moves. */
    private static void checkMoving(Node parent, @Nullable Object[] leaf, long lo, long hi) {
        long[] words = LeafNode.pivots(leaf);
        long movable = words[words.length - 1] >>> 32;
        int size = leaf.length - 1;
        require(movable == 0 || (movable >= 2 && movable <= size), "no boundary that moves", parent, lo, hi);
        require(movable != 2 || leaf[1] != null, "the boundary of a free range at the start moves", parent, lo, hi);
        require(movable != size || leaf[size] != null, "the boundary of a free range at the end moves", parent, lo, hi);
        require(movable == 0 || words.length != 17 || (int) words[16] == 0, "moves among even pivots", parent, lo, hi);
    }

    /** Returns the pivots of a leaf with these bounds, as keys, and checks how they are stored. */
    private static List<Long> pivots(Node parent, @Nullable Object[] leaf, long lo, long hi) {
        long[] words = LeafNode.pivots(leaf);
        List<Long> pivots = new ArrayList<>();
        if (words.length == 17) {
            for (int i = 0; i < 16; i++) {
                boolean isEven = (words[16] >> i & 1) != 0;
                pivots.add((words[i] * 2 + (isEven ? 0 : 1)) ^ Long.MIN_VALUE);
                require(words[i] >= 0, "a negative half in a leaf", parent, lo, hi);
                require(
                        i < leaf.length - 1 || (words[i] == Long.MAX_VALUE && !isEven),
                        "halves of a leaf not padded",
                        parent,
                        lo,
                        hi);
            }
            require((int) words[16] >>> 16 == 0, "an even bit beyond the last pivot of a leaf", parent, lo, hi);
            return pivots;
        }
        require(words.length == 6, "neither lanes nor halves", parent, lo, hi);
        int shift = (int) words[5];
        require(words[4] == hi, "lanes do not end at the upper bound", parent, lo, hi);
        require(shift >= 0 && shift % 4 == 0 && shift <= 60, "no power of 16", parent, lo, hi);
        require((hi - lo) >>> shift < 1 << 15, "a leaf too wide for its lanes", parent, lo, hi);
        require(shift == 0 || (hi - lo) >>> (shift - 4) >= 1 << 15, "lanes with too large a granule", parent, lo, hi);
        for (int i = 0; i < 16; i++) {
            long lane = words[i / 4] >>> (i % 4 * 16) & 0xffff;
            require(lane < 1 << 15, "a lane of more than 15 bits", parent, lo, hi);
            require(i < leaf.length - 1 || lane == 0, "lanes not padded", parent, lo, hi);
            pivots.add(hi - (lane << shift));
        }
        return pivots;
    }

    private static boolean hasReservation(@Nullable Object[] leaf) {
        return Arrays.stream(leaf).anyMatch(Reservation.class::isInstance);
    }

    private static void require(boolean condition, String message, Node n, long lo, long hi) {
        if (!condition) {
            // Formatted without dump(), which expects consistent arrays.
            throw new AssertionError(message + ", in a node of level " + n.level + " or its leaf for "
                    + IndexRange.text(Node.flip(lo), Node.flip(hi)) + ": halves " + Arrays.toString(n.halves)
                    + ", even "
                    + Integer.toBinaryString(n.even) + ", slots " + Arrays.toString(n.nodes)
                    + Arrays.deepToString(n.leaves) + ", gaps "
                    + Arrays.toString(n.gaps));
        }
    }

    static String dump(Node root) {
        StringBuilder text = new StringBuilder();
        append(text, root, Node.MIN, "");
        return text.toString();
    }

    private static void append(StringBuilder text, Node n, long lo, String indent) {
        long start = lo;
        for (int i = 0; i < n.size(); i++) {
            long end = n.pivot(i);
            text.append(indent).append(IndexRange.text(Node.flip(start), Node.flip(end)));
            text.append(" gap ").append(IndexRange.text(n.gaps[i])).append('\n');
            if (n.level == 1) {
                append(text, n.leaf(i), start, indent + "  ");
            } else {
                append(text, n.child(i), start, indent + "  ");
            }
            start = end + 1;
        }
    }

    private static void append(StringBuilder text, @Nullable Object[] leaf, long lo, String indent) {
        long start = lo;
        for (int i = 0; i < LeafNode.size(leaf); i++) {
            long end = LeafNode.pivot(leaf, i);
            text.append(indent).append(IndexRange.text(Node.flip(start), Node.flip(end)));
            @Nullable Object content = LeafNode.content(leaf, i);
            if (content instanceof Reservation r) {
                text.append(" reserved by ").append(r.owner()).append('\n');
            } else {
                text.append(content == null ? " free" : " " + content).append('\n');
            }
            start = end + 1;
        }
    }
}
