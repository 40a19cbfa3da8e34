// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import dev.samara.maple.Node.Era;
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
        IndexRange.requireRange(first, last);
        Objects.requireNonNull(value, "value");
        makeRoom();
        long lo = Node.flip(first);
        long free = Node.MIN;
        if (count > 0) {
            long before = pivots[count - 1];
            if (lo <= before) {
                throw new IllegalArgumentException("first " + IndexRange.text(first) + " must be above "
                        + IndexRange.text(Node.flip(before)) + ", the last so far");
            }
            free = before + 1;
        }
        if (lo > free) {
            append(lo - 1, null);
        }
        append(Node.flip(last), value);
        return this;
    }

    /**
     * Builds a tree with its own lock from the entries added so far.
     *
     * @return a new tree
     */
    public MapleTree<V> build() {
        return build(new MapleTree.WriterLock());
    }

    /**
     * Builds a tree from the entries added so far, whose edits acquire the given lock.
     *
     * @param writerLock the lock, as for {@link MapleTree#MapleTree(ReentrantLock)}
     * @return a new tree
     */
    public MapleTree<V> build(ReentrantLock writerLock) {
        Node root = root();
        return new MapleTree<>(Objects.requireNonNull(writerLock, "writerLock"), root, root.era);
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
        if (n == 0 || pivots[n - 1] != Node.MAX) {
            // This item is not counted, so the next addition overwrites it.
            pivots[n] = Node.MAX;
            slots[n] = null;
            n++;
        }
        int nodes = nodes(n);
        int top = 1;
        for (int k = nodes(nodes); k > 1; k = nodes(k)) {
            top++;
        }
        Node.Items items = new Node.Items(nodes);
        items.buildLeaves(pivots, slots, n, nodes, Node.MIN, top, 0);
        for (int level = 1; level <= top; level++) {
            items.buildNodes(level, nodes(items.count), era, 0);
        }
        return (Node) items.first();
    }

    /** Returns how many nodes a number of items needs. */
    private static int nodes(int items) {
        return items <= Node.FANOUT ? 1 : (items + FILL - 1) / FILL;
    }
}
