// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import dev.samara.maple.Node.Era;
import java.lang.invoke.ConstantBootstraps;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
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
public final class MapleTree<V> extends AfterRoot implements RangeView<V>, RangeStore<V> {

    /*
     * How edits are published
     *
     * A writer holds the writer lock, and publishes each edit by exactly one release store. Lookup lists what a reader
     * can see concurrently. There are three kinds of this store:
     *
     *    1. A new root (publish). The edits of a transaction, and each edit that the other two kinds cannot make, are
     *       made in the draft, which copies the nodes that it changes. Before the first root with nodes of an open era,
     *       publish stores that era.
     *    2. A new leaf in its parent (put). The fast path of an edit that changes one leaf and is published alone. It
     *       requires that the leaf's parent is of the open era, so that no snapshot contains it. The new leaf must also
     *       have the bounds and the notes (Node.notes) of the old one. That is: the leaf contains no reservation, it
     *       neither overflows nor underflows, its new pivots can be stored in the old form, and no free range continues
     *       in a leaf of another parent.
     *    3. One word of the pivots of a leaf (moves), if an edit in place only moves the leaf's movable boundary
     *       (LeafNode). It allocates nothing.
     *
     * Edits in place store only changed gaps and either a reference to the new leaf and one to its pivots, or one word
     * of the existing pivots. They use no scratch objects, because each store of a reference into an old object costs a
     * write barrier of the garbage collector; a store of a number does not. If an edit in place is not possible, its
     * method returns false without changing anything. If it throws, it changes nothing, either.
     *
     * A snapshot contains nodes that must not change any more, so it ends the open era (frozenRoot). Later edits copy
     * what they change, into nodes of the next open era.
     *
     * How a lack of stack is detected
     *
     * If the stack overflows in ReentrantLock, the JVM completes the acquisition and throws the error afterwards (JEP
     * 270): the lock would stay held, because its holder does not reach the try that releases it. The same holds for an
     * overflow in the release. So a thread first calls a method whose frame is larger than the frames of both
     * (requireStack).
     *
     * The frame is large in interpreted code because it contains 128 local variables, and in compiled code because all
     * of them are live across a call. A compiler allocates that space only if it compiles the loads, and it leaves out
     * code that was never executed. So the loads are executed in some of the first checks. Later checks cost a few
     * calls.
     */

    private static final VarHandle ERA = ConstantBootstraps.fieldVarHandle(
            MethodHandles.lookup(), "era", VarHandle.class, MapleTree.class, Era.class);

    /** A placeholder for the root's largest gap, which no node records. */
    private static final long UNKNOWN = -1L;

    /** How many frames a check needs. Each has more than 1,000 bytes, in interpreted code more than 2,000. */
    private static final int FRAMES = 2;

    /** Of the checks in which the loads may be executed, one in this number executes them; a power of two. */
    private static final int SAMPLE = 64;

    /**
     * The values to load; a call may change them, as far as a compiler knows. Created with the first tree, because the
     * first edit may run near the end of the stack.
     */
    private static final long[] VALUES = new long[128];

    /**
     * In how many more checks the loads may be executed.
     *
     * <p>Written: any thread that is about to acquire a writer lock (plain).
     * Read: any thread that is about to acquire a writer lock (plain).
     * Invariant: not negative. A lost store adds a check; nothing is stored after the number has reached 0.
     */
    private static int checksLeft = 1 << 18;

    /**
     * The era of the tree. Written under the lock, by {@link #publish} and {@link #endEra}.
     *
     * <p>Written: holder of the writer lock: {@code publish} opens an era; {@code endEra}, or a later commit, ends it
     *     (release).
     * Read: any thread, in {@code eraAcquire} (acquire); holders of the writer lock (plain).
     * Invariant: no open era recurs. While an era is open, only its nodes are written in place. While it is closed, no
     *     node below {@code root} is written in place.
     */
    Era era;

    /** Serializes edits. May be a lock of the caller. */
    final ReentrantLock writerLock;

    /**
     * The working copy of the current edit or transaction. Guarded by the lock.
     *
     * <p>Words: {@code draft} and all in it.
     * Written: holder of the writer lock (plain).
     * Read: holder of the writer lock (plain).
     * Invariant: outside of edits and transactions: {@code draft.root == root}, or the remains of a transaction that
     *     was left open, which the next edit discards. No published root refers, directly or indirectly, to a node that
     *     {@code Draft.owned} marks.
     */
    final Draft draft = new Draft();

    /**
     * The latest transaction, or null once it has ended. Guarded by the lock.
     *
     * <p>Words: {@code current}, {@code owner} and {@code releases}.
     * Written: holder of the writer lock (plain).
     * Read: holder of the writer lock (plain).
     * Invariant: null, or the transaction begun last, its thread, and the number of lock releases when it began. It is
     *     open only if that thread has held the lock ever since.
     */
    private @Nullable Object current;

    /** The thread that began {@link #current}. Guarded by the lock. */
    private @Nullable Thread owner;

    /** The result of {@link #lockReleases()} when {@link #current} began. Guarded by the lock. */
    private long releases;

    /**
     * The leaf's slot in the node that {@link #parent} returned. Guarded by the writer lock.
     *
     * <p>Written: holder of the writer lock (plain).
     * Read: holder of the writer lock (plain).
     * Invariant: within an edit: the slot of the leaf in the node that {@code parent} returned.
     */
    private int parentSlot;

    /** Creates an empty tree with its own lock. */
    public MapleTree() {
        this(new WriterLock(), Node.EMPTY, Node.EMPTY.era);
    }

    /**
     * Creates an empty tree whose edits acquire the given lock. The lock may already be held, and may also protect
     * other state.
     *
     * @param writerLock the lock
     */
    public MapleTree(ReentrantLock writerLock) {
        this(Objects.requireNonNull(writerLock, "writerLock"), Node.EMPTY, Node.EMPTY.era);
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

    /** Creates a tree with this root. Its nodes belong to the given era or to earlier ones, which have ended. */
    MapleTree(ReentrantLock writerLock, Node root, Era era) {
        super(root);
        this.writerLock = writerLock;
        this.era = era;
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

    /*
     * A search for the nearest entry may cross from one leaf to the next, and its result still holds at one instant:
     * after reading the second leaf, it validates that the first leaf is still in its slot. A removed leaf never
     * returns to the tree, and the boundary of a free range at either end of a leaf does not move. So the first leaf
     * contained no matching entry at the instant when the second leaf contained the result. If the validation fails,
     * the search is retried. If the second leaf contains no matching entry either, the search is repeated in a frozen
     * version of the tree.
     */

    @Override
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V atOrAfter(long index) {
        long key = Node.flip(index);
        for (; ; ) {
            @Nullable Object[] leaf = Lookup.leaf(rootAcquire(), key);
            Object found = Lookup.atOrAfter(leaf, key);
            long end = LeafNode.pivot(leaf, LeafNode.size(leaf) - 1);
            if (found != null || end == Node.MAX) {
                return (V) found;
            }
            found = Lookup.atOrAfter(Lookup.leaf(rootAcquire(), end + 1), end + 1);
            if (found == null) {
                return (V) Lookup.atOrAfter(frozenRoot(), key);
            }
            if (isInPlace(key, leaf)) {
                return (V) found;
            }
        }
    }

    @Override
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V atOrBefore(long index) {
        long key = Node.flip(index);
        for (; ; ) {
            @Nullable Object[] leaf = Lookup.leaf(rootAcquire(), key);
            Object found = Lookup.atOrBefore(leaf, key);
            if (found != null) {
                return (V) found;
            }
            // A leaf does not store its lower bound, so this search may find the start of another leaf. The validation
            // below detects that.
            long start = Lookup.leafStart(rootAcquire(), key);
            if (start != Node.MIN) {
                found = Lookup.atOrBefore(Lookup.leaf(rootAcquire(), start - 1), start - 1);
                if (found == null) {
                    return (V) Lookup.atOrBefore(frozenRoot(), key);
                }
            }
            if (isInPlace(key, leaf)) {
                return (V) found;
            }
        }
    }

    private boolean isInPlace(long key, @Nullable Object[] leaf) {
        return Lookup.leaf(rootAcquire(), key) == leaf;
    }

    @Override
    public boolean isEmpty() {
        Node root = rootAcquire();
        // Any value found proves that the tree was not empty. To prove that it was empty, all leaves of one instant
        // must be read.
        return !Lookup.hasValue(root) && (root.hasOneLeaf() || !Lookup.hasValue(frozenRoot()));
    }

    @Override
    public Cursor<V> cursor() {
        return new Cursor<>(this::rootAcquire);
    }

    @Override
    public @Nullable RangeEntry<V> entryAt(long index) {
        return Lookup.entryAt(rootAcquire(), Node.flip(index));
    }

    @Override
    public @Nullable RangeEntry<V> firstEntry() {
        Node root = rootAcquire();
        // An entry in the first leaf is the result. Only a snapshot can show that several leaves contain no entry.
        RangeEntry<V> found = Lookup.firstInLeaf(root);
        return found != null || root.hasOneLeaf() ? found : snapshot().firstEntry();
    }

    @Override
    public @Nullable RangeEntry<V> lastEntry() {
        Node root = rootAcquire();
        RangeEntry<V> found = Lookup.lastInLeaf(root);
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
        return Lookup.reservationAt(rootAcquire(), Node.flip(index));
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
        IndexRange.requireRange(first, last);
        return rootAcquire().reservedIn != 0
                ? Lookup.reservationIn(frozenRoot(), Node.flip(first), Node.flip(last), null)
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
        IndexRange.requireRange(first, last);
        return Lookup.isFree(rootAcquire(), Node.flip(first), Node.flip(last));
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

    /* Edits. */

    @Override
    public void store(long first, long last, V value) {
        beginEdit();
        try {
            storeLocked(first, last, value);
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
            startDraft(era).store(first, last, value, owner);
            publish();
        } finally {
            writerLock.unlock();
        }
    }

    @Override
    public boolean insert(long first, long last, V value) {
        beginEdit();
        try {
            return insertLocked(first, last, value);
        } finally {
            writerLock.unlock();
        }
    }

    @Override
    public void erase(long first, long last) {
        beginEdit();
        try {
            eraseLocked(first, last);
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
            startDraft(era).erase(first, last, owner);
            publish();
        } finally {
            writerLock.unlock();
        }
    }

    @Override
    public @Nullable V eraseEntry(long index) {
        beginEdit();
        try {
            return eraseEntryLocked(index);
        } finally {
            writerLock.unlock();
        }
    }

    @Override
    public void storeCoalescing(long first, long last, V value) {
        try (Writer<V> writer = writer()) {
            writer.storeCoalescing(first, last, value);
        }
    }

    @Override
    public void compute(long first, long last, UnaryOperator<@Nullable V> function) {
        try (Writer<V> writer = writer()) {
            writer.compute(first, last, function);
        }
    }

    @Override
    public void storeAll(RangeView<? extends V> entries) {
        // Taken before the lock is acquired, because the other view may be a tree, whose snapshot acquires that tree's
        // lock.
        Snapshot<? extends V> all = entries.snapshot();
        try (Writer<V> writer = writer()) {
            writer.storeAll(all);
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
            boolean stored = startDraft(era).reserve(first, last, owner);
            publish();
            return stored;
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
        return store(where, true, value);
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
        return store(where, false, value);
    }

    private boolean store(GapSearch where, boolean upwards, V value) {
        beginEdit();
        try {
            return storeLocked(where, upwards, value);
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
        return reserve(where, true, owner);
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
        return reserve(where, false, owner);
    }

    private boolean reserve(GapSearch where, boolean upwards, Object owner) {
        beginEdit();
        try {
            boolean stored = startDraft(era).reserve(where, upwards, owner);
            publish();
            return stored;
        } finally {
            writerLock.unlock();
        }
    }

    /*
     * The edits of the tree and of its Writer, each of which is published separately: in place if possible, else by
     * copy-on-write in the draft. The caller must hold the writer lock, and no transaction may be open.
     *
     * Edits that are never made in place, e.g. those of reservations, create nodes of the tree's current era. They
     * start no open era, so they do not force the next snapshot to acquire the lock.
     */

    void storeLocked(long first, long last, V value) {
        Draft.requireValue(first, last, value);
        if (!replaceInPlace(rootAcquire(), Node.flip(first), Node.flip(last), value)) {
            openDraft().store(first, last, value);
            publish();
        }
    }

    boolean insertLocked(long first, long last, V value) {
        Draft.requireValue(first, last, value);
        if (fillInPlace(rootAcquire(), Node.flip(first), Node.flip(last), value)) {
            return true;
        }
        boolean stored = openDraft().insert(first, last, value);
        publish();
        return stored;
    }

    void eraseLocked(long first, long last) {
        IndexRange.requireRange(first, last);
        if (!freeInPlace(rootAcquire(), Node.flip(first), Node.flip(last))) {
            openDraft().erase(first, last);
            publish();
        }
    }

    @SuppressWarnings("unchecked") // only values of V get in
    @Nullable
    V eraseEntryLocked(long index) {
        Node root = rootAcquire();
        long key = Node.flip(index);
        Object value = Lookup.contentAt(root, key);
        if (value != null) {
            eraseLocked(Node.flip(Lookup.slotStart(root, key)), Node.flip(Lookup.slotEnd(root, key)));
        }
        return (V) value;
    }

    boolean storeLocked(GapSearch where, boolean upwards, V value) {
        Objects.requireNonNull(value, "value");
        boolean found = Objects.requireNonNull(where, "where").search(rootAcquire(), upwards);
        if (found) {
            storeLocked(where.first(), where.last(), value);
        }
        return found;
    }

    void storeCoalescingLocked(long first, long last, V value) {
        IndexRange joined;
        // While equals of a value runs, the tree rejects other edits by this thread.
        try (Transaction<V> transaction = begin()) {
            joined = transaction.coalesced(first, last, value);
        }
        storeLocked(joined.first(), joined.last(), value);
    }

    /** Returns a draft whose new nodes later edits may change in place. */
    private Draft openDraft() {
        return startDraft(era.open ? era : new Era(true));
    }

    /* Edits in place. */

    /** Stores {@code content} in {@code [lo, hi]}, replacing its contents. */
    private boolean replaceInPlace(Node root, long lo, long hi, Object content) {
        Node parent = parent(root, lo, hi);
        if (parent == null) {
            return false;
        }
        int slot = parentSlot;
        long[] pivots = parent.childPivots[slot];
        if (moves(root, parent, slot, lo, hi, content)) {
            return true;
        }
        int i = LeafNode.find(pivots, lo);
        return put(root, parent, slot, lo, hi, i, slotOf(pivots, hi, i), content);
    }

    /** Stores {@code content} in {@code [lo, hi]} if that range is free. */
    private boolean fillInPlace(Node root, long lo, long hi, Object content) {
        Node parent = parent(root, lo, hi);
        if (parent == null) {
            return false;
        }
        int slot = parentSlot;
        long[] pivots = parent.childPivots[slot];
        int i = LeafNode.find(pivots, lo);
        boolean isFree = LeafNode.content(parent.leaf(slot), i) == null && hi <= LeafNode.pivot(pivots, i);
        return isFree && put(root, parent, slot, lo, hi, i, i, content);
    }

    /** Frees {@code [lo, hi]}. */
    private boolean freeInPlace(Node root, long lo, long hi) {
        Node parent = parent(root, lo, hi);
        if (parent == null) {
            return false;
        }
        int slot = parentSlot;
        if (moves(root, parent, slot, lo, hi, null)) {
            return true;
        }
        @Nullable Object[] leaf = parent.leaf(slot);
        long[] pivots = parent.childPivots[slot];
        int i = LeafNode.find(pivots, lo);
        int j = slotOf(pivots, hi, i);
        if (i == j && LeafNode.content(leaf, i) == null) {
            return true;
        }
        // The range is merged with the adjacent free ranges, i.e. those of the slots of lo - 1 and hi + 1.
        long floor = floor(root, parent, slot, lo);
        int before = LeafNode.lowerBound(pivots, i, floor) < lo ? i : i - 1;
        int after = LeafNode.tail(pivots, hi, j);
        if ((before < 0 && !isTakenBefore(parent, slot, lo))
                || (after == LeafNode.size(leaf) && !isTakenAfter(parent, slot, hi))) {
            return false;
        }
        long from = lo;
        if (before >= 0 && LeafNode.content(leaf, before) == null) {
            i = before;
            from = LeafNode.lowerBound(pivots, i, floor);
        }
        long to = hi;
        if (after < LeafNode.size(leaf) && LeafNode.content(leaf, after) == null) {
            j = after;
            to = LeafNode.pivot(pivots, j);
        }
        return put(root, parent, slot, from, to, i, j, null);
    }

    /** Returns the slot of {@code hi}, which is slot {@code i} or a later one. */
    private static int slotOf(long[] pivots, long hi, int i) {
        return hi <= LeafNode.pivot(pivots, i) ? i : LeafNode.find(pivots, hi);
    }

    /**
     * Returns the parent of the leaf that contains the whole range, or null if that leaf must not be replaced in place.
     */
    private @Nullable Node parent(Node root, long lo, long hi) {
        Era now = era;
        if (!now.open) {
            return null;
        }
        Node parent = root;
        int slot = root.find(lo);
        while (parent.level != 1) {
            Node child = parent.child(slot);
            slot = parent.findBelow(slot, child, lo);
            parent = child;
        }
        parentSlot = slot;
        boolean isReserved = (parent.reservedIn >>> slot & 1) != 0;
        return parent.era == now && !isReserved && hi <= parent.pivot(slot) ? parent : null;
    }

    /** Returns the lower bound of the leaf in a slot; the leaf contains {@code key}. */
    private static long floor(Node root, Node parent, int slot, long key) {
        return slot > 0 ? parent.pivot(slot - 1) + 1 : Lookup.leafStart(root, key);
    }

    /** Replaces the leaf by one in which {@code [lo, hi]}, whose ends are in slots i and j, is a single slot. */
    private static boolean put(
            Node root, Node parent, int slot, long lo, long hi, int i, int j, @Nullable Object content) {
        @Nullable Object[] leaf = parent.leaf(slot);
        long[] pivots = parent.childPivots[slot];
        long floor = floor(root, parent, slot, lo);
        int at = LeafNode.at(pivots, floor, lo, i);
        int tail = LeafNode.tail(pivots, hi, j);
        int size = LeafNode.sizeAfter(leaf, at, tail);
        if (size > Node.FANOUT || (size < Node.MIN_FILL && !root.hasOneLeaf())) {
            return false;
        }
        long[] changed;
        if (i != j || at != i || tail != j + 1) {
            changed = LeafNode.change(pivots, lo, hi, i, at, tail);
            if (changed == null || LeafNode.hasEven(changed) != LeafNode.hasEven(pivots)) {
                return false;
            }
        } else if (LeafNode.content(leaf, i) == content) {
            return true;
        } else {
            changed = LeafNode.shared(pivots);
        }
        @Nullable Object[] made = LeafNode.of(changed, leaf, at, tail, content);
        LeafNode.makeMovable(made, LeafNode.changedBoundary(leaf, i, j, at, tail, content));
        long before = parent.gaps[slot];
        long gap = content == null
                ? larger(before, Node.length(lo, hi))
                : takesGap(leaf, floor, i, j, before) ? LeafNode.largestGap(made, floor) : before;
        boolean changesAbove = changesAbove(parent, slot, gap);
        if (changesAbove) {
            tryGap(root, lo, gap);
        }
        // The first store. If the stack overflows, this call fails before it stores anything.
        parent.replaceLeaf(slot, made);
        if (changesAbove) {
            setGap(root, lo, gap, UNKNOWN, true);
        } else {
            parent.gaps[slot] = gap;
        }
        return true;
    }

    /**
     * Moves the leaf's movable boundary if that is all that the edit changes. The edit stores {@code content} in {@code
     * [lo, hi]}, or frees it and merges it with the adjacent free range.
     */
    private static boolean moves(Node root, Node parent, int slot, long lo, long hi, @Nullable Object content) {
        long[] pivots = parent.childPivots[slot];
        int i = LeafNode.movable(pivots);
        if (i == LeafNode.NONE || !parent.ownsLeaf(slot)) {
            return false;
        }
        @Nullable Object[] leaf = parent.leaf(slot);
        long end = LeafNode.pivot(pivots, i);
        long start = i == 0 ? floor(root, parent, slot, lo) : LeafNode.pivot(pivots, i - 1) + 1;
        long next = LeafNode.pivot(pivots, i + 1);
        boolean isFree = content == null;
        long to;
        if (LeafNode.content(leaf, i) == content
                && hi > end
                && hi < next
                && (lo == start || (isFree && lo > start && lo <= end + 1))) {
            to = hi;
        } else if (LeafNode.content(leaf, i + 1) == content
                && lo <= end
                && lo > start
                && (hi == next || (isFree && hi < next && hi >= end))) {
            to = lo - 1;
        } else {
            return false;
        }
        if (!LeafNode.canBeStored(pivots, to)) {
            return false;
        }
        long gap = parent.gaps[slot];
        if (LeafNode.content(leaf, i) == null) {
            gap = resized(root, parent, slot, i, Node.length(start, end), Node.length(start, to), lo);
        } else if (LeafNode.content(leaf, i + 1) == null) {
            gap = resized(root, parent, slot, i + 1, Node.length(end + 1, next), Node.length(to + 1, next), lo);
        }
        boolean changesAbove = changesAbove(parent, slot, gap);
        if (changesAbove) {
            tryGap(root, lo, gap);
        }
        // This is the first store, as in put.
        LeafNode.move(pivots, i, to);
        if (changesAbove) {
            setGap(root, lo, gap, UNKNOWN, true);
        } else {
            parent.gaps[slot] = gap;
        }
        return true;
    }

    /** Returns the largest gap of the leaf of {@code key} after the free range in slot {@code k} is resized. */
    private static long resized(Node root, Node parent, int slot, int k, long before, long length, long key) {
        long largest = parent.gaps[slot];
        if (Long.compareUnsigned(length, largest) >= 0) {
            return length;
        }
        return before == largest
                ? LeafNode.largestGap(parent.leaf(slot), floor(root, parent, slot, key), k, length)
                : largest;
    }

    /** Returns whether the largest gap of a node may change if the gap of a slot becomes {@code gap}. */
    private static boolean changesAbove(Node parent, int slot, long gap) {
        long[] gaps = parent.gaps;
        long larger = larger(gaps[slot], gap);
        if (gap == gaps[slot]) {
            return false;
        }
        for (int i = 0; i < gaps.length; i++) {
            if (i != slot && Long.compareUnsigned(gaps[i], larger) >= 0) {
                return false;
            }
        }
        return true;
    }

    /**
     * Runs {@link #setGap} without its stores, one stack frame deeper than the later call of {@code setGap} with its
     * stores. So that later call cannot overflow the stack.
     */
    private static void tryGap(Node root, long key, long gap) {
        setGap(root, key, gap, UNKNOWN, false);
    }

    private static long larger(long a, long b) {
        return Long.compareUnsigned(a, b) < 0 ? b : a;
    }

    /** Returns whether one of the slots i to j, inclusive, is a free range of this length. */
    private static boolean takesGap(@Nullable Object[] leaf, long floor, int i, int j, long length) {
        for (int k = i; k <= j; k++) {
            if (LeafNode.content(leaf, k) == null && LeafNode.gap(leaf, k, floor) == length) {
                return true;
            }
        }
        return false;
    }

    /**
     * Returns whether the index before the leaf in a slot, whose lower bound is {@code lo}, is known not to be free.
     */
    private static boolean isTakenBefore(Node parent, int slot, long lo) {
        if (slot == 0) {
            return lo == Node.MIN;
        }
        @Nullable Object[] before = parent.leaf(slot - 1);
        return LeafNode.content(before, LeafNode.size(before) - 1) != null;
    }

    /** Returns whether the index after the leaf in a slot, whose upper bound is {@code hi}, is known not to be free. */
    private static boolean isTakenAfter(Node parent, int slot, long hi) {
        if (slot == parent.size() - 1) {
            return hi == Node.MAX;
        }
        return LeafNode.content(parent.leaf(slot + 1), 0) != null;
    }

    /**
     * Stores the largest gap of the leaf of {@code key} in the nodes above it, and returns the new largest gap of this
     * node.
     *
     * @param before the old largest gap of this node
     * @param stores false to compute only
     */
    private static long setGap(Node n, long key, long gap, long before, boolean stores) {
        int i = n.find(key);
        long old = n.gaps[i];
        long below = n.level == 1 ? gap : setGap(n.child(i), key, gap, old, stores);
        if (below == old) {
            return before;
        }
        long largest = n.largestGapWith(i, below, before);
        if (stores) {
            // All these nodes are of the open era, because an edit that creates a node also creates all nodes above it.
            n.gaps[i] = below;
        }
        return largest;
    }

    /* Transactions and the writer lock. */

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
        Writer<V> writer = new Writer<>(this);
        beginEdit();
        return writer;
    }

    private Transaction<V> open() {
        startDraft(era);
        Transaction<V> transaction = new Transaction<>(this);
        owner = Thread.currentThread();
        releases = lockReleases();
        current = transaction;
        return transaction;
    }

    /**
     * Returns whether a transaction of this thread is still the current one, and the thread has held the lock since.
     */
    boolean isOpen(Object transaction) {
        return writerLock.isHeldByCurrentThread()
                && current == transaction
                && owner == Thread.currentThread()
                && lockReleases() == releases;
    }

    /**
     * Returns how often the writer lock was released, or 0 if the lock does not count its releases. The caller must
     * hold the writer lock.
     */
    private long lockReleases() {
        return writerLock instanceof WriterLock own ? own.releases() : 0;
    }

    /** Ends the current transaction. The caller must hold the writer lock. */
    void end(boolean commit) {
        if (commit) {
            current = null;
            owner = null;
            publish();
        } else {
            startDraft(era);
        }
    }

    /** Acquires the writer lock. If this method throws, it has not acquired it. */
    private void acquire() {
        requireStack();
        writerLock.lock();
    }

    /** Acquires the writer lock. If this method throws, it has not acquired it. */
    private void beginEdit() {
        if (writerLock.isHeldByCurrentThread()) {
            requireNoTransaction();
        }
        boolean isReady = false;
        acquire();
        try {
            dropAbandoned();
            isReady = true;
        } finally {
            if (!isReady) {
                writerLock.unlock();
            }
        }
    }

    /**
     * Discards a transaction whose thread has released the lock without ending it. The caller must hold the writer
     * lock.
     */
    void dropAbandoned() {
        if (current != null) {
            startDraft(era);
        }
    }

    /** The caller must hold the writer lock. */
    void requireNoTransaction() {
        Object last = current;
        if (last != null && isOpen(last)) {
            throw new IllegalStateException("this thread has a transaction open on this tree");
        }
    }

    /**
     * Resets the draft to the current tree, for edits that create nodes of the given era. The caller must hold the
     * writer lock.
     */
    private Draft startDraft(Era next) {
        current = null;
        owner = null;
        draft.start(rootPlain(), next);
        return draft;
    }

    /** The only store that publishes a draft to readers. Pairs with {@link #rootAcquire()}. */
    private void publish() {
        assert writerLock.isHeldByCurrentThread();
        Node newRoot = draft.root();
        Era next = draft.era();
        draft.disown();
        if (newRoot != rootPlain()) {
            if (next != era) {
                // Must precede the publication of the first node of an open era. Pairs with frozenRoot().
                setEraRelease(next);
            }
            setRootRelease(newRoot);
        }
    }

    /** Ensures that no existing node is changed in place any more. The caller must hold the writer lock. */
    void endEra() {
        // Also ends the draft's era, so that an open transaction of this thread does not restore the old era.
        draft.endEra();
        if (era.open) {
            setEraRelease(draft.era());
        }
    }

    /** Returns the current root, after ensuring that no node below it is changed in place from now on. */
    private Node frozenRoot() {
        // If the era is closed, and unchanged after the root was read, no open era had started when the root was read,
        // and nodes of earlier eras are never written again. Pairs with publish().
        Era before = eraAcquire();
        Node seen = rootVolatile();
        if (!before.open && before == eraAcquire()) {
            return seen;
        }
        acquire();
        try {
            endEra();
            // The root read above is not returned, because a writer may have published another one since, or changed
            // nodes in place.
            return rootPlain();
        } finally {
            writerLock.unlock();
        }
    }

    private Era eraAcquire() {
        return (Era) ERA.getAcquire(this);
    }

    private void setEraRelease(Era next) {
        ERA.setRelease(this, next);
    }

    /**
     * Checks that enough stack is left to acquire and release the writer lock, whether the thread has to wait or not,
     * or to begin and end a transaction.
     *
     * @throws StackOverflowError if not
     */
    private static void requireStack() {
        int n = checksLeft;
        if (n != 0) {
            checksLeft = n - 1;
        }
        requireStack(VALUES, FRAMES, n % SAMPLE == 1);
    }

    /** Returns a sum of all values, so that no compiler leaves one of them out. Too long to be inlined. */
    private static long requireStack(long[] v, int frames, boolean isWide) {
        if (frames == 0) {
            return 0;
        }
        if (!isWide) {
            return requireStack(v, frames - 1, false);
        }
        long a0 = v[0], a1 = v[1], a2 = v[2], a3 = v[3], a4 = v[4], a5 = v[5], a6 = v[6], a7 = v[7];
        long b0 = v[8], b1 = v[9], b2 = v[10], b3 = v[11], b4 = v[12], b5 = v[13], b6 = v[14], b7 = v[15];
        long c0 = v[16], c1 = v[17], c2 = v[18], c3 = v[19], c4 = v[20], c5 = v[21], c6 = v[22], c7 = v[23];
        long d0 = v[24], d1 = v[25], d2 = v[26], d3 = v[27], d4 = v[28], d5 = v[29], d6 = v[30], d7 = v[31];
        long e0 = v[32], e1 = v[33], e2 = v[34], e3 = v[35], e4 = v[36], e5 = v[37], e6 = v[38], e7 = v[39];
        long f0 = v[40], f1 = v[41], f2 = v[42], f3 = v[43], f4 = v[44], f5 = v[45], f6 = v[46], f7 = v[47];
        long g0 = v[48], g1 = v[49], g2 = v[50], g3 = v[51], g4 = v[52], g5 = v[53], g6 = v[54], g7 = v[55];
        long h0 = v[56], h1 = v[57], h2 = v[58], h3 = v[59], h4 = v[60], h5 = v[61], h6 = v[62], h7 = v[63];
        long i0 = v[64], i1 = v[65], i2 = v[66], i3 = v[67], i4 = v[68], i5 = v[69], i6 = v[70], i7 = v[71];
        long j0 = v[72], j1 = v[73], j2 = v[74], j3 = v[75], j4 = v[76], j5 = v[77], j6 = v[78], j7 = v[79];
        long k0 = v[80], k1 = v[81], k2 = v[82], k3 = v[83], k4 = v[84], k5 = v[85], k6 = v[86], k7 = v[87];
        long l0 = v[88], l1 = v[89], l2 = v[90], l3 = v[91], l4 = v[92], l5 = v[93], l6 = v[94], l7 = v[95];
        long m0 = v[96], m1 = v[97], m2 = v[98], m3 = v[99], m4 = v[100], m5 = v[101], m6 = v[102], m7 = v[103];
        long n0 = v[104], n1 = v[105], n2 = v[106], n3 = v[107], n4 = v[108], n5 = v[109], n6 = v[110], n7 = v[111];
        long o0 = v[112], o1 = v[113], o2 = v[114], o3 = v[115], o4 = v[116], o5 = v[117], o6 = v[118], o7 = v[119];
        long p0 = v[120], p1 = v[121], p2 = v[122], p3 = v[123], p4 = v[124], p5 = v[125], p6 = v[126], p7 = v[127];
        long below = requireStack(v, frames - 1, true);
        return below + a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + b0 + b1 + b2 + b3 + b4 + b5 + b6 + b7 + c0 + c1 + c2 + c3
                + c4 + c5 + c6 + c7 + d0 + d1 + d2 + d3 + d4 + d5 + d6 + d7 + e0 + e1 + e2 + e3 + e4 + e5 + e6 + e7 + f0
                + f1 + f2 + f3 + f4 + f5 + f6 + f7 + g0 + g1 + g2 + g3 + g4 + g5 + g6 + g7 + h0 + h1 + h2 + h3 + h4 + h5
                + h6 + h7 + i0 + i1 + i2 + i3 + i4 + i5 + i6 + i7 + j0 + j1 + j2 + j3 + j4 + j5 + j6 + j7 + k0 + k1 + k2
                + k3 + k4 + k5 + k6 + k7 + l0 + l1 + l2 + l3 + l4 + l5 + l6 + l7 + m0 + m1 + m2 + m3 + m4 + m5 + m6 + m7
                + n0 + n1 + n2 + n3 + n4 + n5 + n6 + n7 + o0 + o1 + o2 + o3 + o4 + o5 + o6 + o7 + p0 + p1 + p2 + p3 + p4
                + p5 + p6 + p7;
    }

    /** The default writer lock, which counts its releases. */
    static final class WriterLock extends ReentrantLock {

        private static final long serialVersionUID = 1L;

        /**
         * Guarded by this lock.
         *
         * <p>Written: thread that is about to release the lock (plain, lock).
         * Read: holder of the lock (plain).
         * Invariant: unchanged while one thread holds the lock.
         */
        private long releases;

        WriterLock() {}

        @Override
        public void unlock() {
            if (getHoldCount() == 1) {
                releases++;
            }
            super.unlock();
        }

        /**
         * Returns the number of releases. If two calls by a thread return the same number, the thread held the lock
         * throughout. The caller must hold the lock.
         */
        long releases() {
            return releases;
        }
    }
}

/** The padding before the root; see {@link PublishedRoot}. */
@SuppressWarnings("unused") // padding
abstract class BeforeRoot {
    /** Fills the space after the object header, where the JVM would otherwise place the root. */
    private int header;

    private long b0;
    private long b1;
    private long b2;
    private long b3;
    private long b4;
    private long b5;
    private long b6;
    private long b7;
}

/**
 * The root reference, which every reader of a tree reads first, padded so that it has its own cache line. Without the
 * padding, it could share a cache line with the writer lock, which is allocated with the tree and which every edit
 * writes.
 *
 * <p>{@link BeforeRoot} and {@link AfterRoot} ensure, in any layout that the JVM chooses, that the object starts at
 * least 64 bytes before the end of the reference, and that no other field in use is within 64 bytes of either end of
 * it.
 */
abstract class PublishedRoot extends BeforeRoot {

    private static final VarHandle ROOT = ConstantBootstraps.fieldVarHandle(
            MethodHandles.lookup(), "root", VarHandle.class, PublishedRoot.class, Node.class);

    /**
     * The tree that readers see. Written under the writer lock.
     *
     * <p>Written: an edit or a commit that holds the writer lock, in {@code publish} only (release).
     * Read: any thread, in {@code rootAcquire} (acquire); {@code snapshot}, {@code version} and their checks, in {@code
     *     rootVolatile} (volatile); holders of the writer lock, in {@code rootPlain} (plain).
     * Pairs: the store in {@code publish} with the loads in {@code rootAcquire} and {@code rootVolatile}. The
     *     construction of the nodes, and all earlier actions of the writer, come before everything that the reader does
     *     with the nodes that it finds. An edit stores exactly one of these: this word, one slot, or one word of a
     *     leaf's pivots.
     * Invariant: a complete tree: {@code validate()} passes. On a cache line of its own.
     */
    private Node root;

    PublishedRoot(Node root) {
        this.root = root;
    }

    /** The caller must hold the writer lock. */
    final Node rootPlain() {
        return root;
    }

    /**
     * Pairs with {@link #setRootRelease}: a reader that loads this root sees its nodes, and the values in them, fully
     * initialized.
     */
    final Node rootAcquire() {
        return (Node) ROOT.getAcquire(this);
    }

    /**
     * As {@link #rootAcquire}, for readers that compare the roots of several trees. Volatile loads have one total order
     * for all threads, so two readers never disagree about which of two trees changed first. On x86 and AArch64, this
     * is the same instruction as an acquire load.
     */
    final Node rootVolatile() {
        return (Node) ROOT.getVolatile(this);
    }

    /** Pairs with {@link #rootAcquire} and {@link #rootVolatile}. */
    final void setRootRelease(Node newRoot) {
        ROOT.setRelease(this, newRoot);
    }
}

/** The padding after the root; see {@link PublishedRoot}. */
@SuppressWarnings("unused") // padding
abstract class AfterRoot extends PublishedRoot {
    /**
     * Fills the four bytes after a compressed root reference, which the JVM would otherwise use for a field of a
     * subclass.
     */
    private int rest;

    private long a0;
    private long a1;
    private long a2;
    private long a3;
    private long a4;
    private long a5;
    private long a6;
    private long a7;

    AfterRoot(Node root) {
        super(root);
    }
}
