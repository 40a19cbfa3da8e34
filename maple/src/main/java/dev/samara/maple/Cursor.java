// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import dev.samara.maple.LeafNode.Reservation;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A bidirectional cursor over the entries of a view. Not thread-safe.
 *
 * <p>A cursor skips reservations and free ranges. Over a {@link Snapshot}, it reports the snapshot's entries. Over a
 * {@link MapleTree} or a {@link Transaction} it is weakly consistent: each step starts at the bounds of the current
 * entry and searches the current tree. This is the contract of a walk, B.2 to B.4 of the package description:
 *
 * <ul>
 *   <li>A cursor reports each entry with the bounds that it had at some instant of the call.
 *   <li>Each entry ends above the previous one; a walk backwards reports entries that start below it. Two successive
 *       entries overlap only if a store changed bounds in between.
 *   <li>A cursor misses no index that has a value throughout the walk.
 * </ul>
 *
 * <p>So {@link #last()} strictly increases from one {@link #next()} to the next, and {@link #first()} strictly
 * decreases from one {@link #previous()} to the next. The reported entries need not have existed at the same instant.
 * To get the entries of one instant, take a {@link MapleTree#snapshot()}.
 *
 * <p>A cursor that was moved past the last entry stays there, even if entries are stored later: {@link #next()} returns
 * null again, and {@link #previous()} moves to the last entry. The reverse holds for a cursor before the first entry.
 * An unsuccessful {@link #find} leaves the cursor after the last entry, an unsuccessful {@link #findBackward} before
 * the first one.
 *
 * <p>A cursor on an entry references the version of the tree that its last step read, and so keeps that version's
 * values reachable, until it is moved or dropped. After the last entry or before the first one, it keeps no values
 * reachable. Moving does not allocate, except at most once in a tree of more than four levels, i.e. of thousands of
 * entries. After a method threw a {@link StackOverflowError}, the position is unspecified until the next {@link #find}
 * or {@link #findBackward}.
 *
 * @param <V> the type of values
 */
public final class Cursor<V> {

    /** Supplies the current root. */
    @FunctionalInterface
    interface RootSource {

        Node root();
    }

    private enum Place {
        UNPOSITIONED,
        ON_ENTRY,
        BEFORE_FIRST,
        AFTER_LAST
    }

    /** The maximum number of entries in a text. */
    private static final int TEXT_ENTRIES = 64;

    /** Below every slot number. */
    private static final int NO_PLAIN_STEP = -1;

    private final RootSource source;
    private Place place = Place.UNPOSITIONED;

    /** The root from which {@link #path} descends. */
    private Node root = Node.EMPTY;

    /* The node at each level, and the slot taken in it; unused for level 0. */
    private Node[] path = {root, root, root, root};
    private int[] at = new int[path.length];

    /* The end of the path, which each step reads: the node of level 1, the leaf in one of its slots, and its pivots. */
    private Node parent = root;
    private int sibling;
    private @Nullable Object[] leaf = root.leaf(0);
    private long[] pivots = LeafNode.pivots(leaf);

    /** The slot before the leaf's movable boundary; see {@link LeafNode}. */
    private int moving = LeafNode.NONE;

    /** The slot taken in the leaf. */
    private int slot;

    /**
     * The last slot with an entry, if the cursor is on an entry, the leaf contains no reservation and no boundary in it
     * is movable. A step to an entry up to this slot only needs to check that the leaf is current. Otherwise {@link
     * #NO_PLAIN_STEP}.
     */
    private int lastPlain = NO_PLAIN_STEP;

    /* The bounds of the slot at the end of the path. */
    private long lo;
    private long hi;

    Cursor(RootSource source) {
        this.source = source;
    }

    /**
     * Moves to the entry that covers an index, or else to the next entry above it.
     *
     * @param index where to start, unsigned
     * @return the value of that entry, or null if there is none: the cursor is then after the last entry
     */
    public @Nullable V find(long index) {
        return forwardFrom(source.root(), Node.flip(index));
    }

    /**
     * Moves to the entry that covers an index, or else to the next entry below it.
     *
     * @param index where to start, unsigned
     * @return the value of that entry, or null if there is none: the cursor is then before the first entry
     */
    public @Nullable V findBackward(long index) {
        return backwardFrom(source.root(), Node.flip(index));
    }

    /**
     * Moves to the next entry. A new cursor, or one before the first entry, moves to the first entry. A cursor after
     * the last entry stays there.
     *
     * @return the value of that entry, or null if there is none
     */
    @SuppressWarnings("unchecked") // only values of V get in
    public @Nullable V next() {
        Node now = source.root();
        if (slot < lastPlain && isCurrent(now)) {
            @Nullable Object[] here = leaf;
            int i = slot + 1;
            Object found = LeafNode.content(here, i);
            long from = hi + 1;
            while (found == null) {
                from = LeafNode.pivot(pivots, i) + 1;
                i++;
                found = LeafNode.content(here, i);
            }
            slot = i;
            lo = from;
            hi = LeafNode.pivot(pivots, i);
            return (V) found;
        }
        return nextBeyond(now);
    }

    /** Moves to the next entry, which may be in another leaf. */
    private @Nullable V nextBeyond(Node now) {
        if (place == Place.ON_ENTRY) {
            if (isCurrent(now) && (slot != moving || LeafNode.pivot(pivots, slot) == hi)) {
                return forward();
            }
            return hi == Node.MAX ? fallOff(Place.AFTER_LAST) : forwardFrom(now, hi + 1);
        }
        return place == Place.AFTER_LAST ? null : forwardFrom(now, Node.MIN);
    }

    /**
     * Moves to the previous entry. A new cursor, or one after the last entry, moves to the last entry. A cursor before
     * the first entry stays there.
     *
     * @return the value of that entry, or null if there is none
     */
    public @Nullable V previous() {
        Node now = source.root();
        if (place == Place.ON_ENTRY) {
            if (isCurrent(now) && (slot - 1 != moving || LeafNode.pivot(pivots, moving) + 1 == lo)) {
                return backward();
            }
            return lo == Node.MIN ? fallOff(Place.BEFORE_FIRST) : backwardFrom(now, lo - 1);
        }
        return place == Place.BEFORE_FIRST ? null : backwardFrom(now, Node.MAX);
    }

    /**
     * Returns the lowest index of the current entry.
     *
     * @return the index, unsigned
     * @throws IllegalStateException if the cursor is not on an entry
     */
    public long first() {
        requireEntry();
        return Node.flip(lo);
    }

    /**
     * Returns the highest index of the current entry, inclusive.
     *
     * @return the index, unsigned
     * @throws IllegalStateException if the cursor is not on an entry
     */
    public long last() {
        requireEntry();
        return Node.flip(hi);
    }

    /**
     * Returns the value that the current entry had when the cursor moved there.
     *
     * @return the value
     * @throws IllegalStateException if the cursor is not on an entry
     */
    @SuppressWarnings("unchecked") // only values of V get in
    public V value() {
        requireEntry();
        return (V) Objects.requireNonNull(content());
    }

    /** Returns the current entry, or null if the cursor is not on one. */
    @Nullable
    RangeEntry<V> entry() {
        return place == Place.ON_ENTRY ? new RangeEntry<>(first(), last(), value()) : null;
    }

    /** Moves over the next entries, and returns the first ones as text. */
    String text() {
        StringBuilder text = new StringBuilder("{");
        V value = next();
        for (int n = 0; value != null; n++) {
            text.append(n == 0 ? "" : ", ");
            if (n == TEXT_ENTRIES) {
                return text.append("...}").toString();
            }
            text.append(IndexRange.text(first(), last())).append('=').append(value);
            value = next();
        }
        return text.append('}').toString();
    }

    private void requireEntry() {
        if (place != Place.ON_ENTRY) {
            throw new IllegalStateException("the cursor is not on an entry");
        }
    }

    /** Returns the content of the slot at the end of the path. The contents of a leaf are immutable. */
    private @Nullable Object content() {
        return LeafNode.content(leaf, slot);
    }

    /** Moves to the entry that covers {@code key}, or else to the next entry. */
    private @Nullable V forwardFrom(Node from, long key) {
        descend(from, key);
        Object found = content();
        return isEntry(found) ? stay(found) : forward();
    }

    private @Nullable V backwardFrom(Node from, long key) {
        descend(from, key);
        Object found = content();
        return isEntry(found) ? stay(found) : backward();
    }

    private void descend(Node from, long key) {
        if (from.level >= at.length) {
            Node[] longer = new Node[Node.MAX_LEVELS];
            at = new int[Node.MAX_LEVELS];
            path = longer;
            Arrays.fill(path, Node.EMPTY);
        }
        for (int level = from.level + 1; level <= root.level; level++) {
            path[level] = Node.EMPTY;
        }
        root = from;
        Node n = from;
        lo = Node.MIN;
        for (; ; ) {
            int i = n.find(key);
            path[n.level] = n;
            at[n.level] = i;
            lo = n.lowerBound(i, lo);
            if (n.level == 1) {
                break;
            }
            n = n.child(i);
        }
        enterLeaf();
        slot = LeafNode.find(pivots, key);
        lo = LeafNode.lowerBound(pivots, slot, lo);
        hi = LeafNode.pivot(pivots, slot);
        // The movable boundary may have passed the key since the search. It is not read again after this, because it is
        // one of these two bounds, and the other bounds are immutable.
        if (hi < key) {
            slot++;
            lo = hi + 1;
            hi = LeafNode.pivot(pivots, slot);
        } else if (key < lo) {
            slot--;
            hi = lo - 1;
            lo = slot > 0 ? LeafNode.pivot(pivots, slot - 1) + 1 : Node.floor(path, at, root.level);
        }
        LeafNode.endRead();
    }

    /** Reads the leaf at the end of the path. */
    private void enterLeaf() {
        lastPlain = NO_PLAIN_STEP;
        Node above = path[1];
        if (above != parent) {
            parent = above;
        }
        sibling = at[1];
        // As in Lookup.get: the pivots are loaded from the parent, which need not wait for the leaf, and compared
        // later.
        long[] early = above.childPivots[sibling];
        @Nullable Object[] found = above.leaf(sibling);
        leaf = found;
        pivots = found[0] == early ? early : LeafNode.pivots(found);
        moving = LeafNode.movable(pivots);
    }

    /**
     * Returns whether the path is valid in the tree with root {@code now}. Root and leaf suffice, because in a
     * published inner node only references to leaves change. A boundary in the leaf may have moved.
     */
    private boolean isCurrent(Node now) {
        return now == root && Node.isLeaf(parent.leaves, sibling, leaf);
    }

    private boolean isEntry(@Nullable Object content) {
        return content != null && !(parent.reservedIn != 0 && content instanceof Reservation);
    }

    @SuppressWarnings("unchecked") // only values of V get in
    private @Nullable V stay(@Nullable Object content) {
        if (place != Place.ON_ENTRY) {
            place = Place.ON_ENTRY;
        }
        if (lastPlain == NO_PLAIN_STEP && moving == LeafNode.NONE && parent.reservedIn == 0) {
            int last = LeafNode.size(leaf) - 1;
            // Free ranges of a leaf are never adjacent.
            lastPlain = LeafNode.content(leaf, last) == null ? last - 1 : last;
        }
        return (V) content;
    }

    /** Moves past an end, and releases the tree: the next move descends from its root again. */
    private @Nullable V fallOff(Place end) {
        for (int level = 1; level <= root.level; level++) {
            path[level] = Node.EMPTY;
        }
        root = Node.EMPTY;
        parent = root;
        leaf = root.leaf(0);
        lastPlain = NO_PLAIN_STEP;
        place = end;
        return null;
    }

    /**
     * Moves to the next entry. If the cursor is on an entry, the caller has checked that it still ends at {@code hi}.
     */
    private @Nullable V forward() {
        for (; ; ) {
            @Nullable Object[] here = leaf;
            long[] ends = pivots;
            long from = hi + 1;
            for (int i = slot + 1; i < LeafNode.size(here); i++) {
                Object found = LeafNode.content(here, i);
                long last = LeafNode.pivot(ends, i);
                if (isEntry(found)) {
                    LeafNode.endRead();
                    slot = i;
                    lo = from;
                    hi = last;
                    return stay(found);
                }
                from = last + 1;
            }
            hi = parent.pivot(sibling);
            if (!Node.toNeighbour(path, at, 1, root.level, 1)) {
                return fallOff(Place.AFTER_LAST);
            }
            enterLeaf();
            slot = -1;
        }
    }

    /** Moves to the previous entry. The caller has checked that the current one still starts at {@code lo}. */
    private @Nullable V backward() {
        for (; ; ) {
            @Nullable Object[] here = leaf;
            long[] ends = pivots;
            long to = lo - 1;
            for (int i = slot - 1; i >= 0; i--) {
                Object found = LeafNode.content(here, i);
                long before = i > 0 ? LeafNode.pivot(ends, i - 1) : Node.floor(path, at, root.level) - 1;
                if (isEntry(found)) {
                    LeafNode.endRead();
                    slot = i;
                    hi = to;
                    lo = before + 1;
                    return stay(found);
                }
                to = before;
            }
            lo = Node.floor(path, at, root.level);
            if (!Node.toNeighbour(path, at, 1, root.level, -1)) {
                return fallOff(Place.BEFORE_FIRST);
            }
            enterLeaf();
            slot = LeafNode.size(leaf);
        }
    }
}
