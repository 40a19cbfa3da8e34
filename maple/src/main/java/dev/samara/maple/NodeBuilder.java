// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Collects the items of one level for {@link LevelRebuild}, and builds nodes or leaves from them. An item is a slot
 * with its pivot, and at inner levels also with the child's gap and {@linkplain Node#notes(int) notes}. The nodes or
 * leaves built are then items of the level above.
 */
final class NodeBuilder {

    /**
     * Two full nodes minus one slot each, plus three items: the new slot, and what is left of the replaced slots before
     * and after it. An underfull node plus a whole neighbour always contain fewer items, and so do an overflowing node
     * at the end of a tree, i.e. 18 items, plus a neighbour that is not full.
     */
    private static final int CAPACITY = 2 * Node.FANOUT + 1;

    private static final int MAX_BUILT = 3;

    /* The items; gaps and notes are used only at inner levels. */
    private final long[] pivots = new long[CAPACITY];
    private final @Nullable Object[] slots = new @Nullable Object[CAPACITY];
    private final long[] gaps = new long[CAPACITY];
    private final int[] notes = new int[CAPACITY];
    private int count;

    private final long[] builtPivots = new long[MAX_BUILT];
    private final @Nullable Object[] built = new @Nullable Object[MAX_BUILT];
    private final long[] builtGaps = new long[MAX_BUILT];
    private final int[] builtNotes = new int[MAX_BUILT];
    private int builtCount;

    NodeBuilder() {}

    int count() {
        return count;
    }

    void clear() {
        count = 0;
    }

    /** Adds a slot of a leaf. */
    void add(long pivot, @Nullable Object content) {
        pivots[count] = pivot;
        slots[count] = content;
        count++;
    }

    /** Adds the slots {@code [from, to)} of a leaf. */
    void add(@Nullable Object[] leaf, int from, int to) {
        for (int i = from; i < to; i++) {
            add(LeafNode.pivot(leaf, i), LeafNode.content(leaf, i));
        }
    }

    /** Adds the slots {@code [from, to)} of a node. */
    void add(Node n, int from, int to) {
        int length = to - from;
        for (int i = 0; i < length; i++) {
            pivots[count + i] = n.pivot(from + i);
            notes[count + i] = n.notes(from + i);
        }
        System.arraycopy(n.level == 1 ? n.leaves : n.nodes, from, slots, count, length);
        System.arraycopy(n.gaps, from, gaps, count, length);
        count += length;
    }

    /** Adds the slots of a child of this node before all items. */
    void addBefore(Node parent, int i) {
        int total = moveUp(parent.childSize(i));
        addAfter(parent, i);
        count = total;
    }

    /** Adds the slots of a child of this node after all items. */
    void addAfter(Node parent, int i) {
        int size = parent.childSize(i);
        if (parent.level == 1) {
            add(parent.leaf(i), 0, size);
        } else {
            add(parent.child(i), 0, size);
        }
    }

    /** Makes room for {@code size} items in front, which the caller must add next. Returns the total count. */
    private int moveUp(int size) {
        System.arraycopy(pivots, 0, pivots, size, count);
        System.arraycopy(slots, 0, slots, size, count);
        System.arraycopy(gaps, 0, gaps, size, count);
        System.arraycopy(notes, 0, notes, size, count);
        int total = count + size;
        count = 0;
        return total;
    }

    /**
     * Builds the minimum number of nodes or leaves for the items, and divides the items among them.
     *
     * @param level the level of the nodes; 0 for leaves
     * @param lowerBound the lower bound of the first leaf; not used for nodes
     * @param top the level of the root
     * @param growsAt 0 to divide the items evenly; 1 to fill the lower nodes, because the tree grows at its upper end;
     *     -1 to fill the upper nodes
     */
    void build(int level, long lowerBound, int top, Era era, int growsAt) {
        int n = (count + Node.FANOUT - 1) / Node.FANOUT;
        long floor = lowerBound;
        int from = 0;
        for (int b = 0; b < n; b++) {
            int to = b + 1 == n ? count : end(b + 1, n, growsAt);
            if (level == 0) {
                buildLeaf(b, from, to, floor, top);
            } else {
                Node node = Node.inner(level, pivots, slots, gaps, notes, from, to, era);
                built[b] = node;
                builtGaps[b] = node.largestGap();
                builtNotes[b] = node.notes();
            }
            builtPivots[b] = pivots[to - 1];
            floor = builtPivots[b] + 1;
            from = to;
        }
        builtCount = n;
    }

    /** Returns how many items are in the first {@code b} of {@code n} nodes, which are not all of them. */
    private int end(int b, int n, int growsAt) {
        if (growsAt == 0) {
            return count * b / n;
        }
        int full = growsAt > 0 ? b : n - b;
        int items = Math.min(full * Node.FANOUT, count - (n - full) * Node.MIN_FILL);
        return growsAt > 0 ? items : count - items;
    }

    private void buildLeaf(int b, int from, int to, long floor, int top) {
        long[] p = LeafPivots.of(pivots, from, to, floor, top);
        @Nullable Object[] leaf = LeafNode.of(p, slots, from, to);
        built[b] = leaf;
        builtGaps[b] = LeafNode.largestGap(leaf, floor);
        builtNotes[b] = LeafPivots.notes(p, LeafNode.hasReservation(leaf));
    }

    void addBuilt() {
        for (int b = 0; b < builtCount; b++) {
            gaps[count] = builtGaps[b];
            notes[count] = builtNotes[b];
            add(builtPivots[b], built[b]);
        }
    }

    int builtCount() {
        return builtCount;
    }

    /** Returns the first node or leaf built. */
    Object built() {
        return Objects.requireNonNull(built[0]);
    }

    /** Returns the notes of the first node or leaf built. */
    int builtNotes() {
        return builtNotes[0];
    }

    /** Returns the largest gap of the first node or leaf built. */
    long builtGap() {
        return builtGaps[0];
    }

    /** Drops references to nodes and values, so that this object does not keep erased nodes and values reachable. */
    void forget() {
        Arrays.fill(built, null);
        Arrays.fill(slots, null);
    }
}
