// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A concurrent range map: it gives every unsigned 64-bit index a value or none, and is read without a lock.
 *
 * <p>Readers never wait for writers, but for a few that want the tree of one instant, and see each change, or
 * transaction, as a whole or not at all. Changes take the writer lock for their own short time. The package description
 * says which do, what is ordered with what, and what is a reservation.
 *
 * <p>Ranges are inclusive: {@code [0, 2^64-1]} is the whole index space. Neighbouring entries stay two entries even if
 * their values are equal.
 *
 * @param <V> the type of values
 */
public final class MapleTree<V> extends PublishedRoot implements RangeView<V> {

    private static final VarHandle ERA;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            ERA = lookup.findVarHandle(MapleTree.class, "era", Era.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** The era that the tree is in. Written under the lock, by {@link #publish} and {@link #endEra}. */
    private Era era;

    private final ReentrantLock writerLock;

    /** The working copy of the edit or transaction under way. Guarded by the lock. */
    private final Draft draft = new Draft();

    private final Edits edits = new Edits(this);

    /** The transaction begun last, unless it has ended. Guarded by the lock. */
    private @Nullable Transaction<V> current;

    /** An empty tree with a lock of its own. */
    public MapleTree() {
        this(new WriterLock(), Node.EMPTY);
    }

    /**
     * An empty tree whose changes take the caller's lock, which may be held already, and may serve other purposes.
     *
     * @param writerLock the lock
     */
    public MapleTree(ReentrantLock writerLock) {
        this(Objects.requireNonNull(writerLock, "writerLock"), Node.EMPTY);
    }

    /** A tree that nobody else knows yet. */
    MapleTree(ReentrantLock writerLock, Node root) {
        super(root);
        this.writerLock = writerLock;
        this.era = root.era;
    }

    @Override
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V get(long index) {
        return (V) Node.lookup(root(), index);
    }

    /**
     * The values at many indexes, each as {@link #get} gives it: at some instant of the call, not all at one. Faster
     * than as many calls where the tree is larger than the processor's caches, since look-ups wait for memory together.
     * Never waits, and does not allocate.
     *
     * @param indexes any indexes, in any order; best in ascending order
     * @param values takes the value of each index, at the same place; null where there is none. What is beyond the
     *     number of indexes is left as it is
     * @throws IllegalArgumentException if {@code values} is shorter than {@code indexes}
     * @throws ArrayStoreException if a value does not fit into {@code values}; some of it has then been written
     */
    public void getAll(long[] indexes, @Nullable Object[] values) {
        if (values.length < indexes.length) {
            throw new IllegalArgumentException("values has room for " + values.length + ", must have for "
                    + indexes.length + ", as many as indexes");
        }
        Node.lookupAll(root(), indexes, values);
    }

    @Override
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V atOrAfter(long index) {
        return (V) Nearest.atOrAfter(this, Keys.flip(index));
    }

    @Override
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V atOrBefore(long index) {
        return (V) Nearest.atOrBefore(this, Keys.flip(index));
    }

    @Override
    public boolean isEmpty() {
        Node now = root();
        // What is there was there at some instant; that nothing is there takes one instant for all leaves.
        return !now.hasValue() && (now.level == 0 || !frozenRoot().hasValue());
    }

    @Override
    public Cursor<V> cursor() {
        return new Cursor<>(this::root);
    }

    @Override
    public List<RangeEntry<V>> entries() {
        return snapshot().entries();
    }

    @Override
    public void forEach(RangeConsumer<? super V> action) {
        snapshot().forEach(action);
    }

    /**
     * The tree as it is now, for as long as it is wanted. Takes the writer lock, unless all that was done since the
     * last snapshot was done in transactions.
     *
     * @return a view that later changes do not alter
     */
    public Snapshot<V> snapshot() {
        return new Snapshot<>(frozenRoot());
    }

    /** Makes sure that nothing is changed in place of what exists now. Caller must hold the writer lock. */
    void endEra() {
        // Of the draft too: a transaction that this thread has open must not bring the old era back.
        draft.share();
        if (era.open) {
            ERA.setRelease(this, draft.era());
        }
    }

    /** The root of the moment, below which nothing is changed in place from now on. */
    Node frozenRoot() {
        // If the era is closed, and the same before and after, then no open one has begun when the root is read, and
        // nodes of earlier ones are not written any more. Pairs with publish().
        Era before = eraAcquire();
        Node now = root();
        if (!before.open && before == eraAcquire()) {
            return now;
        }
        writerLock.lock();
        try {
            endEra();
            return root;
        } finally {
            writerLock.unlock();
        }
    }

    /**
     * The reservation at an index.
     *
     * @param index any index
     * @return its range and its owner, or null if the index is not reserved
     */
    public @Nullable RangeEntry<Object> reservationAt(long index) {
        return Node.reservationAt(root(), Keys.flip(index));
    }

    /**
     * The lowest reservation that overlaps a range.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @return the whole range of that reservation, also what is outside of the range asked for, and its owner; or null
     *     if there is none
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     */
    public @Nullable RangeEntry<Object> reservationIn(long first, long last) {
        Keys.requireRange(first, last);
        return root().reserved ? Node.reservationIn(frozenRoot(), Keys.flip(first), Keys.flip(last), null) : null;
    }

    /**
     * Whether a whole range was free at some instant of this call: no value and no reservation in it.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @return true if {@link #insert} would have stored there
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     */
    public boolean isFree(long first, long last) {
        Keys.requireRange(first, last);
        return Node.isFree(root(), Keys.flip(first), Keys.flip(last));
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
     * @throws IllegalStateException if this thread has a transaction open on this tree
     */
    public void store(long first, long last, V value) {
        beginEdit();
        try {
            edits.store(first, last, value);
        } finally {
            writerLock.unlock();
        }
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
     * @throws IllegalStateException if this thread has a transaction open on this tree
     */
    public void store(long first, long last, V value, Object owner) {
        beginEdit();
        try {
            edits.store(first, last, value, owner);
        } finally {
            writerLock.unlock();
        }
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
     * @throws IllegalStateException if this thread has a transaction open on this tree
     */
    public boolean insert(long first, long last, V value) {
        beginEdit();
        try {
            return edits.insert(first, last, value);
        } finally {
            writerLock.unlock();
        }
    }

    /**
     * Frees a range, cutting what lies across its ends.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws ReservedException if the range meets a reservation
     * @throws IllegalStateException if this thread has a transaction open on this tree
     */
    public void erase(long first, long last) {
        beginEdit();
        try {
            edits.erase(first, last);
        } finally {
            writerLock.unlock();
        }
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
     * @throws IllegalStateException if this thread has a transaction open on this tree
     */
    public void erase(long first, long last, Object owner) {
        beginEdit();
        try {
            edits.erase(first, last, owner);
        } finally {
            writerLock.unlock();
        }
    }

    /**
     * Frees the whole range of the entry that covers an index.
     *
     * @param index any index
     * @return the value of that entry, or null if there is none
     * @throws ReservedException if the index is reserved
     * @throws IllegalStateException if this thread has a transaction open on this tree
     */
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V erase(long index) {
        beginEdit();
        try {
            return (V) edits.erase(index);
        } finally {
            writerLock.unlock();
        }
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
     * @throws IllegalStateException if this thread has a transaction open on this tree
     */
    public boolean reserve(long first, long last, Object owner) {
        beginEdit();
        try {
            return edits.reserve(first, last, owner);
        } finally {
            writerLock.unlock();
        }
    }

    /**
     * Looks for the lowest free range that will do, and stores a value there.
     *
     * @param where what to look for; takes the answer
     * @param value what to store; any object
     * @return whether there was one
     * @throws NullPointerException if {@code where} or {@code value} is null
     * @throws IllegalStateException if this thread has a transaction open on this tree
     */
    public boolean storeLowest(GapSearch where, V value) {
        beginEdit();
        try {
            return edits.storeLowest(where, value);
        } finally {
            writerLock.unlock();
        }
    }

    /**
     * Looks for the highest free range that will do, and stores a value there.
     *
     * @param where what to look for; takes the answer
     * @param value what to store; any object
     * @return whether there was one
     * @throws NullPointerException if {@code where} or {@code value} is null
     * @throws IllegalStateException if this thread has a transaction open on this tree
     */
    public boolean storeHighest(GapSearch where, V value) {
        beginEdit();
        try {
            return edits.storeHighest(where, value);
        } finally {
            writerLock.unlock();
        }
    }

    /**
     * Looks for the lowest free range that will do, and reserves it for an owner.
     *
     * @param where what to look for; takes the answer
     * @param owner who may store over the reservation or erase it, compared by identity
     * @return whether there was one
     * @throws NullPointerException if {@code where} or {@code owner} is null
     * @throws IllegalStateException if this thread has a transaction open on this tree
     */
    public boolean reserveLowest(GapSearch where, Object owner) {
        beginEdit();
        try {
            return edits.reserveLowest(where, owner);
        } finally {
            writerLock.unlock();
        }
    }

    /**
     * Looks for the highest free range that will do, and reserves it for an owner.
     *
     * @param where what to look for; takes the answer
     * @param owner who may store over the reservation or erase it, compared by identity
     * @return whether there was one
     * @throws NullPointerException if {@code where} or {@code owner} is null
     * @throws IllegalStateException if this thread has a transaction open on this tree
     */
    public boolean reserveHighest(GapSearch where, Object owner) {
        beginEdit();
        try {
            return edits.reserveHighest(where, owner);
        } finally {
            writerLock.unlock();
        }
    }

    /**
     * Makes several changes that readers see all at once, under the writer lock. If the body throws, or aborts the
     * transaction, nothing is changed.
     *
     * @param body makes the changes. It is called once, by this thread, with the writer lock held; what it throws is
     *     passed on
     * @throws IllegalStateException if this thread has a transaction open on this tree
     */
    public void update(Consumer<? super Transaction<V>> body) {
        Objects.requireNonNull(body, "body");
        beginEdit();
        startDraft(era);
        try (Transaction<V> transaction = open()) {
            body.accept(transaction);
            if (transaction.isOpen()) {
                transaction.commit();
            }
        } finally {
            writerLock.unlock();
        }
    }

    /**
     * Begins a transaction. Caller must hold the writer lock, until the transaction has ended.
     *
     * @return a transaction that changes nothing until it is committed
     * @throws IllegalStateException if the lock is not held, or this thread has a transaction open on this tree
     */
    public Transaction<V> begin() {
        if (!writerLock.isHeldByCurrentThread()) {
            throw new IllegalStateException("begin needs the writer lock");
        }
        requireNoTransaction();
        startDraft(era);
        return open();
    }

    /**
     * Takes the writer lock for a series of edits.
     *
     * @return a writer that holds the lock until it is closed
     * @throws IllegalStateException if this thread has a transaction open on this tree
     */
    public Writer<V> writer() {
        Writer<V> writer = new Writer<>(this);
        beginEdit();
        return writer;
    }

    /**
     * A new handle for look-ups near to each other.
     *
     * @return a reader for one thread's use
     */
    public Reader<V> reader() {
        return new Reader<>(this);
    }

    /**
     * The lock that serialises changes.
     *
     * @return the lock given to the constructor, or the tree's own
     */
    public ReentrantLock writerLock() {
        return writerLock;
    }

    /**
     * Checks every structural invariant of the tree of this instant. For tests: it visits every node.
     *
     * @throws AssertionError if one does not hold; the message says which, and where
     */
    public void validate() {
        Structure.validate(frozenRoot());
    }

    /**
     * The tree of this instant for human eyes: one line per slot, indented by level.
     *
     * @return several lines of text, in no fixed format
     */
    public String dump() {
        return Structure.dump(frozenRoot());
    }

    /** Caller must hold the writer lock. */
    Era era() {
        return era;
    }

    /** What edits the tree for a caller that holds the writer lock already, and is no transaction. */
    Edits editsHeld() {
        requireNoTransaction();
        dropAbandoned();
        return edits;
    }

    /** Whether this is the transaction begun last. Caller must hold the writer lock. */
    boolean isCurrent(Transaction<V> transaction) {
        return current == transaction;
    }

    /** How often the writer lock has been let go, as far as the tree can see it. Caller must hold the writer lock. */
    long lockReleases() {
        return writerLock instanceof WriterLock own ? own.releases() : 0;
    }

    /** Ends the current transaction. Caller must hold the writer lock. */
    void end(boolean commit) {
        current = null;
        if (commit) {
            publish();
        } else {
            draft.start(root, era);
        }
    }

    private Transaction<V> open() {
        Transaction<V> transaction = new Transaction<>(this, draft);
        current = transaction;
        return transaction;
    }

    /** Takes the writer lock; or throws, and does not keep it. */
    private void beginEdit() {
        if (writerLock.isHeldByCurrentThread()) {
            requireNoTransaction();
        }
        writerLock.lock();
        dropAbandoned();
    }

    /** What was left open by somebody who has let go of the lock since is over. Caller must hold the writer lock. */
    private void dropAbandoned() {
        if (current != null) {
            startDraft(era);
        }
    }

    /** Caller must hold the writer lock. */
    private void requireNoTransaction() {
        Transaction<V> last = current;
        if (last != null && last.isOpen()) {
            throw new IllegalStateException("this thread has a transaction open on this tree");
        }
    }

    /** Makes the draft equal to the tree, for edits whose nodes are of this era. Caller must hold the writer lock. */
    Draft startDraft(Era next) {
        current = null;
        draft.start(root, next);
        return draft;
    }

    private Era eraAcquire() {
        return (Era) ERA.getAcquire(this);
    }

    /** The one store by which readers learn of what was drafted. Pairs with {@link #root()}. */
    void publish() {
        assert writerLock.isHeldByCurrentThread();
        Node made = draft.root();
        Era next = draft.era();
        draft.finish();
        if (made != root) {
            if (next != era) {
                // Before the first node of an open era can be reached. Pairs with frozenRoot().
                ERA.setRelease(this, next);
            }
            publishRoot(made);
        }
    }
}
