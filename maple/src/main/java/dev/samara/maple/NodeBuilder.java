// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The slots of the nodes that {@link Splice} is about to build at one level, with their pivots and gaps. It also has
 * the nodes built from these slots: the items of the level above.
 */
final class NodeBuilder {

    /** Two nodes less one slot each, and three pieces. A node with too few items and an added neighbour have fewer. */
    private static final int CAPACITY = 2 * Node.FANOUT + 1;

    private static final int MAX_BUILT = 3;

    /* The items; gaps for inner levels only. */
    private final long[] pivots = new long[CAPACITY];
    private final @Nullable Object[] slots = new @Nullable Object[CAPACITY];
    private final long[] gaps = new long[CAPACITY];
    private int count;

    private final long[] builtPivots = new long[MAX_BUILT];
    private final Node[] built = new Node[MAX_BUILT];
    private final long[] builtGaps = new long[MAX_BUILT];
    private int builtCount;

    NodeBuilder() {}

    int count() {
        return count;
    }

    void clear() {
        count = 0;
    }

    void add(long pivot, @Nullable Object content, long gap) {
        pivots[count] = pivot;
        slots[count] = content;
        gaps[count] = gap;
        count++;
    }

    /** Adds the slots {@code from} to {@code to}, exclusive, of a node. */
    void add(Node n, int from, int to) {
        int length = to - from;
        for (int i = 0; i < length; i++) {
            pivots[count + i] = n.pivot(from + i);
        }
        System.arraycopy(n.slots, from, slots, count, length);
        if (n.level != 0) {
            System.arraycopy(n.gaps, from, gaps, count, length);
        }
        count += length;
    }

    /** Adds the slots of a node before all items. */
    void addBefore(Node n) {
        int size = n.size();
        System.arraycopy(pivots, 0, pivots, size, count);
        System.arraycopy(slots, 0, slots, size, count);
        System.arraycopy(gaps, 0, gaps, size, count);
        int total = count + size;
        count = 0;
        add(n, 0, size);
        count = total;
    }

    /** Builds as few nodes as have room for the items, of even size. The lower bound counts for leaves only. */
    void build(int level, long lowerBound, Era era) {
        int n = (count + Node.FANOUT - 1) / Node.FANOUT;
        long floor = lowerBound;
        int from = 0;
        for (int b = 0; b < n; b++) {
            int to = count * (b + 1) / n;
            long[] p = Arrays.copyOfRange(pivots, from, from + Node.FANOUT);
            Arrays.fill(p, to - from, Node.FANOUT, Keys.MAX);
            @Nullable Object[] s = Arrays.copyOfRange(slots, from, to);
            Node node = level == 0
                    ? Node.leaf(p, s, era)
                    : Node.inner(level, p, s, Arrays.copyOfRange(gaps, from, to), era);
            built[b] = node;
            builtPivots[b] = pivots[to - 1];
            builtGaps[b] = node.largestGap(floor);
            floor = builtPivots[b] + 1;
            from = to;
        }
        builtCount = n;
    }

    void addBuilt() {
        for (int b = 0; b < builtCount; b++) {
            add(builtPivots[b], built[b], builtGaps[b]);
        }
    }

    int builtCount() {
        return builtCount;
    }

    /** Returns the first node built. */
    Node built() {
        return built[0];
    }

    /** Returns the largest gap of the first node built. */
    long builtGap() {
        return builtGaps[0];
    }

    /** Drops references to nodes and values: erased ones must not stay reachable from here. */
    void forget() {
        Arrays.fill(built, Node.EMPTY);
        Arrays.fill(slots, null);
    }
}
