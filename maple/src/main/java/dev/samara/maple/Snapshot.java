// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/**
 * The contents of a range map at one instant. Immutable and thread-safe.
 *
 * <p>Taking a snapshot allocates one small object, or two after an edit outside a transaction; dropping it costs
 * nothing. After a snapshot, edits copy nodes that they could otherwise change in place. A reachable snapshot keeps its
 * nodes and values reachable.
 *
 * @param <V> the type of values
 */
public final class Snapshot<V> implements RangeView<V>, Iterable<RangeEntry<V>> {

    /**
     * The root, a {@link Node}; or {@link PartRoots}, which are joined to a root when one is first needed.
     *
     * <p>Words: {@code contents}.
     * Written: constructor (plain, final).
     * Read: any thread (plain).
     * Invariant: the root of a tree at one instant, or the {@code PartRoots} of several trees at one instant.
     */
    private final Object contents;

    Snapshot(Node root) {
        contents = root;
    }

    private Snapshot(PartRoots parts) {
        contents = parts;
    }

    /**
     * Joins two snapshots, of one tree or of two, in time proportional to the height of the higher one. The result
     * shares most of its nodes with both. Entries and reservations that cross the border are cut there. Free ranges
     * that meet at the border are merged.
     *
     * @param lower provides the contents of the indexes below the border
     * @param border the lowest index of the upper part, unsigned
     * @param upper provides the contents of the indexes from the border on
     * @param <V> the type of values
     * @return a snapshot of both parts
     */
    public static <V> Snapshot<V> join(Snapshot<V> lower, long border, Snapshot<V> upper) {
        return new Snapshot<>(Draft.join(lower.root(), Node.flip(border), upper.root()));
    }

    /**
     * Joins snapshots of adjacent ranges lazily, with the same result as calling {@link #join} repeatedly. Until the
     * snapshots are joined, {@link #get} looks an index up in the snapshot of its range. The first call of any other
     * method joins them.
     *
     * @param parts snapshots, of one tree or of several, in ascending order of their ranges
     * @param borders the lowest index of each part, unsigned, ascending; the first one is ignored
     * @param <V> the type of values
     * @return a snapshot of all parts
     * @throws IllegalArgumentException if there are no parts, or not as many borders as parts
     */
    public static <V> Snapshot<V> joinLater(List<Snapshot<V>> parts, long[] borders) {
        int count = parts.size();
        if (count == 0 || borders.length != count) {
            throw new IllegalArgumentException(count + " parts, " + borders.length + " borders");
        }
        Node[] roots = new Node[count];
        for (int i = 0; i < count; i++) {
            roots[i] = parts.get(i).root();
        }
        return new Snapshot<>(new PartRoots(roots, borders.clone()));
    }

    /**
     * Returns the part of this snapshot in a range, in time proportional to the height. The result shares most of its
     * nodes with this snapshot. Everything outside the range is reserved, so a {@linkplain
     * MapleTree#MapleTree(ReentrantLock, Snapshot) tree created from it} rejects edits there, and its gap searches stay
     * in the range.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param owner the owner of the reservations outside the range
     * @return a snapshot of the range; entries and reservations that cross its ends are cut
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws NullPointerException if {@code owner} is null
     */
    public Snapshot<V> within(long first, long last, Object owner) {
        IndexRange.requireRange(first, last);
        Objects.requireNonNull(owner, "owner");
        return new Snapshot<>(Draft.within(root(), Node.flip(first), Node.flip(last), owner));
    }

    /** As {@link MapleTree#validate}. */
    void validate() {
        TreeCheck.validate(root());
    }

    Node root() {
        return contents instanceof Node root ? root : ((PartRoots) contents).joined();
    }

    /** Returns whether this is a snapshot of a single tree, with this root. */
    boolean isOf(Node root) {
        return contents == root;
    }

    @Override
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V get(long index) {
        return (V) Lookup.get(
                contents instanceof Node root ? root : ((PartRoots) contents).rootOf(Node.flip(index)), index);
    }

    @Override
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V atOrAfter(long index) {
        return (V) Lookup.atOrAfter(root(), Node.flip(index));
    }

    @Override
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V atOrBefore(long index) {
        return (V) Lookup.atOrBefore(root(), Node.flip(index));
    }

    @Override
    public boolean isEmpty() {
        return !Lookup.hasValue(root());
    }

    @Override
    public Cursor<V> cursor() {
        Node root = root();
        return new Cursor<>(() -> root);
    }

    @Override
    public @Nullable RangeEntry<V> entryAt(long index) {
        return Lookup.entryAt(root(), Node.flip(index));
    }

    @Override
    public @Nullable RangeEntry<V> firstEntry() {
        return Lookup.firstEntry(root(), Node.MIN, Node.MAX);
    }

    @Override
    public @Nullable RangeEntry<V> lastEntry() {
        Cursor<V> cursor = cursor();
        cursor.previous();
        return cursor.entry();
    }

    /** Returns this snapshot. */
    @Override
    public Snapshot<V> snapshot() {
        return this;
    }

    @Override
    public long count() {
        return Lookup.count(root());
    }

    @Override
    public List<RangeEntry<V>> entries() {
        return entries(0, -1L);
    }

    @Override
    public List<RangeEntry<V>> entries(long first, long last) {
        List<RangeEntry<V>> list = new ArrayList<>();
        forEach(first, last, (from, to, value) -> list.add(new RangeEntry<>(from, to, value)));
        return Collections.unmodifiableList(list);
    }

    @Override
    public List<RangeEntry<V>> entriesDescending(long first, long last) {
        List<RangeEntry<V>> list = new ArrayList<>();
        forEachDescending(first, last, (from, to, value) -> list.add(new RangeEntry<>(from, to, value)));
        return Collections.unmodifiableList(list);
    }

    @Override
    public List<IndexRange> gaps(long first, long last) {
        IndexRange.requireRange(first, last);
        List<IndexRange> gaps = new ArrayList<>();
        Lookup.<V>forEachPart(root(), first, last, (from, to, value) -> {
            if (value == null) {
                gaps.add(new IndexRange(from, to));
            }
        });
        return Collections.unmodifiableList(gaps);
    }

    @Override
    public void forEach(RangeConsumer<? super V> action) {
        forEach(0, -1L, action);
    }

    @Override
    public void forEach(long first, long last, RangeConsumer<? super V> action) {
        IndexRange.requireRange(first, last);
        Objects.requireNonNull(action, "action");
        Lookup.forEach(root(), Node.MIN, Node.flip(first), Node.flip(last), action);
    }

    @Override
    public void forEachDescending(long first, long last, RangeConsumer<? super V> action) {
        IndexRange.requireRange(first, last);
        Objects.requireNonNull(action, "action");
        Lookup.forEachDescending(root(), Node.MIN, Node.flip(first), Node.flip(last), action);
    }

    /**
     * Passes the ranges in which another snapshot has other values to an action, in ascending order. Each range is as
     * long as the pair of values stays the same. Values are compared with {@link Object#equals}; reservations are not
     * compared.
     *
     * <p>Nodes that both snapshots share are skipped, so the comparison of two snapshots of one tree takes time
     * proportional to the number of edits between them and to the height.
     *
     * @param other the snapshot to compare with, of any tree
     * @param action receives the ranges, with the value of this snapshot before the value of the other one
     */
    public void forEachDifference(Snapshot<V> other, DifferenceConsumer<? super V> action) {
        Objects.requireNonNull(action, "action");
        new Comparison<V>(action).run(root(), other.root());
    }

    /** Returns an iterator over the entries in ascending order; it does not support {@code remove}. */
    @Override
    public Iterator<RangeEntry<V>> iterator() {
        return Spliterators.iterator(spliterator());
    }

    /**
     * Returns a spliterator over the entries, in ascending order. It is {@code SORTED}, {@code DISTINCT} and {@code
     * IMMUTABLE}; its size is an estimate.
     */
    @Override
    public Spliterator<RangeEntry<V>> spliterator() {
        return new EntrySpliterator<>(root());
    }

    /**
     * Returns a stream of the entries in ascending order.
     *
     * @return a sequential stream
     */
    public Stream<RangeEntry<V>> stream() {
        return StreamSupport.stream(spliterator(), false);
    }

    /**
     * Returns whether the other object is a snapshot with the same entries, i.e. with equal bounds and {@linkplain
     * Object#equals equal} values. Reservations are not compared.
     */
    @Override
    public boolean equals(@Nullable Object other) {
        if (other == this) {
            return true;
        }
        if (!(other instanceof Snapshot<?> snapshot)) {
            return false;
        }
        if (snapshot.root() == root()) {
            return true;
        }
        Cursor<V> mine = cursor();
        Cursor<?> theirs = snapshot.cursor();
        for (V value = mine.next(); value != null; value = mine.next()) {
            Object same = theirs.next();
            if (same == null || mine.first() != theirs.first() || mine.last() != theirs.last() || !value.equals(same)) {
                return false;
            }
        }
        return theirs.next() == null;
    }

    /** Returns the hash code of the list of {@linkplain #entries() entries}. */
    @Override
    public int hashCode() {
        return entries().hashCode();
    }

    /**
     * Returns the first 64 entries in ascending order, e.g. {@code {[540, 599]=Ada}}; {@code ...} stands for others.
     * The bounds have the form of {@link IndexRange#toString}. Calls {@code toString} of the values. The text of {@link
     * #entries()} contains all entries.
     */
    @Override
    public String toString() {
        return cursor().text();
    }

    /**
     * The roots of trees of adjacent ranges at one instant, which are joined lazily. Thread-safe. In a benign race, two
     * threads may both join the roots, into trees with the same contents.
     */
    private static final class PartRoots {

        private final Node[] roots;
        private final long[] borders;

        /**
         * The root of the joined tree, or null before it is first needed.
         *
         * <p>Written: any thread that uses a snapshot of parts (volatile).
         * Read: any thread that uses a snapshot of parts (volatile).
         * Invariant: null, or the root of a complete tree. Two threads may store two trees, with the same contents.
         */
        private volatile @Nullable Node joined;

        /**
         * Creates the roots of parts.
         *
         * @param roots the roots in ascending order of their ranges, at least one; not copied
         * @param borders the lowest index of each part; not copied
         */
        PartRoots(Node[] roots, long[] borders) {
            this.roots = roots;
            this.borders = borders;
        }

        /** Returns the root of the tree that contains a key. */
        Node rootOf(long key) {
            int i = roots.length - 1;
            while (i > 0 && key < Node.flip(borders[i])) {
                i--;
            }
            return roots[i];
        }

        /** Returns the root of the joined tree, after joining it if necessary. */
        Node joined() {
            Node root = joined;
            if (root == null) {
                root = roots[0];
                for (int i = 1; i < roots.length; i++) {
                    root = Draft.join(root, Node.flip(borders[i]), roots[i]);
                }
                joined = root;
            }
            return root;
        }
    }

    /**
     * An action on a range in which two snapshots have different values.
     *
     * @param <V> the type of values
     */
    @FunctionalInterface
    public interface DifferenceConsumer<V> {

        /**
         * Receives one range. An exception ends the comparison and propagates to its caller.
         *
         * @param first the lowest index of the range, unsigned
         * @param last the highest index of the range, inclusive, unsigned
         * @param before the value of the first snapshot in all of the range; null if there is none
         * @param after the value of the second snapshot in all of the range, which differs; null if there is none
         */
        void accept(long first, long last, @Nullable V before, @Nullable V after);
    }

    /**
     * The comparison of two trees. At each step, it descends both trees together to a key, and skips the node or leaf
     * at which the two paths meet, which has the same contents in both trees. The node's bounds may differ, because a
     * lower bound is implied by the neighbour; so it skips only up to the lower of the two upper bounds. If the paths
     * do not meet, it compares the slots of the two leaves.
     *
     * @param <V> the type of values
     */
    private static final class Comparison<V> {

        private final DifferenceConsumer<? super V> action;

        /* The range with different values that was found last, and its values; no range if both values are null. */
        private long first;
        private long last;
        private @Nullable V before;
        private @Nullable V after;

        Comparison(DifferenceConsumer<? super V> action) {
            this.action = action;
        }

        void run(Node one, Node other) {
            long reached = step(one, other, Node.MIN);
            while (reached != Node.MAX) {
                reached = step(one, other, reached + 1);
            }
            pass();
        }

        /** Compares or skips a range that starts at a key; returns the last key of the range. */
        private long step(Node one, Node other, long key) {
            Node a = one;
            Node b = other;
            long endA = Node.MAX;
            long endB = Node.MAX;
            while (a != b && (a.level > 1 || b.level > 1)) {
                int level = Math.max(a.level, b.level);
                if (a.level == level) {
                    int i = a.find(key);
                    endA = a.pivot(i);
                    a = a.child(i);
                }
                if (b.level == level) {
                    int i = b.find(key);
                    endB = b.pivot(i);
                    b = b.child(i);
                }
            }
            if (a != b) {
                int i = a.find(key);
                int j = b.find(key);
                endA = a.pivot(i);
                endB = b.pivot(j);
                if (a.leaf(i) != b.leaf(j)) {
                    compare(a.leaf(i), b.leaf(j), key, Math.min(endA, endB));
                }
            }
            return Math.min(endA, endB);
        }

        /** Compares the slots of two leaves from a key to an upper bound. */
        @SuppressWarnings("unchecked") // only values of V get in
        private void compare(@Nullable Object[] a, @Nullable Object[] b, long from, long to) {
            int i = LeafNode.find(a, from);
            int j = LeafNode.find(b, from);
            long key = from;
            long end;
            do {
                long endA = LeafNode.pivot(a, i);
                long endB = LeafNode.pivot(b, j);
                end = Math.min(Math.min(endA, endB), to);
                compare(key, end, (V) LeafNode.value(a, i), (V) LeafNode.value(b, j));
                i += endA == end ? 1 : 0;
                j += endB == end ? 1 : 0;
                key = end + 1;
            } while (end != to);
        }

        private void compare(long lo, long hi, @Nullable V one, @Nullable V other) {
            if (Objects.equals(one, other)) {
                return;
            }
            if (one != before || other != after || lo != last + 1) {
                pass();
                first = lo;
                before = one;
                after = other;
            }
            last = hi;
        }

        /** Passes the range that was found last to the action. */
        private void pass() {
            if (before != null || after != null) {
                action.accept(Node.flip(first), Node.flip(last), before, after);
            }
        }
    }

    /**
     * A spliterator over the entries of a snapshot, in ascending order. It splits at the bounds of slots of inner
     * nodes, which no entry crosses.
     *
     * @param <V> the type of values
     */
    private static final class EntrySpliterator<V> implements Spliterator<RangeEntry<V>> {

        private static final int CHARACTERISTICS = ORDERED | SORTED | DISTINCT | NONNULL | IMMUTABLE;

        /** The average number of slots per node that an estimate assumes. */
        private static final long TYPICAL_FILL = 10;

        private final Node root;
        private final Cursor<V> cursor;

        /** Whether the cursor is on the last entry before the remaining keys. */
        private boolean isOnEntry;

        /* The bounds of the remaining keys, inclusive. No keys remain if isAtEnd is true. */
        private long lo;
        private final long hi;
        private boolean isAtEnd;

        private long estimate;

        EntrySpliterator(Node root) {
            this(root, Node.MIN, Node.MAX, root.size() * Math.round(Math.pow(TYPICAL_FILL, root.level)));
        }

        private EntrySpliterator(Node root, long lo, long hi, long estimate) {
            this.root = root;
            cursor = new Cursor<>(() -> root);
            this.lo = lo;
            this.hi = hi;
            this.estimate = estimate;
        }

        @Override
        public boolean tryAdvance(Consumer<? super RangeEntry<V>> action) {
            Objects.requireNonNull(action, "action");
            RangeEntry<V> entry = isAtEnd ? null : next();
            if (entry == null) {
                isAtEnd = true;
                return false;
            }
            long end = Node.flip(entry.last());
            isAtEnd = end >= hi;
            lo = isAtEnd ? hi : end + 1;
            action.accept(entry);
            return true;
        }

        private @Nullable RangeEntry<V> next() {
            if (root.reservedIn != 0) {
                // Does not use a cursor, because a cursor would go on after the part's last entry and skip all
                // reservations above the part's highest key.
                return Lookup.firstEntry(root, lo, hi);
            }
            isOnEntry = (isOnEntry ? cursor.next() : cursor.find(Node.flip(lo))) != null;
            return isOnEntry && Node.flip(cursor.first()) <= hi ? cursor.entry() : null;
        }

        @Override
        public void forEachRemaining(Consumer<? super RangeEntry<V>> action) {
            Objects.requireNonNull(action, "action");
            if (!isAtEnd) {
                isAtEnd = true;
                RangeConsumer<V> each = (first, last, value) -> action.accept(new RangeEntry<>(first, last, value));
                Lookup.forEach(root, Node.MIN, lo, hi, each);
            }
        }

        @Override
        public @Nullable Spliterator<RangeEntry<V>> trySplit() {
            Node n = root;
            while (!isAtEnd) {
                int from = n.find(lo);
                int to = n.find(hi);
                if (from != to) {
                    long border = n.pivot((from + to - 1) >>> 1);
                    estimate >>>= 1;
                    Spliterator<RangeEntry<V>> lower = new EntrySpliterator<>(root, lo, border, estimate);
                    lo = border + 1;
                    isOnEntry = false;
                    return lower;
                }
                if (n.level == 1) {
                    break;
                }
                n = n.child(from);
            }
            return null;
        }

        @Override
        public long estimateSize() {
            return isAtEnd ? 0 : estimate;
        }

        @Override
        public int characteristics() {
            return CHARACTERISTICS;
        }

        @Override
        public Comparator<? super RangeEntry<V>> getComparator() {
            return (a, b) -> Long.compareUnsigned(a.first(), b.first());
        }
    }
}
