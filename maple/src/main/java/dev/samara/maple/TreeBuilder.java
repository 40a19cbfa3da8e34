// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Builds a tree from sorted entries, several times faster than single stores.
 *
 * <pre>{@code
 * MapleTree<String> tree = new TreeBuilder<String>()
 *         .add(0x1000, 0x4fff, "heap")
 *         .add(0x8000, 0x8fff, "guard")
 *         .build();
 * }</pre>
 *
 * <p>Not thread-safe. Entries can be added after a build; the next tree contains all entries added so far.
 *
 * @param <V> the type of values
 */
public final class TreeBuilder<V> {

    /** The number of slots that a new node uses; the rest is left for later edits. */
    private static final int FILL = 13;

    private static final int FIRST_CAPACITY = 64;

    private long[] pivots;
    private @Nullable Object[] slots;
    private int count;

    /** Creates a builder without entries. */
    public TreeBuilder() {
        this(FIRST_CAPACITY / 2);
    }

    /**
     * Creates a builder without entries, with an initial capacity.
     *
     * @param entries the expected number of entries, not negative; only a hint
     * @throws IllegalArgumentException if {@code entries} is negative
     */
    public TreeBuilder(int entries) {
        if (entries < 0) {
            throw new IllegalArgumentException("entries " + entries + " is negative");
        }
        // A free range may precede each entry, and one may follow the last.
        int items = Math.max(FIRST_CAPACITY, (int) Math.min(2L * entries + 2, Integer.MAX_VALUE - 8));
        pivots = new long[items];
        slots = new @Nullable Object[items];
    }

    /**
     * Adds an entry above all entries added so far.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param value any object
     * @return this
     * @throws IllegalArgumentException if {@code first} is above {@code last}, or not above the previous entry
     * @throws NullPointerException if {@code value} is null
     */
    public TreeBuilder<V> add(long first, long last, V value) {
        Keys.requireRange(first, last);
        Objects.requireNonNull(value, "value");
        makeRoom();
        long lo = Keys.flip(first);
        long free = Keys.MIN;
        if (count > 0) {
            long before = pivots[count - 1];
            if (lo <= before) {
                throw new IllegalArgumentException("first " + Keys.text(first) + " must be above "
                        + Keys.text(Keys.flip(before)) + ", the last so far");
            }
            free = before + 1;
        }
        if (lo > free) {
            append(lo - 1, null);
        }
        append(Keys.flip(last), value);
        return this;
    }

    /**
     * Builds a tree with its own lock from the entries added so far.
     *
     * @return a new tree
     */
    public MapleTree<V> build() {
        return new MapleTree<>(new WriterLock(), root());
    }

    /**
     * Builds a tree from the entries added so far, whose edits acquire the given lock.
     *
     * @param writerLock the lock, as for {@link MapleTree#MapleTree(ReentrantLock)}
     * @return a new tree
     */
    public MapleTree<V> build(ReentrantLock writerLock) {
        return new MapleTree<>(Objects.requireNonNull(writerLock, "writerLock"), root());
    }

    /** Ensures capacity for two more items. Only this step of an addition can throw OutOfMemoryError. */
    private void makeRoom() {
        if (count + 2 > pivots.length) {
            long[] morePivots = Arrays.copyOf(pivots, count * 2);
            slots = Arrays.copyOf(slots, count * 2);
            pivots = morePivots;
        }
    }

    private void append(long pivot, @Nullable Object content) {
        pivots[count] = pivot;
        slots[count] = content;
        count++;
    }

    Node root() {
        Era era = new Era(false);
        makeRoom();
        int n = count;
        if (n == 0 || pivots[n - 1] != Keys.MAX) {
            // This item is not counted, so the next addition overwrites it.
            pivots[n] = Keys.MAX;
            slots[n] = null;
            n++;
        }
        int nodes = nodes(n);
        int top = 1;
        for (int k = nodes(nodes); k > 1; k = nodes(k)) {
            top++;
        }
        Items items = new Items(nodes);
        items.leaves(pivots, slots, n, top);
        for (int level = 1; level <= top; level++) {
            items.nodes(level, nodes, era);
            nodes = nodes(nodes);
        }
        return (Node) Objects.requireNonNull(items.slots[0]);
    }

    /** Returns how many nodes a number of items needs. */
    private static int nodes(int items) {
        return items <= Node.FANOUT ? 1 : (items + FILL - 1) / FILL;
    }

    /** The leaves, or the nodes of one level; they are the items of the next level. */
    private static final class Items {
        private final long[] pivots;
        private final @Nullable Object[] slots;
        private final long[] gaps;
        private final int[] notes;

        Items(int most) {
            pivots = new long[most];
            slots = new @Nullable Object[most];
            gaps = new long[most];
            notes = new int[most];
        }

        void leaves(long[] fromPivots, @Nullable Object[] fromSlots, int n, int top) {
            int leaves = TreeBuilder.nodes(n);
            long floor = Keys.MIN;
            int from = 0;
            for (int b = 0; b < leaves; b++) {
                int to = (int) ((long) n * (b + 1) / leaves);
                long[] p = LeafPivots.of(fromPivots, from, to, floor, top);
                @Nullable Object[] leaf = LeafNode.of(p, fromSlots, from, to);
                set(b, fromPivots[to - 1], leaf, LeafNode.largestGap(leaf, floor), LeafPivots.notes(p, false));
                floor = pivots[b] + 1;
                from = to;
            }
        }

        /**
         * Replaces n items by their nodes, in the same arrays. This is safe because a node's position is below the
         * positions of all unread items.
         */
        void nodes(int level, int n, Era era) {
            int nodes = TreeBuilder.nodes(n);
            int from = 0;
            for (int b = 0; b < nodes; b++) {
                int to = (int) ((long) n * (b + 1) / nodes);
                Node node = Node.inner(level, pivots, slots, gaps, notes, from, to, era);
                set(b, pivots[to - 1], node, node.largestGap(), node.notes());
                from = to;
            }
        }

        private void set(int b, long pivot, Object child, long gap, int childNotes) {
            pivots[b] = pivot;
            slots[b] = child;
            gaps[b] = gap;
            notes[b] = childNotes;
        }
    }
}
