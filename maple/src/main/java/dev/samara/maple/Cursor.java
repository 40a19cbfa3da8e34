// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A position among the entries of a view, which can move in both directions. For use by one thread at a time.
 *
 * <p>A cursor skips reservations and free ranges. Over a {@link Snapshot} the entries are those of its instant. Over a
 * {@link MapleTree} or a {@link Transaction} each step goes from the bounds of the current entry to the tree as it is
 * then:
 *
 * <ul>
 *   <li>each entry reported was in the tree, with these bounds, at some instant of the call that reported it;
 *   <li>{@link #next()} reports an entry that reaches above the current {@link #last()}, so {@code last()} strictly
 *       rises, and skips no index that has a value during the whole call; {@link #previous()} likewise, and {@code
 *       first()} strictly falls;
 *   <li>so each index that a walk passes, and that has a value throughout the walk, is in a reported entry. Entries
 *       reported one after the other overlap only if a store changed bounds in between;
 *   <li>the entries together need not have existed at one instant. For that, take a {@link MapleTree#snapshot()}.
 * </ul>
 *
 * <p>A cursor that was moved off the last entry stays after it, even if entries are stored later: {@link #next()} is
 * null again, and {@link #previous()} is the last entry of all. Off the first entry the reverse holds. A search without
 * a result leaves the cursor off that end.
 *
 * <p>A cursor keeps the tree of its last step, and the values in it, reachable until it is moved or dropped. Moving
 * does not allocate, except at most once in a tree of more than four levels: thousands of entries.
 *
 * @param <V> the type of values
 */
public final class Cursor<V> {

    private enum Place {
        UNPOSITIONED,
        ON_ENTRY,
        BEFORE_FIRST,
        AFTER_LAST
    }

    private final RootSource source;
    private Place place = Place.UNPOSITIONED;

    /** The root of the tree of {@link #path}. */
    private Node root = Node.EMPTY;

    /* The node of each level, and the slot taken in it; unused for level 0. */
    private Node[] path = {root, root, root, root};
    private int[] at = new int[path.length];

    /* The end of the path, where each step looks: the node of level 1, the leaf in a slot of it, and its pivots. */
    private Node parent = root;
    private int sibling;
    private @Nullable Object[] leaf = root.leaf(0);
    private long[] pivots = LeafNode.pivots(leaf);

    /** The slot before the boundary of the leaf that moves; see {@link LeafBoundary}. */
    private int moving = LeafBoundary.NONE;

    /** The slot taken in the leaf. */
    private int slot;

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
        return forwardFrom(source.root(), Keys.flip(index));
    }

    /**
     * Moves to the entry that covers an index, or else to the next entry below it.
     *
     * @param index where to start, unsigned
     * @return the value of that entry, or null if there is none: the cursor is then before the first entry
     */
    public @Nullable V findBackward(long index) {
        return backwardFrom(source.root(), Keys.flip(index));
    }

    /**
     * Moves to the next entry. A cursor without a position, or before the first entry, moves to the first entry of all.
     * A cursor after the last entry stays there.
     *
     * @return the value of that entry, or null if there is none
     */
    public @Nullable V next() {
        Node now = source.root();
        if (place == Place.ON_ENTRY) {
            if (isCurrent(now) && (slot != moving || LeafPivots.pivot(pivots, slot) == hi)) {
                return forward();
            }
            return hi == Keys.MAX ? leave(now, hi, Place.AFTER_LAST) : forwardFrom(now, hi + 1);
        }
        return place == Place.AFTER_LAST ? null : forwardFrom(now, Keys.MIN);
    }

    /**
     * Moves to the previous entry. A cursor without a position, or after the last entry, moves to the last entry of
     * all. A cursor before the first entry stays there.
     *
     * @return the value of that entry, or null if there is none
     */
    public @Nullable V previous() {
        Node now = source.root();
        if (place == Place.ON_ENTRY) {
            if (isCurrent(now) && (slot - 1 != moving || LeafPivots.pivot(pivots, moving) + 1 == lo)) {
                return backward();
            }
            return lo == Keys.MIN ? leave(now, lo, Place.BEFORE_FIRST) : backwardFrom(now, lo - 1);
        }
        return place == Place.BEFORE_FIRST ? null : backwardFrom(now, Keys.MAX);
    }

    /**
     * Returns the lowest index of the current entry.
     *
     * @return the index, unsigned
     * @throws IllegalStateException if the cursor is not on an entry
     */
    public long first() {
        requireEntry();
        return Keys.flip(lo);
    }

    /**
     * Returns the highest index of the current entry, inclusive.
     *
     * @return the index, unsigned
     * @throws IllegalStateException if the cursor is not on an entry
     */
    public long last() {
        requireEntry();
        return Keys.flip(hi);
    }

    /**
     * Returns the value of the current entry, as it was when the cursor moved there.
     *
     * @return the value
     * @throws IllegalStateException if the cursor is not on an entry
     */
    @SuppressWarnings("unchecked") // only values of V get in
    public V value() {
        return (V) requireEntry();
    }

    private Object requireEntry() {
        Object value = place == Place.ON_ENTRY ? content() : null;
        if (value == null) {
            throw new IllegalStateException("the cursor is not on an entry");
        }
        return value;
    }

    /** Returns the content of the slot at the end of the path. The contents of a leaf do not change. */
    private @Nullable Object content() {
        return LeafNode.content(leaf, slot);
    }

    /** Stays on the entry of the slot of {@code key}, or moves to the next entry. */
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
        lo = Keys.MIN;
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
        slot = LeafPivots.find(pivots, key);
        lo = LeafPivots.lowerBound(pivots, slot, lo);
        hi = LeafPivots.pivot(pivots, slot);
        // The boundary that moves may have passed the key since the search. It is read for the last time here: it is
        // one of these two bounds, and the bounds beyond stay.
        if (hi < key) {
            slot++;
            lo = hi + 1;
            hi = LeafPivots.pivot(pivots, slot);
        } else if (key < lo) {
            slot--;
            hi = lo - 1;
            lo = slot > 0 ? LeafPivots.pivot(pivots, slot - 1) + 1 : floor();
        }
        LeafPivots.endRead();
    }

    /** Takes the leaf at the end of the path. */
    private void enterLeaf() {
        parent = path[1];
        sibling = at[1];
        leaf = parent.leaf(sibling);
        pivots = LeafNode.pivots(leaf);
        moving = LeafBoundary.of(pivots);
    }

    /**
     * Returns whether the path is of the tree of {@code now}: an inner node changes only in its leaves. A boundary in
     * the leaf may have moved.
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
        return (V) content;
    }

    /** Moves off the end at {@code key} from an entry of another tree than {@code now}, and drops that tree. */
    private @Nullable V leave(Node now, long key, Place end) {
        descend(now, key);
        return fallOff(end);
    }

    private @Nullable V fallOff(Place end) {
        place = end;
        return null;
    }

    /** The caller knows that the entry still ends at {@code hi}, if it stands on one; so each pivot is read once. */
    private @Nullable V forward() {
        for (; ; ) {
            @Nullable Object[] here = leaf;
            long[] ends = pivots;
            long from = hi + 1;
            for (int i = slot + 1; i < LeafNode.size(here); i++) {
                Object found = LeafNode.content(here, i);
                long last = LeafPivots.pivot(ends, i);
                if (isEntry(found)) {
                    LeafPivots.endRead();
                    slot = i;
                    lo = from;
                    hi = last;
                    return stay(found);
                }
                from = last + 1;
            }
            hi = parent.pivot(sibling);
            if (!nextLeaf()) {
                return fallOff(Place.AFTER_LAST);
            }
        }
    }

    /** Moves before the first slot of the next leaf. Returns false if there is none. */
    private boolean nextLeaf() {
        int level = 1;
        while (level <= root.level && at[level] == path[level].size() - 1) {
            level++;
        }
        if (level > root.level) {
            return false;
        }
        at[level]++;
        for (; level > 1; level--) {
            path[level - 1] = path[level].child(at[level]);
            at[level - 1] = 0;
        }
        enterLeaf();
        slot = -1;
        return true;
    }

    /** As {@link #forward}; the entry still starts at {@code lo}. */
    private @Nullable V backward() {
        for (; ; ) {
            @Nullable Object[] here = leaf;
            long[] ends = pivots;
            long to = lo - 1;
            for (int i = slot - 1; i >= 0; i--) {
                Object found = LeafNode.content(here, i);
                long before = i > 0 ? LeafPivots.pivot(ends, i - 1) : floor() - 1;
                if (isEntry(found)) {
                    LeafPivots.endRead();
                    slot = i;
                    hi = to;
                    lo = before + 1;
                    return stay(found);
                }
                to = before;
            }
            lo = floor();
            if (!previousLeaf()) {
                return fallOff(Place.BEFORE_FIRST);
            }
        }
    }

    /** Moves after the last slot of the previous leaf. Returns false if there is none. */
    private boolean previousLeaf() {
        int level = 1;
        while (level <= root.level && at[level] == 0) {
            level++;
        }
        if (level > root.level) {
            return false;
        }
        at[level]--;
        for (; level > 1; level--) {
            Node n = path[level].child(at[level]);
            path[level - 1] = n;
            at[level - 1] = n.size() - 1;
        }
        enterLeaf();
        slot = LeafNode.size(leaf);
        return true;
    }

    /** Returns the lower bound of the leaf. */
    private long floor() {
        for (int level = 1; level <= root.level; level++) {
            if (at[level] > 0) {
                return path[level].pivot(at[level] - 1) + 1;
            }
        }
        return Keys.MIN;
    }
}
