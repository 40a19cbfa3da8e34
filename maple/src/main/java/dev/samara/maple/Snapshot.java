// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.concurrent.locks.ReentrantLock;
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
        return new Snapshot<>(TreeParts.join(lower.root(), Keys.flip(border), upper.root()));
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
        Keys.requireRange(first, last);
        Objects.requireNonNull(owner, "owner");
        return new Snapshot<>(TreeParts.within(root(), Keys.flip(first), Keys.flip(last), owner));
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
                contents instanceof Node root ? root : ((PartRoots) contents).rootOf(Keys.flip(index)), index);
    }

    @Override
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V atOrAfter(long index) {
        return (V) root().atOrAfter(Keys.flip(index));
    }

    @Override
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V atOrBefore(long index) {
        return (V) root().atOrBefore(Keys.flip(index));
    }

    @Override
    public boolean isEmpty() {
        return !root().hasValue();
    }

    @Override
    public Cursor<V> cursor() {
        Node root = root();
        return new Cursor<>(() -> root);
    }

    @Override
    public @Nullable RangeEntry<V> entryAt(long index) {
        return EntryWalk.at(root(), Keys.flip(index));
    }

    @Override
    public @Nullable RangeEntry<V> firstEntry() {
        return current(cursor(), true);
    }

    @Override
    public @Nullable RangeEntry<V> lastEntry() {
        return current(cursor(), false);
    }

    private static <V> @Nullable RangeEntry<V> current(Cursor<V> cursor, boolean isNext) {
        V value = isNext ? cursor.next() : cursor.previous();
        return value == null ? null : new RangeEntry<>(cursor.first(), cursor.last(), value);
    }

    /** Returns this snapshot. */
    @Override
    public Snapshot<V> snapshot() {
        return this;
    }

    @Override
    public long count() {
        return EntryWalk.count(root());
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
        Keys.requireRange(first, last);
        List<IndexRange> gaps = new ArrayList<>();
        long[] from = {first};
        boolean[] isOver = {false};
        forEach(first, last, (start, end, value) -> {
            if (Long.compareUnsigned(from[0], start) < 0) {
                gaps.add(new IndexRange(from[0], start - 1));
            }
            isOver[0] = Long.compareUnsigned(end, last) >= 0;
            from[0] = end + 1;
        });
        if (!isOver[0]) {
            gaps.add(new IndexRange(from[0], last));
        }
        return Collections.unmodifiableList(gaps);
    }

    @Override
    public void forEach(RangeConsumer<? super V> action) {
        Objects.requireNonNull(action, "action");
        EntryWalk.forEach(root(), Keys.MIN, action);
    }

    @Override
    public void forEach(long first, long last, RangeConsumer<? super V> action) {
        Keys.requireRange(first, last);
        Objects.requireNonNull(action, "action");
        EntryWalk.forEach(root(), Keys.MIN, Keys.flip(first), Keys.flip(last), action);
    }

    @Override
    public void forEachDescending(long first, long last, RangeConsumer<? super V> action) {
        Keys.requireRange(first, last);
        Objects.requireNonNull(action, "action");
        EntryWalk.forEachDescending(root(), Keys.MIN, Keys.flip(first), Keys.flip(last), action);
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
}
