// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A concurrent range map from unsigned 64-bit indexes to values, with lookups that take no lock.
 *
 * <p>Readers do not wait for writers, except in a few methods that need the state of the whole tree at one instant.
 * They see each edit or transaction entirely or not at all. Each edit briefly acquires the writer lock. The package
 * description lists which methods may wait, and defines memory consistency and reservations.
 *
 * <p>Ranges are inclusive: {@code [0, 2^64-1]} is the whole index space. Adjacent entries stay separate even if their
 * values are equal.
 *
 * <p>To make one edit, call it on the tree; to make several, use {@link #update}. ({@link #begin} is for a caller that
 * holds the lock already, and {@link #writer} for many edits that need not be atomic.)
 *
 * <p>In terms of the JDK's maps, {@code store} is {@code put}, {@code insert} is {@code putIfAbsent}, {@code erase} and
 * {@code eraseEntry} are {@code remove}, {@code storeAll} is {@code putAll}, {@code entryAt} is {@code floorEntry} with
 * a check of the range's end, {@code atOrAfter} and {@code atOrBefore} are the values of {@code ceilingEntry} and
 * {@code floorEntry}, {@code entries} of a range is a copy of {@code subMap}, and {@code count} is {@code size}; {@code
 * get}, {@code merge}, {@code compute} and {@code clear} have the same names. Unlike those maps, trees are equal only
 * if they are the same object, because their contents change: to compare contents, compare snapshots.
 *
 * @param <V> the type of values
 */
public final class MapleTree<V> extends EditedRoot implements RangeView<V>, RangeStore<V> {

    private final Edits edits = new Edits(this);

    /** Creates an empty tree with its own lock. */
    public MapleTree() {
        this(new WriterLock(), Node.EMPTY);
    }

    /**
     * Creates an empty tree whose edits acquire the given lock. The lock may already be held, and may also protect
     * other state.
     *
     * @param writerLock the lock
     */
    public MapleTree(ReentrantLock writerLock) {
        this(Objects.requireNonNull(writerLock, "writerLock"), Node.EMPTY);
    }

    /**
     * Creates a tree with the contents of a snapshot, including its reservations, in constant time. The tree and the
     * snapshot share nodes, which the tree copies on write.
     *
     * @param writerLock the lock, as for {@link #MapleTree(ReentrantLock)}
     * @param contents the initial contents
     */
    public MapleTree(ReentrantLock writerLock, Snapshot<? extends V> contents) {
        this(Objects.requireNonNull(writerLock, "writerLock"), contents.root(), new Era(false));
    }

    /** Creates a tree with this root, in the root's era. */
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
     * Returns the values at many indexes. Each is read like {@link #get}, at some instant of the call; the values need
     * not be of the same instant. This is faster than single calls if the tree is larger than the processor's caches,
     * because the cache misses of several lookups overlap. It is not faster in a tree where entries or free ranges end
     * at even indexes. Never blocks, and does not allocate.
     *
     * @param indexes any indexes, in any order, preferably ascending
     * @param values receives the value of each index at the same position, or null if there is none. Elements beyond
     *     the number of indexes are not changed
     * @throws IllegalArgumentException if {@code values} is shorter than {@code indexes}
     * @throws ArrayStoreException if a value is not assignable to the component type of {@code values}; some elements
     *     may already be written then
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
        // Any value found proves that the tree was not empty. To prove that it was empty, all leaves of one instant
        // must be read.
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
        // An entry in the first leaf is the result. Only a snapshot can show that several leaves contain no entry.
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
     * Returns a snapshot of the current contents. Acquires the writer lock, unless every edit since the last snapshot
     * was a transaction or named an owner.
     *
     * @return an immutable view
     */
    @Override
    public Snapshot<V> snapshot() {
        return new Snapshot<>(frozenRoot());
    }

    /**
     * Returns whether the tree is unchanged since a snapshot. Never blocks. Exact: if a change was undone, the tree
     * still counts as changed.
     *
     * @param earlier a snapshot of this tree
     * @return true if this thread sees no change that was published since the snapshot
     */
    public boolean isStill(Snapshot<V> earlier) {
        return earlier.isOf(rootVolatile());
    }

    /**
     * Returns an object that identifies the current contents of the tree. Each change replaces it, and no version is
     * ever reused. A reader that finds the same version before and after several lookups, in this tree and in others,
     * knows that this tree did not change in between. Acquires the writer lock where {@link #snapshot} does, and
     * allocates only then.
     *
     * @return the version; it keeps the current nodes and values reachable
     */
    public Object version() {
        return frozenRoot();
    }

    /**
     * Returns whether the tree is unchanged since a version. Never blocks.
     *
     * @param earlier a {@linkplain #version version} of this tree
     * @return true if this thread sees no change that was published since that version
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
     * @return the reservation's whole range, which may extend beyond the given range, and its owner; or null if there
     *     is none
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     */
    public @Nullable RangeEntry<Object> reservationIn(long first, long last) {
        Keys.requireRange(first, last);
        return rootAcquire().reservedIn != 0
                ? AllocationView.reservationIn(frozenRoot(), Keys.flip(first), Keys.flip(last), null)
                : null;
    }

    /**
     * Returns whether a whole range was free at some instant of this call, i.e. contained no value and no reservation.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @return true if {@link #insert} would have succeeded
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
     * Erases a range, including reservations of the given owner. Entries and reservations that cross an end of the
     * range are cut there.
     *
     * @param first the lowest index, unsigned
     * @param last the highest index, inclusive, unsigned
     * @param owner the owner whose reservations may be erased, compared by identity
     * @throws IllegalArgumentException if {@code first} is above {@code last}
     * @throws NullPointerException if {@code owner} is null
     * @throws ReservedException if the range overlaps a reservation of another owner
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
        // Taken before the lock is acquired, because the other view may be a tree, whose snapshot acquires that tree's
        // lock.
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
     * @param where the request; receives the result
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
     * @param where the request; receives the result
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
     * @param where the request; receives the result
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
     * @param where the request; receives the result
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
     * Makes several edits atomically, under the writer lock: readers see all of them or none. If the body throws, or
     * aborts the transaction, nothing changes.
     *
     * @param body makes the edits; called once, by this thread, with the writer lock held. Its exceptions propagate to
     *     the caller
     * @throws IllegalStateException if this thread has a transaction open on this tree
     */
    public void update(Consumer<? super Transaction<V>> body) {
        Objects.requireNonNull(body, "body");
        beginEdit();
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
     * Begins a transaction. The caller must hold the writer lock until the transaction ends. For a caller that does not
     * hold the lock already, {@link #update} is simpler.
     *
     * @return a transaction whose edits are invisible to readers until it commits
     * @throws IllegalStateException if the lock is not held, or this thread has a transaction open on this tree
     */
    public Transaction<V> begin() {
        if (!writerLock.isHeldByCurrentThread()) {
            throw new IllegalStateException("begin requires the writer lock");
        }
        requireNoTransaction();
        // The caller must be able to end the transaction.
        requireStack();
        return open();
    }

    /**
     * Acquires the writer lock for a series of edits. Readers see these edits one by one; to publish them together, use
     * {@link #update}.
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
     * Returns a new reader, which speeds up lookups of nearby indexes.
     *
     * @return a reader; not thread-safe
     */
    public Reader<V> reader() {
        return new Reader<>(this);
    }

    /**
     * Returns the lock that serializes edits.
     *
     * @return the lock passed to the constructor, or else the tree's own lock
     */
    public ReentrantLock writerLock() {
        return writerLock;
    }

    /**
     * Checks every structural invariant of the tree, at one instant. Visits every node, so it is meant for tests and
     * for debugging. May wait for the writer lock.
     *
     * @throws AssertionError if an invariant does not hold; the message names the invariant and the place
     */
    public void validate() {
        TreeCheck.validate(frozenRoot());
    }

    /**
     * Returns a readable dump of the tree at one instant: one line per slot, indented by level.
     *
     * @return several lines of text, in an unspecified format
     */
    String dump() {
        return TreeCheck.dump(frozenRoot());
    }

    /**
     * Returns the first 64 entries in ascending order, e.g. {@code {[540, 599]=Ada}}; {@code ...} stands for others.
     * The bounds have the form of {@link IndexRange#toString}. Never blocks: walks the tree as a {@link Cursor} does.
     * Calls {@code toString} of the values.
     */
    @Override
    public String toString() {
        return cursor().text();
    }

    private Transaction<V> open() {
        startDraft(era());
        Transaction<V> transaction = new Transaction<>(this);
        begin(transaction);
        return transaction;
    }
}
