// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A concurrent range map: it assigns every unsigned 64-bit index one value or none, and is read without a lock.
 *
 * <p>Readers do not wait for writers, except for a few methods that need the tree of one instant. They see each change,
 * or transaction, as a whole or not at all. Each change takes the writer lock for a short time. The package description
 * lists the methods of each kind, and defines the memory ordering and reservations.
 *
 * <p>Ranges are inclusive: {@code [0, 2^64-1]} is the whole index space. Neighbouring entries stay two entries even if
 * their values are equal.
 *
 * @param <V> the type of values
 */
public final class MapleTree<V> extends EditedRoot implements RangeView<V>, RangeStore<V> {

    private final Edits edits = new Edits(this);

    /** Creates an empty tree with a lock of its own. */
    public MapleTree() {
        this(new WriterLock(), Node.EMPTY);
    }

    /**
     * Creates an empty tree whose changes take the caller's lock, which may be held already, and may serve other
     * purposes.
     *
     * @param writerLock the lock
     */
    public MapleTree(ReentrantLock writerLock) {
        this(Objects.requireNonNull(writerLock, "writerLock"), Node.EMPTY);
    }

    /**
     * Creates a tree with the contents of a snapshot, reservations included, in constant time. The two share nodes,
     * which are copied when they are changed.
     *
     * @param writerLock the lock, as for {@link #MapleTree(ReentrantLock)}
     * @param contents the first contents
     */
    public MapleTree(ReentrantLock writerLock, Snapshot<? extends V> contents) {
        this(Objects.requireNonNull(writerLock, "writerLock"), contents.root(), new Era(false));
    }

    /** Creates a tree that no other thread knows yet, and whose nodes are in no snapshot. */
    MapleTree(ReentrantLock writerLock, Node root) {
        this(writerLock, root, root.era);
    }

    private MapleTree(ReentrantLock writerLock, Node root, Era era) {
        super(writerLock, root, era);
    }

    @Override
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V get(long index) {
        return (V) Lookup.get(rootAcquire(), index);
    }

    /**
     * Reads the values at many indexes, each like {@link #get}: at some instant of the call, not all at one. Faster
     * than single calls where the tree is larger than the processor's caches, since the lookups wait for memory
     * together; not in a tree in which entries or free ranges end at even indexes. Never waits, and does not
     * allocate.
     *
     * @param indexes any indexes, in any order; best in ascending order
     * @param values receives the value of each index, at the same place; null where there is none. Elements beyond the
     *     number of indexes are left unchanged
     * @throws IllegalArgumentException if {@code values} is shorter than {@code indexes}
     * @throws ArrayStoreException if {@code values} is an array of a subtype to which a value does not belong; some
     *     elements have been written then
     */
    public void getAll(long[] indexes, @Nullable V[] values) {
        if (values.length < indexes.length) {
            throw new IllegalArgumentException(
                    "values has length " + values.length + ", less than " + indexes.length + ", that of indexes");
        }
        Lookup.getAll(rootAcquire(), indexes, values);
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
        Node root = rootAcquire();
        // A value that is found was there at some instant. To find none takes one instant for all leaves.
        return !root.hasValue() && (root.hasOneLeaf() || !frozenRoot().hasValue());
    }

    @Override
    public Cursor<V> cursor() {
        return new Cursor<>(this::rootAcquire);
    }

    @Override
    public @Nullable RangeEntry<V> entryAt(long index) {
        return EntryWalk.at(rootAcquire(), Keys.flip(index));
    }

    @Override
    public @Nullable RangeEntry<V> firstEntry() {
        Node root = rootAcquire();
        // One leaf is of one instant. To find that several have no entry takes one instant for all of them.
        RangeEntry<V> found = EntryWalk.firstInLeaf(root);
        return found != null || root.hasOneLeaf() ? found : snapshot().firstEntry();
    }

    @Override
    public @Nullable RangeEntry<V> lastEntry() {
        Node root = rootAcquire();
        RangeEntry<V> found = EntryWalk.lastInLeaf(root);
        return found != null || root.hasOneLeaf() ? found : snapshot().lastEntry();
    }

    /**
     * Returns the tree as it is now. Takes the writer lock, unless all changes since the last snapshot were made in
     * transactions, or by edits that name an owner.
     *
     * @return a view that later changes do not alter
     */
    @Override
    public Snapshot<V> snapshot() {
        return new Snapshot<>(frozenRoot());
    }

    /**
     * Returns whether the tree is as it was at a snapshot of it. Never waits. Exact: a tree that was changed back is
     * another one.
     *
     * @param earlier a snapshot of this tree
     * @return whether no change was published since, so far as this thread can see
     */
    public boolean isStill(Snapshot<V> earlier) {
        return earlier.isOf(rootVolatile());
    }

    /**
     * Returns an object that identifies the contents of the tree: each change replaces it, and it never returns. A
     * reader that finds the same version before and after several lookups, in this tree and in others, knows that this
     * tree had these contents all the time. Takes the writer lock where {@link #snapshot} does, and allocates only
     * there.
     *
     * @return the version, which keeps the nodes and values of this instant reachable
     */
    public Object version() {
        return frozenRoot();
    }

    /**
     * Returns whether the tree has a version. Never waits.
     *
     * @param earlier a {@linkplain #version version} of this tree
     * @return whether no change was published since, so far as this thread can see
     */
    public boolean isStillVersion(Object earlier) {
        return rootVolatile() == earlier;
    }

    /**
     * Returns the reservation at an index.
     *
     * @param index any index
     * @return its range and its owner, or null if the index is not reserved
     */
    public @Nullable RangeEntry<Object> reservationAt(long index) {
        return AllocationView.reservationAt(rootAcquire(), Keys.flip(index));
    }

    /**
     * Returns the lowest reservation that overlaps a range.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @return the whole range of that reservation, including any part outside of the given range, and its owner; or
     *     null if there is none
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     */
    public @Nullable RangeEntry<Object> reservationIn(long first, long last) {
        Keys.requireRange(first, last);
        return rootAcquire().reservedIn != 0
                ? AllocationView.reservationIn(frozenRoot(), Keys.flip(first), Keys.flip(last), null)
                : null;
    }

    /**
     * Returns whether a whole range was free at some instant of this call: no value and no reservation in it.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @return true if {@link #insert} would have stored there
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     */
    public boolean isFree(long first, long last) {
        Keys.requireRange(first, last);
        return AllocationView.isFree(rootAcquire(), Keys.flip(first), Keys.flip(last));
    }

    @Override
    public void store(long first, long last, V value) {
        beginEdit();
        try {
            edits.store(first, last, value);
        } finally {
            writerLock.unlock();
        }
    }

    /**
     * Stores a value in a range and replaces its contents, including the reservations of an owner. Entries and
     * reservations across the ends of the range are cut.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param value the value; any object
     * @param owner the owner whose reservations may be stored over, compared by identity
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

    @Override
    public boolean insert(long first, long last, V value) {
        beginEdit();
        try {
            return edits.insert(first, last, value);
        } finally {
            writerLock.unlock();
        }
    }

    @Override
    public void erase(long first, long last) {
        beginEdit();
        try {
            edits.erase(first, last);
        } finally {
            writerLock.unlock();
        }
    }

    /**
     * Frees a range, including the reservations of an owner in it. Entries and reservations across its ends are cut.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param owner the owner whose reservations may be erased, compared by identity
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

    @Override
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V eraseEntry(long index) {
        beginEdit();
        try {
            return (V) edits.eraseEntry(index);
        } finally {
            writerLock.unlock();
        }
    }

    @Override
    public void storeCoalescing(long first, long last, V value) {
        beginEdit();
        try {
            edits.storeCoalescing(first, last, value);
        } finally {
            endEdit();
        }
    }

    @Override
    public void compute(long first, long last, UnaryOperator<@Nullable V> function) {
        beginEdit();
        try {
            edits.compute(first, last, function);
        } finally {
            endEdit();
        }
    }

    @Override
    public void storeAll(RangeView<? extends V> entries) {
        // Before the lock: the other view may be a tree, which takes its own.
        Snapshot<? extends V> all = entries.snapshot();
        beginEdit();
        try {
            edits.storeAll(all);
        } finally {
            writerLock.unlock();
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
     * Stores a value in the lowest free range that satisfies a request.
     *
     * @param where the request; receives the answer
     * @param value the value; any object
     * @return whether a range was found
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
     * Stores a value in the highest free range that satisfies a request.
     *
     * @param where the request; receives the answer
     * @param value the value; any object
     * @return whether a range was found
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
     * Reserves the lowest free range that satisfies a request for an owner.
     *
     * @param where the request; receives the answer
     * @param owner the owner, compared by identity; only calls that name it can store over the reservation or erase it
     * @return whether a range was found
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
     * Reserves the highest free range that satisfies a request for an owner.
     *
     * @param where the request; receives the answer
     * @param owner the owner, compared by identity; only calls that name it can store over the reservation or erase it
     * @return whether a range was found
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
     * Makes several changes under the writer lock, which readers see all at once. If the body throws, or aborts the
     * transaction, nothing is changed.
     *
     * @param body makes the changes. It is called once, by this thread, with the writer lock held; its exceptions are
     *     passed on
     * @throws IllegalStateException if this thread has a transaction open on this tree
     */
    public void update(Consumer<? super Transaction<V>> body) {
        Objects.requireNonNull(body, "body");
        beginEdit();
        startDraft(era());
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
     * Begins a transaction. The caller must hold the writer lock, until the transaction has ended.
     *
     * @return a transaction that changes nothing until it is committed
     * @throws IllegalStateException if the lock is not held, or this thread has a transaction open on this tree
     */
    public Transaction<V> begin() {
        if (!writerLock.isHeldByCurrentThread()) {
            throw new IllegalStateException("begin requires the writer lock");
        }
        requireNoTransaction();
        startDraft(era());
        return open();
    }

    /**
     * Takes the writer lock for a series of edits.
     *
     * @return a writer that holds the lock until it is closed
     * @throws IllegalStateException if this thread has a transaction open on this tree
     */
    public Writer<V> writer() {
        Writer<V> writer = new Writer<>(this, edits);
        beginEdit();
        return writer;
    }

    /**
     * Returns a new handle for lookups near to each other.
     *
     * @return a reader, for one thread at a time
     */
    public Reader<V> reader() {
        return new Reader<>(this);
    }

    /**
     * Returns the lock that serializes changes.
     *
     * @return the lock given to the constructor, or the tree's own
     */
    public ReentrantLock writerLock() {
        return writerLock;
    }

    /**
     * Checks every structural invariant of the tree of this instant. For tests: it visits every node.
     *
     * @throws AssertionError if an invariant does not hold; the message names the invariant and the place
     */
    public void validate() {
        TreeCheck.validate(frozenRoot());
    }

    /**
     * Returns the tree of this instant as text for people: one line per slot, indented by level.
     *
     * @return several lines of text, in no fixed format
     */
    String dump() {
        return TreeCheck.dump(frozenRoot());
    }

    private Transaction<V> open() {
        Transaction<V> transaction = new Transaction<>(this);
        begin(transaction);
        return transaction;
    }
}
