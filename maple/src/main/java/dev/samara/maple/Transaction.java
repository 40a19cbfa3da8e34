// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Any number of changes to a tree that readers see all at once, at {@link #commit()}, or never.
 *
 * <p>The transaction itself is a view in which its own changes have been made. It belongs to the thread that began it,
 * which must hold the writer lock all the time; every method refuses anything else with an
 * {@link IllegalStateException}. A transaction that was still open when its lock was let go never takes effect. (A lock
 * that was given to the tree does not tell that it was let go. Then the transaction is over as soon as any thread edits
 * the tree or another one begins a transaction, but to its own thread it looks open until then.)
 *
 * <p>A call that throws has changed nothing, and the transaction goes on.
 *
 * @param <V> the type of values
 */
public final class Transaction<V> implements RangeView<V>, AutoCloseable {

    private final MapleTree<V> tree;
    private final Draft draft;
    private final Thread owner;

    /** What {@link MapleTree#lockReleases()} was when this began. */
    private final long releases;

    Transaction(MapleTree<V> tree, Draft draft) {
        this.tree = tree;
        this.draft = draft;
        this.owner = Thread.currentThread();
        this.releases = tree.lockReleases();
    }

    @Override
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V get(long index) {
        return (V) Node.lookup(root(), index);
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
        return view().isEmpty();
    }

    /**
     * A new cursor over this transaction's own view. It sees changes made later in this transaction as a cursor over
     * the tree sees other threads' changes, and is of no use once the transaction has ended.
     */
    @Override
    public Cursor<V> cursor() {
        requireOpen();
        return new Cursor<>(this::root);
    }

    @Override
    public List<RangeEntry<V>> entries() {
        return view().entries();
    }

    @Override
    public void forEach(RangeConsumer<? super V> action) {
        Snapshot<V> view = view();
        tree.endEra();
        view.forEach(action);
    }

    /**
     * Stores a value over whatever is in a range, cutting what lies across its ends.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param value what to store; any object
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws NullPointerException if {@code value} is null
     * @throws ReservedException if the range meets a reservation
     * @throws IllegalStateException if this transaction is not open, or not this thread's
     */
    public void store(long first, long last, V value) {
        requireOpen();
        draft.store(first, last, value);
    }

    /**
     * Stores a value over whatever is in a range, also over an owner's reservations, cutting what lies across its ends.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param value what to store; any object
     * @param owner whose reservations may be stored over, compared by identity
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws NullPointerException if {@code value} or {@code owner} is null
     * @throws ReservedException if the range meets a reservation of another owner
     * @throws IllegalStateException if this transaction is not open, or not this thread's
     */
    public void store(long first, long last, V value, Object owner) {
        requireOpen();
        draft.store(first, last, value, owner);
    }

    /**
     * Stores all entries of a builder in a tree without values, many times faster than one by one. Reservations stay.
     *
     * @param entries what to store
     * @throws ReservedException if one of them meets a reservation
     * @throws IllegalStateException if there are values, or if this transaction is not open, or not this thread's
     */
    public void fill(TreeBuilder<? extends V> entries) {
        requireOpen();
        draft.fill(entries);
    }

    /**
     * Stores a value if the whole range is free: no value and no reservation in it.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param value what to store; any object
     * @return whether it was free
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws NullPointerException if {@code value} is null
     * @throws IllegalStateException if this transaction is not open, or not this thread's
     */
    public boolean insert(long first, long last, V value) {
        requireOpen();
        return draft.insert(first, last, value);
    }

    /**
     * Frees a range, cutting what lies across its ends.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws ReservedException if the range meets a reservation
     * @throws IllegalStateException if this transaction is not open, or not this thread's
     */
    public void erase(long first, long last) {
        requireOpen();
        draft.erase(first, last);
    }

    /**
     * Frees a range, an owner's reservations in it too, cutting what lies across its ends.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param owner whose reservations may be erased, compared by identity
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws NullPointerException if {@code owner} is null
     * @throws ReservedException if the range meets a reservation of another owner
     * @throws IllegalStateException if this transaction is not open, or not this thread's
     */
    public void erase(long first, long last, Object owner) {
        requireOpen();
        draft.erase(first, last, owner);
    }

    /**
     * Frees the whole range of the entry that covers an index.
     *
     * @param index any index
     * @return the value of that entry, or null if there is none
     * @throws ReservedException if the index is reserved
     * @throws IllegalStateException if this transaction is not open, or not this thread's
     */
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V erase(long index) {
        requireOpen();
        return (V) draft.erase(index);
    }

    /**
     * Reserves a range for an owner if the whole of it is free.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param owner who may store over the reservation or erase it, compared by identity
     * @return whether it was free
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws NullPointerException if {@code owner} is null
     * @throws IllegalStateException if this transaction is not open, or not this thread's
     */
    public boolean reserve(long first, long last, Object owner) {
        requireOpen();
        return draft.reserve(first, last, owner);
    }

    /**
     * Reserves a range over whatever is in it, also over this owner's reservations, cutting what lies across its ends.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param owner who may store over the reservation or erase it, compared by identity
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws NullPointerException if {@code owner} is null
     * @throws ReservedException if the range meets a reservation of another owner
     * @throws IllegalStateException if this transaction is not open, or not this thread's
     */
    public void replaceByReservation(long first, long last, Object owner) {
        requireOpen();
        draft.replaceByReservation(first, last, owner);
    }

    /**
     * Looks for the lowest free range that will do. It stays free until this transaction stores there.
     *
     * @param where what to look for; takes the answer
     * @return whether there is one
     * @throws NullPointerException if {@code where} is null
     * @throws IllegalStateException if this transaction is not open, or not this thread's
     */
    public boolean findLowest(GapSearch where) {
        requireOpen();
        return draft.findLowest(where);
    }

    /**
     * Looks for the highest free range that will do. It stays free until this transaction stores there.
     *
     * @param where what to look for; takes the answer
     * @return whether there is one
     * @throws NullPointerException if {@code where} is null
     * @throws IllegalStateException if this transaction is not open, or not this thread's
     */
    public boolean findHighest(GapSearch where) {
        requireOpen();
        return draft.findHighest(where);
    }

    /**
     * The reservation at an index, with this transaction's changes made.
     *
     * @param index any index
     * @return its range and its owner, or null if the index is not reserved
     * @throws IllegalStateException if this transaction is not open, or not this thread's
     */
    public @Nullable RangeEntry<Object> reservationAt(long index) {
        return Node.reservationAt(root(), Keys.flip(index));
    }

    /**
     * The lowest reservation that overlaps a range, with this transaction's changes made.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @return the whole range of that reservation, also what is outside of the range asked for, and its owner; or null
     *     if there is none
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws IllegalStateException if this transaction is not open, or not this thread's
     */
    public @Nullable RangeEntry<Object> reservationIn(long first, long last) {
        Keys.requireRange(first, last);
        return Node.reservationIn(root(), Keys.flip(first), Keys.flip(last), null);
    }

    /**
     * Whether a whole range is free, no value and no reservation in it, with this transaction's changes made.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @return true if {@link #insert} would store there
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws IllegalStateException if this transaction is not open, or not this thread's
     */
    public boolean isFree(long first, long last) {
        Keys.requireRange(first, last);
        return Node.isFree(root(), Keys.flip(first), Keys.flip(last));
    }

    /**
     * Lets readers see the changes, all in one step, and ends the transaction.
     *
     * @throws IllegalStateException if this transaction is not open, or not this thread's
     */
    public void commit() {
        requireOpen();
        tree.end(true);
    }

    /**
     * Drops the changes and ends the transaction.
     *
     * @throws IllegalStateException if this transaction is not open, or not this thread's
     */
    public void abort() {
        requireOpen();
        tree.end(false);
    }

    /**
     * Drops the changes if the transaction is still open, and does nothing if it has ended.
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

    /** Whether this thread may use the transaction. */
    boolean isOpen() {
        return owner == Thread.currentThread()
                && tree.writerLock().isHeldByCurrentThread()
                && tree.isCurrent(this)
                && tree.lockReleases() == releases;
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
            throw new IllegalStateException("this transaction has ended, or its lock was let go");
        }
    }
}
