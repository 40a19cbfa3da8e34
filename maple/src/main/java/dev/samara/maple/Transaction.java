// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A group of edits of a tree that becomes visible to readers atomically, at {@link #commit()}, or never.
 *
 * <p>As a view, the transaction includes its own edits. It is confined to the thread that began it, which must hold the
 * writer lock throughout; otherwise every method throws an {@link IllegalStateException}. A transaction that is still
 * open when the lock is released never takes effect. (If the tree uses a caller's lock, it cannot detect the release.
 * The transaction then ends when any thread next edits the tree or begins a transaction. Until then it seems open to
 * its own thread.)
 *
 * <p>A call that throws changes nothing, and the transaction stays open.
 *
 * @param <V> the type of values
 */
public final class Transaction<V> implements RangeView<V>, RangeStore<V>, AutoCloseable {

    /**
     * Words: all fields.
     * Written: constructor (plain, final).
     * Read: any thread (plain): a call by another thread compares {@code owner}, and is rejected.
     * Invariant: immutable; its state is in {@code draft} and {@code current}.
     */
    private final MapleTree<V> tree;

    private final Draft draft;
    private final Thread owner = Thread.currentThread();

    Transaction(MapleTree<V> tree) {
        this.tree = tree;
        draft = tree.draft;
    }

    @Override
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V get(long index) {
        return (V) Lookup.get(root(), index);
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
        return view().isEmpty();
    }

    /**
     * Returns a new cursor over this transaction's own view. The cursor observes later edits of this transaction in the
     * same way as a cursor over the tree observes concurrent edits. It must not be used after the transaction has
     * ended.
     */
    @Override
    public Cursor<V> cursor() {
        requireOpen();
        return new Cursor<>(this::root);
    }

    @Override
    public @Nullable RangeEntry<V> entryAt(long index) {
        return Lookup.entryAt(root(), Node.flip(index));
    }

    /** Returns a snapshot of this transaction's own view. It remains valid after the transaction has ended. */
    @Override
    public Snapshot<V> snapshot() {
        Snapshot<V> view = view();
        tree.endEra();
        return view;
    }

    @Override
    public @Nullable RangeEntry<V> firstEntry() {
        return view().firstEntry();
    }

    @Override
    public @Nullable RangeEntry<V> lastEntry() {
        return view().lastEntry();
    }

    @Override
    public long count() {
        return view().count();
    }

    @Override
    public List<RangeEntry<V>> entries() {
        return view().entries();
    }

    @Override
    public List<RangeEntry<V>> entries(long first, long last) {
        return view().entries(first, last);
    }

    @Override
    public List<RangeEntry<V>> entriesDescending(long first, long last) {
        return view().entriesDescending(first, last);
    }

    @Override
    public List<IndexRange> gaps(long first, long last) {
        return view().gaps(first, last);
    }

    @Override
    public void store(long first, long last, V value) {
        requireOpen();
        draft.store(first, last, value);
    }

    /**
     * Stores a value in a range, replacing its contents, including reservations of the given owner. Entries and
     * reservations that cross an end of the range are cut there.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param value the value; any object
     * @param owner the owner whose reservations may be stored over, compared by identity
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws NullPointerException if {@code value} or {@code owner} is null
     * @throws ReservedException if the range overlaps a reservation of another owner
     * @throws IllegalStateException if this transaction is not open, or not this thread's
     */
    public void store(long first, long last, V value, Object owner) {
        requireOpen();
        draft.store(first, last, value, owner);
    }

    /**
     * Stores all entries of a builder, many times faster than single stores. The tree must not contain values. Its
     * reservations are kept.
     *
     * @param entries the entries
     * @throws ReservedException if an entry overlaps a reservation
     * @throws IllegalStateException if the tree contains values, or if this transaction is not open, or not this
     *     thread's
     */
    public void fill(TreeBuilder<? extends V> entries) {
        requireOpen();
        draft.fill(entries.root());
    }

    @Override
    public boolean insert(long first, long last, V value) {
        requireOpen();
        return draft.insert(first, last, value);
    }

    @Override
    public void erase(long first, long last) {
        requireOpen();
        draft.erase(first, last);
    }

    /**
     * Erases a range, including reservations of the given owner. Entries and reservations that cross an end of the
     * range are cut there.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param owner the owner whose reservations may be erased, compared by identity
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws NullPointerException if {@code owner} is null
     * @throws ReservedException if the range overlaps a reservation of another owner
     * @throws IllegalStateException if this transaction is not open, or not this thread's
     */
    public void erase(long first, long last, Object owner) {
        requireOpen();
        draft.erase(first, last, owner);
    }

    @Override
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V eraseEntry(long index) {
        requireOpen();
        return (V) draft.eraseEntry(index);
    }

    @Override
    public void storeCoalescing(long first, long last, V value) {
        IndexRange joined = coalesced(first, last, value);
        draft.store(joined.first(), joined.last(), value);
    }

    /** Returns a range, extended by the entries of equal value that overlap or adjoin it. */
    IndexRange coalesced(long first, long last, V value) {
        Draft.requireValue(first, last, value);
        Node now = disowned();
        RangeEntry<V> before = first == 0 ? null : Lookup.entryAt(now, Node.flip(first - 1));
        RangeEntry<V> after = last == -1L ? null : Lookup.entryAt(now, Node.flip(last + 1));
        IndexRange joined = new IndexRange(
                before != null && before.value().equals(value) ? before.first() : first,
                after != null && after.value().equals(value) ? after.last() : last);
        requireUnchanged(now);
        return joined;
    }

    @Override
    public void compute(long first, long last, UnaryOperator<@Nullable V> function) {
        Objects.requireNonNull(function, "function");
        IndexRange.requireRange(first, last);
        Node now = disowned();
        RangeEntry<Object> met = Lookup.reservationIn(now, Node.flip(first), Node.flip(last), null);
        if (met != null) {
            throw new ReservedException(met.first(), met.last(), met.value());
        }
        // All calls of the function precede the first store, so nothing changes if the function throws.
        List<Part<V>> parts = new ArrayList<>();
        Lookup.<V>forEachPart(
                now, first, last, (from, to, value) -> parts.add(new Part<>(from, to, function.apply(value))));
        requireUnchanged(now);
        orRestore(now, () -> {
            for (Part<V> part : parts) {
                V value = part.value();
                if (value == null) {
                    draft.erase(part.first(), part.last());
                } else {
                    draft.store(part.first(), part.last(), value);
                }
            }
        });
    }

    /** A part of a range and its new value, or null if it becomes free. */
    private record Part<V>(long first, long last, @Nullable V value) {}

    @Override
    public void storeAll(RangeView<? extends V> entries) {
        Snapshot<? extends V> all = entries.snapshot();
        orRestore(disowned(), () -> all.forEach(draft::store));
    }

    /** Returns the current root, after ensuring that later edits of this transaction do not change its nodes. */
    private Node disowned() {
        Node now = root();
        draft.disown();
        return now;
    }

    /**
     * Checks that the caller's code, which ran after {@code before} was taken, neither edited nor ended this
     * transaction.
     */
    private void requireUnchanged(Node before) {
        if (root() != before) {
            throw new IllegalStateException("this transaction was changed by code that a call of it has called");
        }
    }

    /** Runs edits, and rolls them back if one throws. */
    private void orRestore(Node before, Runnable edits) {
        boolean isDone = false;
        try {
            edits.run();
            isDone = true;
        } finally {
            if (!isDone) {
                draft.restore(before);
            }
        }
    }

    /**
     * Reserves a range for an owner if the whole range is free.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param owner the owner, compared by identity; only calls that name it can store over the reservation or erase it
     * @return whether the range was free
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws NullPointerException if {@code owner} is null
     * @throws IllegalStateException if this transaction is not open, or not this thread's
     */
    public boolean reserve(long first, long last, Object owner) {
        requireOpen();
        return draft.reserve(first, last, owner);
    }

    /**
     * Reserves a range, replacing its contents, including reservations of this owner. Entries and reservations that
     * cross an end of the range are cut there.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param owner the owner, compared by identity; only calls that name it can store over the reservation or erase it
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws NullPointerException if {@code owner} is null
     * @throws ReservedException if the range overlaps a reservation of another owner
     * @throws IllegalStateException if this transaction is not open, or not this thread's
     */
    public void replaceByReservation(long first, long last, Object owner) {
        requireOpen();
        draft.replaceByReservation(first, last, owner);
    }

    /**
     * Finds the lowest free range that satisfies a request. No other thread can occupy the range while this transaction
     * is open.
     *
     * @param where the request; receives the result
     * @return whether a range was found
     * @throws NullPointerException if {@code where} is null
     * @throws IllegalStateException if this transaction is not open, or not this thread's
     */
    public boolean findLowest(GapSearch where) {
        requireOpen();
        return Objects.requireNonNull(where, "where").search(draft.root(), true);
    }

    /**
     * Finds the highest free range that satisfies a request. No other thread can occupy the range while this
     * transaction is open.
     *
     * @param where the request; receives the result
     * @return whether a range was found
     * @throws NullPointerException if {@code where} is null
     * @throws IllegalStateException if this transaction is not open, or not this thread's
     */
    public boolean findHighest(GapSearch where) {
        requireOpen();
        return Objects.requireNonNull(where, "where").search(draft.root(), false);
    }

    /**
     * Returns the reservation at an index, as this transaction sees it.
     *
     * @param index any index
     * @return its range and its owner, or null if the index is not reserved
     * @throws IllegalStateException if this transaction is not open, or not this thread's
     */
    public @Nullable RangeEntry<Object> reservationAt(long index) {
        return Lookup.reservationAt(root(), Node.flip(index));
    }

    /**
     * Returns the lowest reservation that overlaps a range, as this transaction sees it.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @return the reservation's whole range, which may extend beyond the given range, and its owner; or null if there
     *     is none
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws IllegalStateException if this transaction is not open, or not this thread's
     */
    public @Nullable RangeEntry<Object> reservationIn(long first, long last) {
        IndexRange.requireRange(first, last);
        return Lookup.reservationIn(root(), Node.flip(first), Node.flip(last), null);
    }

    /**
     * Returns whether a whole range is free, i.e. contains no value and no reservation, as this transaction sees it.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @return true if {@link #insert} would succeed
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws IllegalStateException if this transaction is not open, or not this thread's
     */
    public boolean isFree(long first, long last) {
        IndexRange.requireRange(first, last);
        return Lookup.isFree(root(), Node.flip(first), Node.flip(last));
    }

    /**
     * Publishes the edits to readers atomically, and ends the transaction.
     *
     * @throws IllegalStateException if this transaction is not open, or not this thread's
     */
    public void commit() {
        requireOpen();
        tree.end(true);
    }

    /**
     * Discards the edits and ends the transaction.
     *
     * @throws IllegalStateException if this transaction is not open, or not this thread's
     */
    public void abort() {
        requireOpen();
        tree.end(false);
    }

    /**
     * Discards the edits if the transaction is still open; otherwise does nothing.
     *
     * @throws IllegalStateException if the transaction is another thread's
     */
    @Override
    public void close() {
        requireOwner();
        if (isOpen()) {
            tree.end(false);
        }
    }

    /** Returns whether this thread may use the transaction. */
    boolean isOpen() {
        return owner == Thread.currentThread() && tree.isOpen(this);
    }

    Node root() {
        requireOpen();
        return draft.root();
    }

    private Snapshot<V> view() {
        return new Snapshot<>(root());
    }

    private void requireOwner() {
        if (owner != Thread.currentThread()) {
            throw new IllegalStateException("this transaction belongs to thread " + owner.getName());
        }
    }

    private void requireOpen() {
        if (!isOpen()) {
            requireOwner();
            throw new IllegalStateException("this transaction has ended, or its lock was released");
        }
    }
}
