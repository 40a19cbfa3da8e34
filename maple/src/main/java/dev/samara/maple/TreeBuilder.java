// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Makes a tree of entries that are known beforehand and in order, several times faster than storing them one by one.
 *
 * <pre>{@code
 * MapleTree<String> tree = new TreeBuilder<String>()
 *         .add(0x1000, 0x4fff, "heap")
 *         .add(0x8000, 0x8fff, "guard")
 *         .build();
 * }</pre>
 *
 * <p>For one thread at a time. A builder may go on after a build; the next tree has all entries so far.
 *
 * @param <V> the type of values
 */
public final class TreeBuilder<V> {

    /** Slots of a node as it is built; the rest is room for edits. */
    private static final int FILL = 13;

    private static final int FIRST_CAPACITY = 64;

    private long[] pivots = new long[FIRST_CAPACITY];
    private @Nullable Object[] slots = new @Nullable Object[FIRST_CAPACITY];
    private int count;

    /** A builder with no entries. */
    public TreeBuilder() {}

    /**
     * Adds an entry above all entries so far.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param value any object
     * @return this
     * @throws IllegalArgumentException if {@code first} is above {@code last}, or not above the entry before
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
                throw new IllegalArgumentException("first " + Keys.hex(first) + " must be above "
                        + Keys.hex(Keys.flip(before)) + ", the last so far");
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
     * A tree of the entries so far, with a lock of its own.
     *
     * @return a new tree
     */
    public MapleTree<V> build() {
        return new MapleTree<>(new WriterLock(), root());
    }

    /**
     * A tree of the entries so far, whose changes take the caller's lock.
     *
     * @param writerLock the lock, as {@link MapleTree#MapleTree(ReentrantLock)} takes it
     * @return a new tree
     */
    public MapleTree<V> build(ReentrantLock writerLock) {
        return new MapleTree<>(Objects.requireNonNull(writerLock, "writerLock"), root());
    }

    /** For two items. All that may fail for want of memory. */
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
        int n = count;
        long[] p = Arrays.copyOf(pivots, n + 1);
        @Nullable Object[] s = Arrays.copyOf(slots, n + 1);
        if (n == 0 || p[n - 1] != Keys.MAX) {
            p[n] = Keys.MAX;
            n++;
        }
        long[] gaps = new long[n];
        int level = 0;
        do {
            n = nodes(level, p, s, gaps, n, era);
            level++;
        } while (n > 1);
        return (Node) Objects.requireNonNull(s[0]);
    }

    /** Makes nodes of the first {@code n} items, in whose place it puts them; returns how many they are. */
    private static int nodes(int level, long[] pivots, @Nullable Object[] slots, long[] gaps, int n, Era era) {
        int nodes = n <= Node.FANOUT ? 1 : (n + FILL - 1) / FILL;
        long floor = Keys.MIN;
        int from = 0;
        for (int b = 0; b < nodes; b++) {
            int to = (int) ((long) n * (b + 1) / nodes);
            long[] p = Arrays.copyOfRange(pivots, from, from + Node.FANOUT);
            Arrays.fill(p, to - from, Node.FANOUT, Keys.MAX);
            @Nullable Object[] s = Arrays.copyOfRange(slots, from, to);
            Node node = level == 0
                    ? Node.leaf(p, s, era)
                    : Node.inner(level, p, s, Arrays.copyOfRange(gaps, from, to), era);
            pivots[b] = pivots[to - 1];
            slots[b] = node;
            gaps[b] = node.largestGap(floor);
            floor = pivots[b] + 1;
            from = to;
        }
        return nodes;
    }
}
