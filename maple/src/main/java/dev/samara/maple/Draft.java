// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import dev.samara.maple.LeafNode.Reservation;
import dev.samara.maple.Node.Era;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The writer's working copy of a tree: an unpublished root, and the edits that replace it by a new one.
 *
 * <p>This class defines the semantics of edits: which arguments they accept, which contents they may replace, and what
 * they throw. It changes the nodes and merges free ranges; {@link MapleTree} publishes the result. An edit that throws
 * leaves the root unchanged. The caller must hold the writer lock. Parameters {@code first} and {@code last} are
 * indexes, as in the public methods that call these methods.
 */
final class Draft {

    /*
     * Algorithmic notes
     *
     * The tree is a B-tree. This is its slow path for single edits (the fast path is MapleTree's edit in place), and
     * the only path for transactions. It is copy-on-write: it copies the path from the root to the changed slots and
     * shares the rest. There is one structural change: the contents of a range are replaced by a single slot.
     * Overwriting a slot, splitting one into two or three, inserting, erasing, and storing over half the tree are all
     * this case: two descents, to the slot of lo and to the slot of hi, and a removal of the nodes in between. A reader
     * sees either the old root or the new root, and no state in between. All new nodes belong to one era; if it is
     * open, later edits may change them in place.
     *
     * Free ranges are never adjacent. A freed range is first extended over the free ranges next to it, and a piece of a
     * free slot that an edit leaves keeps its neighbour on the other side, which is not free.
     *
     * Compare mas_wr_spanning_store, mas_wr_split and mas_wr_rebalance in Linux's lib/maple_tree.c, which handle these
     * cases separately, because Linux must save memory and may write in place.
     *
     * ONE NODE FOR ONE NODE. In the common case one leaf replaces one leaf. That leaf is created directly, without a
     * list of items. The bounds in the levels above do not change. Each node of the path above is copied with one slot
     * changed; the copy shares the array of halves.
     *
     * A second edit nearby in the same transaction need not copy the path again. A node is owned, i.e. may be written,
     * from its creation until disown(), as long as it is on the path. Invariant: an owned node is reachable only from
     * the caller's root and from cursors of its transaction. These cursors compare the identity of the root, and never
     * read nodes below a root that is not the latest. So disown() must be called before a root is published or passed
     * to other code. At the first owned node of the path, an edit writes the slot in place, and the gaps in the owned
     * nodes above. Only the root is replaced by a new object with the same arrays, so that cursors detect the change.
     * But the copying continues to the next level if the notes of the child (Node.notes) change, or if gaps change in
     * an array that older nodes share.
     *
     * All allocation precedes the first write to an owned node. So an edit that throws OutOfMemoryError changes
     * nothing.
     *
     * The largest gap of a leaf is computed from its slots and its lower bound. The largest gap of an inner node is the
     * maximum of the gaps of its children.
     *
     * SEVERAL NODES. All nodes between two paths are replaced, level by level.
     *
     *                              root
     *               .---------------+----------------.
     *            left[1]           ...            right[1]
     *        .------+------.                   .------+------.
     *        a  leftLeaf   X                   X  rightLeaf  z
     *       ___/         \___                 ___/         \___
     *      | b  c |  lo    X |               | X    hi  | y    |
     *
     *    1. At the leaves the items of the new nodes are: b, c, the piece of lo's slot before lo if there is one, the
     *       new slot, the piece of hi's slot after hi if there is one, y.
     *    2. The items are divided evenly among ceil(n / 16) nodes. Two full nodes without the replaced slots, plus
     *       three pieces, are at most 33 items. So one to three nodes are built, and if there are several, each
     *       contains at least eight items.
     *    3. One level up, the items are: the children before left (a), the nodes just built, the children after right
     *       (z). This holds whether left and right have the same parent or not. Repeat 2 and 3 up to the root.
     *    4. If several nodes are built at the root's level, they get a new root above them. A root whose only child is
     *       a node is dropped.
     *
     * If there are fewer than Node.MIN_FILL items for a node at any level below the root's, the items of the
     * whole node before left are added before step 2. To find it, the left path climbs to the first level where it can
     * move one slot to the left, and descends along the right edge, so the node may be a cousin. Step 3 then uses the
     * moved path, so the added node is also replaced. If there is no node to the left, the right path moves to the
     * right instead. If there is no node there either, these items are the whole level, and step 4 removes the levels
     * above it.
     *
     *      before:  left[1] = (p, q, r)   leftLeaf = r with 3 items left, r's neighbour is q
     *      then:    leftAt[1] = 1, which is q; items = q's and the 3; the level above gets (p, built...)
     *
     * Entries often arrive in ascending or in descending order. If each split divided the items evenly, every leaf but
     * the last one would stay half full. So where the last leaf of the tree overflows because a range was stored after
     * all of its entries, step 2 leaves as many items as possible to the lower nodes, and moves items into the node
     * before, if it is not full. Only the last two nodes of a level then have less than 16 slots. Descending order is
     * the mirror image.
     *
     *      before:  (11 slots) (16 slots)             one more range, and a gap before it, are stored at the end
     *      then:    (16 slots) (13 slots)
     *      later:   (16 slots) (16 slots)
     *      then:    (16 slots) (12 slots) (6 slots)   6 is Node.MIN_FILL
     *
     * The same steps join two trees at an index: left is a path in the lower tree, and right one in the upper tree. If
     * the trees differ in height, levels with a single child are first added above the root of the lower one.
     *
     * As soon as one node replaces one node, the rest of the path is only copied, as above.
     *
     * Each item includes its gap.
     */

    /** Returned by {@link #prepareGaps} instead of a level if gaps cannot be written in place. */
    private static final int SHARED = -1;

    private Node root = Node.EMPTY;

    /** The era of new nodes. */
    private Era era = Node.EMPTY.era;

    /** The level of the latest descent's root; 0 if {@link #left} is empty. */
    private int top;

    /* The path of lo: the node at each level above the leaves, and the slot taken in it or in the leaf. */
    private final Node[] left = new Node[Node.MAX_LEVELS];
    private final int[] leftAt = new int[Node.MAX_LEVELS];

    /** The leaf at the end of the path. */
    private @Nullable Object[] leftLeaf = LeafNode.NO_LEAF;

    /** The lower bound of the leaf. */
    private long floor;

    /** A bit for each level, set if the node in {@link #left} is owned. */
    private int owned;

    /** A bit for each level, set if no other node shares the array of gaps of the owned node. */
    private int ownedGaps;

    /** The gaps to be written to owned nodes, by level. */
    private final long[] newGaps = new long[Node.MAX_LEVELS];

    /* The path of hi, and the leaf at its end; used if several nodes are replaced. */
    private final Node[] right = new Node[Node.MAX_LEVELS];
    private final int[] rightAt = new int[Node.MAX_LEVELS];
    private @Nullable Object[] rightLeaf = LeafNode.NO_LEAF;

    /**
     * The items of the level that is being built. There is room for two full nodes minus one slot each, plus three
     * items: the new slot, and what is left of the replaced slots before and after it. An underfull node plus a whole
     * neighbour always contain fewer items, and so do an overflowing node at the end of a tree, i.e. 18 items, plus a
     * neighbour that is not full.
     */
    private final Node.Items items = new Node.Items(2 * Node.FANOUT + 1);

    /** The end of the tree at which the leaf overflows: 1 after its last entry, -1 before its first one, else 0. */
    private int growsAt;

    Draft() {
        Arrays.fill(left, Node.EMPTY);
        Arrays.fill(right, Node.EMPTY);
    }

    Node root() {
        return root;
    }

    /** Resets this draft to a published tree. New nodes will be of the given era. */
    void start(Node published, Era next) {
        disown();
        root = published;
        era = next;
    }

    /** Returns the era that the tree enters when this draft is published. */
    Era era() {
        return era;
    }

    /** Ends the era of new nodes, because other code will read the root while later edits run. */
    void endEra() {
        disown();
        era = new Era(false);
    }

    /** Ends the ownership of all nodes, and drops the references to all nodes except the root. */
    void disown() {
        owned = 0;
        for (; top > 0; top--) {
            left[top] = Node.EMPTY;
        }
        leftLeaf = LeafNode.NO_LEAF;
    }

    /**
     * Resets this draft to one of its earlier roots. No node below that root may have been changed in place since then.
     */
    void restore(Node earlier) {
        disown();
        root = earlier;
    }

    void store(long first, long last, Object value) {
        requireValue(first, last, value);
        replace(first, last, value, null);
    }

    void store(long first, long last, Object value, Object owner) {
        requireValue(first, last, value);
        replace(first, last, value, requireOwner(owner));
    }

    void replaceByReservation(long first, long last, Object owner) {
        IndexRange.requireRange(first, last);
        replace(first, last, new Reservation(requireOwner(owner)), owner);
    }

    boolean insert(long first, long last, Object value) {
        requireValue(first, last, value);
        return fill(first, last, value);
    }

    boolean reserve(long first, long last, Object owner) {
        IndexRange.requireRange(first, last);
        return fill(first, last, new Reservation(requireOwner(owner)));
    }

    /** Reserves the lowest range that satisfies a request, or the highest one. */
    boolean reserve(GapSearch where, boolean upwards, Object owner) {
        Object reservation = new Reservation(requireOwner(owner));
        boolean found = Objects.requireNonNull(where, "where").search(root, upwards);
        if (found) {
            replace(where.first(), where.last(), reservation, null);
        }
        return found;
    }

    void erase(long first, long last) {
        IndexRange.requireRange(first, last);
        free(first, last, null);
    }

    void erase(long first, long last, Object owner) {
        IndexRange.requireRange(first, last);
        free(first, last, requireOwner(owner));
    }

    @Nullable
    Object eraseEntry(long index) {
        long key = Node.flip(index);
        Object value = Lookup.contentAt(root, key);
        if (value != null) {
            free(Node.flip(Lookup.slotStart(root, key)), Node.flip(Lookup.slotEnd(root, key)), null);
        }
        return value;
    }

    /**
     * Fills a tree that contains no values. Its reservations are kept.
     *
     * @param entries the root of the new values, whose nodes belong to a separate era
     */
    void fill(Node entries) {
        Node before = root;
        if (Lookup.atOrAfter(before, Node.MIN) != null) {
            throw new IllegalStateException("there are values already");
        }
        boolean isDone = false;
        try {
            // Its nodes are of another era, so every later edit copies the nodes that it changes.
            root = entries;
            RangeEntry<Object> next = Lookup.reservationIn(before, Node.MIN, Node.MAX, null);
            while (next != null) {
                if (!fill(next.first(), next.last(), new Reservation(next.value()))) {
                    throw new ReservedException(next.first(), next.last(), next.value());
                }
                long hi = Node.flip(next.last());
                next = hi == Node.MAX ? null : Lookup.reservationIn(before, hi + 1, Node.MAX, null);
            }
            isDone = true;
        } finally {
            if (!isDone) {
                restore(before);
            }
        }
    }

    static void requireValue(long first, long last, Object value) {
        IndexRange.requireRange(first, last);
        Objects.requireNonNull(value, "value");
    }

    private static Object requireOwner(Object owner) {
        return Objects.requireNonNull(owner, "owner");
    }

    /**
     * Returns the root of a tree with the contents of another one in {@code [lo, hi]} and reservations of an owner
     * everywhere else. Both trees share all nodes except those along the borders, and must no longer change.
     */
    static Node within(Node root, long lo, long hi, Object owner) {
        Draft draft = new Draft();
        draft.start(root, new Era(false));
        if (lo != Node.MIN) {
            draft.descend(draft.root, Node.MIN);
            draft.change(Node.MIN, lo - 1, new Reservation(owner));
        }
        if (hi != Node.MAX) {
            draft.descend(draft.root, hi + 1);
            draft.change(hi + 1, Node.MAX, new Reservation(owner));
        }
        return draft.root;
    }

    /**
     * Returns the root of a tree with the contents of one tree below {@code lo}, and of another from {@code lo} on,
     * which must no longer change. It shares their nodes except those along the border.
     */
    static Node join(Node lower, long lo, Node upper) {
        if (lo == Node.MIN) {
            return upper;
        }
        Draft draft = new Draft();
        draft.endEra();
        Object content = Lookup.contentAt(upper, lo);
        long hi = Lookup.slotEnd(upper, lo);
        // Free ranges that meet at the border are merged.
        long from = content == null && Lookup.contentAt(lower, lo - 1) == null ? Lookup.slotStart(lower, lo - 1) : lo;
        int height = Math.max(lower.level, upper.level);
        draft.descend(draft.raised(lower, height), from);
        draft.descendRight(draft.raised(upper, height), hi);
        draft.leafItems(from, hi, content);
        return draft.rebuild(true);
    }

    /** Returns a root of this level above a node. The nodes in between have a single child. */
    private Node raised(Node lower, int level) {
        Node n = lower;
        while (n.level < level) {
            long[] pivots = {Node.MAX};
            long[] gaps = {n.largestGap()};
            n = Node.inner(n.level + 1, pivots, new Object[] {n}, gaps, new int[] {n.notes()}, 0, 1, era);
        }
        return n;
    }

    /**
     * Stores {@code content} in a range, replacing its contents.
     *
     * @throws ReservedException if the range overlaps a reservation of another owner
     */
    private void replace(long first, long last, Object content, @Nullable Object owner) {
        long lo = Node.flip(first);
        long hi = Node.flip(last);
        descend(root, lo);
        requireNoReservation(lo, hi, owner);
        change(lo, hi, content);
    }

    /** Stores {@code content} in a range if it is free. */
    private boolean fill(long first, long last, Object content) {
        long lo = Node.flip(first);
        long hi = Node.flip(last);
        descend(root, lo);
        boolean isFree = isFree(hi);
        if (isFree) {
            change(lo, hi, content);
        }
        return isFree;
    }

    /**
     * Frees a range, and merges it with the adjacent free ranges into a single slot.
     *
     * @throws ReservedException if the range overlaps a reservation of another owner
     */
    private void free(long first, long last, @Nullable Object owner) {
        long lo = Node.flip(first);
        long hi = Node.flip(last);
        descend(root, lo);
        requireNoReservation(lo, hi, owner);
        if (isFree(hi)) {
            return;
        }
        long from = freeStart(lo);
        long to = freeEnd(hi);
        if (from < floor) {
            descend(root, from);
        } else {
            leftAt[0] = LeafNode.find(leftLeaf, from);
        }
        change(from, to, null);
    }

    private void descend(Node from, long lo) {
        top = from.level;
        floor = Node.MIN;
        Node n = from;
        for (int level = top; ; level--) {
            if (left[level] != n) {
                owned &= ~(1 << level);
                left[level] = n;
            }
            int i = n.find(lo);
            leftAt[level] = i;
            floor = n.lowerBound(i, floor);
            if (level == 1) {
                leftLeaf = n.leaf(i);
                leftAt[0] = LeafNode.find(leftLeaf, lo);
                return;
            }
            n = n.child(i);
        }
    }

    /** Returns the upper bound of the leaf. */
    private long leafEnd() {
        return left[1].pivot(leftAt[1]);
    }

    /** Returns whether the leaf contains a reservation. */
    private boolean hasReservation() {
        return (left[1].reservedIn >>> leftAt[1] & 1) != 0;
    }

    /** Returns whether the slot of {@code lo} is free, and contains {@code hi}. */
    private boolean isFree(long hi) {
        int i = leftAt[0];
        return LeafNode.content(leftLeaf, i) == null && hi <= LeafNode.pivot(leftLeaf, i);
    }

    /**
     * Checks for reservations of other owners. The caller must have descended to {@code lo}. Most ranges are within one
     * leaf whose parent records that it contains no reservation.
     */
    private void requireNoReservation(long lo, long hi, @Nullable Object owner) {
        boolean within = hi <= leafEnd();
        if (within
                ? hasReservation() && LeafNode.hasReservation(leftLeaf, leftAt[0], LeafNode.find(leftLeaf, hi))
                : root.reservedIn != 0) {
            RangeEntry<Object> reservation = Lookup.reservationIn(root, lo, hi, owner);
            if (reservation != null) {
                // Publication normally drops the path. This edit publishes nothing, and leaves on the path may be
                // replaced in place before the next edit.
                disown();
                throw new ReservedException(reservation.first(), reservation.last(), reservation.value());
            }
        }
    }

    private long freeStart(long lo) {
        int i = leftAt[0];
        long start = LeafNode.lowerBound(leftLeaf, i, floor);
        if (LeafNode.content(leftLeaf, i) == null) {
            return start;
        }
        if (start < lo || lo == Node.MIN) {
            return lo;
        }
        if (i > 0) {
            return LeafNode.content(leftLeaf, i - 1) == null ? LeafNode.lowerBound(leftLeaf, i - 1, floor) : lo;
        }
        return Lookup.contentAt(root, lo - 1) == null ? Lookup.slotStart(root, lo - 1) : lo;
    }

    private long freeEnd(long hi) {
        if (hi == Node.MAX) {
            return hi;
        }
        @Nullable Object[] leaf = hi < leafEnd() ? leftLeaf : Lookup.leaf(root, hi + 1);
        int j = LeafNode.find(leaf, hi + 1);
        return LeafNode.content(leaf, j) == null ? LeafNode.pivot(leaf, j) : hi;
    }

    /** The caller must have descended to {@code lo}. */
    private void change(long lo, long hi, @Nullable Object content) {
        root = hi > leafEnd() ? changeSeveral(lo, hi, content) : changeLeaf(lo, hi, content);
    }

    /** Changes the left leaf, which contains the whole range. */
    private Node changeLeaf(long lo, long hi, @Nullable Object content) {
        @Nullable Object[] old = leftLeaf;
        long[] pivots = LeafNode.pivots(old);
        int i = leftAt[0];
        int j = LeafNode.find(pivots, hi);
        int at = LeafNode.at(pivots, floor, lo, i);
        int tail = LeafNode.tail(pivots, hi, j);
        boolean exact = i == j && at == i && tail > i;
        if (exact && LeafNode.content(old, i) == content) {
            return root;
        }
        int size = LeafNode.sizeAfter(old, at, tail);
        if (size > Node.FANOUT || (size < Node.MIN_FILL && !root.hasOneLeaf())) {
            return changeSeveral(lo, hi, content);
        }
        // Two leaves may share an array of pivots, but not if one of the pivots is movable.
        long[] changed = exact ? LeafNode.shared(pivots) : LeafNode.change(pivots, lo, hi, i, at, tail);
        if (changed == null) {
            changed = LeafNode.changeHalves(LeafNode.halves(pivots, LeafNode.size(old)), lo, hi, i, at, tail);
        }
        @Nullable Object[] leaf = LeafNode.of(changed, old, at, tail, content);
        // A reservation of the old leaf may remain, either outside the slots i to j, or as a cut part.
        boolean reserved = content instanceof Reservation
                || (hasReservation() && (!LeafNode.hasReservation(old, i, j) || LeafNode.hasReservation(leaf)));
        leftLeaf = leaf;
        return replaceChild(1, leaf, LeafNode.notes(changed, reserved), LeafNode.largestGap(leaf, floor));
    }

    /**
     * Replaces the child that the path takes at a level. Copies the nodes from there up to the root, or up to the first
     * node that may be written in place.
     *
     * @param newChild a node or a leaf
     * @param newNotes the notes of the child
     * @param newGap the largest gap of the child
     * @return the new root
     */
    private Node replaceChild(int level, Object newChild, int newNotes, long newGap) {
        Object child = newChild;
        int notes = newNotes;
        long gap = newGap;
        for (int l = level; ; l++) {
            Node written = isOwned(l) ? writeChild(l, child, notes, gap) : null;
            if (written != null) {
                return written;
            }
            Node old = left[l];
            Node copy = copyWithChild(old, l, child, notes, gap);
            if (l == top) {
                return copy;
            }
            child = copy;
            notes = copy.notes();
            gap = largestGap(old, l, gap);
        }
    }

    /** Copies the node at a level with another child; the copy becomes owned. */
    private Node copyWithChild(Node old, int level, Object child, int notes, long gap) {
        Node copy = old.withChild(leftAt[level], child, notes, gap, era);
        int bit = 1 << level;
        boolean hasOwnGaps = copy.gaps != old.gaps || ownsGaps(level);
        left[level] = copy;
        owned |= bit;
        ownedGaps = hasOwnGaps ? ownedGaps | bit : ownedGaps & ~bit;
        return copy;
    }

    /** Returns the largest gap of a node below the root if the gap of its child on the path were {@code gap}. */
    private long largestGap(Node old, int level, long gap) {
        return old.largestGapWith(leftAt[level], gap, left[level + 1].gaps[leftAt[level + 1]]);
    }

    /**
     * Writes a child to the owned node at a level, and the changed gaps to that node and those above.
     *
     * @return the new root; or null, without having written anything, if more nodes must be copied
     */
    private @Nullable Node writeChild(int level, Object child, int notes, long gap) {
        Node n = left[level];
        if (notes != n.notes(leftAt[level])) {
            return null;
        }
        int end = prepareGaps(level, gap);
        if (end == SHARED) {
            return null;
        }
        // This last allocation precedes the first write, because an edit that throws must not have written anything.
        Node newRoot = left[top].copy();
        n.setChild(leftAt[level], child);
        for (int l = level; l < end; l++) {
            left[l].gaps[leftAt[l]] = newGaps[l];
        }
        left[top] = newRoot;
        return newRoot;
    }

    /**
     * Computes the gaps that change from a level upwards, into {@link #newGaps}.
     *
     * @return the first level whose gap does not change; {@link #SHARED} if a gap changes in an array that older nodes
     *     share
     */
    private int prepareGaps(int level, long newGap) {
        long gap = newGap;
        int l = level;
        for (; l <= top && left[l].gaps[leftAt[l]] != gap; l++) {
            if (!ownsGaps(l)) {
                return SHARED;
            }
            newGaps[l] = gap;
            if (l < top) {
                gap = largestGap(left[l], l, gap);
            }
        }
        return l;
    }

    private boolean isOwned(int level) {
        return (owned >>> level & 1) != 0;
    }

    private boolean ownsGaps(int level) {
        return (owned & ownedGaps & 1 << level) != 0;
    }

    /** Makes a change that replaces several nodes of a level. The caller must have descended to {@code lo}. */
    private Node changeSeveral(long lo, long hi, @Nullable Object content) {
        try {
            descendRight(root, hi);
            leafItems(lo, hi, content);
            growsAt = items.count > Node.FANOUT ? endOf(lo, hi) : 0;
            return rebuild(false);
        } finally {
            forget();
        }
    }

    private void descendRight(Node from, long hi) {
        // A level of the left path may move to a neighbour, which is not owned.
        owned = 0;
        Node n = from;
        for (int level = top; ; level--) {
            int j = n.find(hi);
            right[level] = n;
            rightAt[level] = j;
            if (level == 1) {
                rightLeaf = n.leaf(j);
                rightAt[0] = LeafNode.find(rightLeaf, hi);
                return;
            }
            n = n.child(j);
        }
    }

    /** Collects the slots of the new leaves: step 1. */
    private void leafItems(long lo, long hi, @Nullable Object content) {
        @Nullable Object[] l = leftLeaf;
        @Nullable Object[] r = rightLeaf;
        int i = leftAt[0];
        int j = rightAt[0];
        items.count = 0;
        items.add(l, 0, i);
        if (LeafNode.lowerBound(l, i, floor) < lo) {
            items.add(lo - 1, LeafNode.content(l, i));
        }
        items.add(hi, content);
        if (hi < LeafNode.pivot(r, j)) {
            items.add(LeafNode.pivot(r, j), LeafNode.content(r, j));
        }
        items.add(r, j + 1, LeafNode.size(r));
    }

    /**
     * Returns at which end of the tree a range within one leaf is: 1 if at most one slot of the tree follows it, -1 if
     * at most one precedes it, else 0.
     */
    private int endOf(long lo, long hi) {
        @Nullable Object[] l = leftLeaf;
        @Nullable Object[] r = rightLeaf;
        int last = LeafNode.size(r) - 1;
        if (l != r) {
            return 0;
        }
        if (LeafNode.pivot(r, last) == Node.MAX && (hi == Node.MAX || rightAt[0] == last)) {
            return 1;
        }
        return floor == Node.MIN && (lo == Node.MIN || leftAt[0] == 0) ? -1 : 0;
    }

    /**
     * Builds leaves and nodes from the items, level by level, up to the root: steps 2 to 4.
     *
     * @param isJoin whether the two paths are in different trees; the two trees may share a node and still differ above
     *     it
     */
    private Node rebuild(boolean isJoin) {
        for (int level = 0; level < top; level++) {
            if (items.count < Node.MIN_FILL) {
                takeNeighbour(level);
            } else if (growsAt != 0 && items.count > Node.FANOUT) {
                fillNeighbour(level);
            }
            // The left leaf may have moved since the descent.
            long lowerBound = level == 0 ? Node.floor(left, leftAt, top) : Node.MIN;
            items.build(level, lowerBound, top, era, growsAt);
            Node l = left[level + 1];
            Node r = right[level + 1];
            int i = leftAt[level + 1];
            int j = rightAt[level + 1];
            if (!isJoin && items.count == 1 && l == r && i == j) {
                return replaceChild(level + 1, items.first(), items.notes[0], items.gaps[0]);
            }
            items.addBefore(l, i);
            items.add(r, j + 1, r.size());
        }
        items.build(top, Node.MIN, top, era, growsAt);
        if (items.count > 1) {
            items.build(top + 1, Node.MIN, top + 1, era, 0);
        }
        Node n = (Node) items.first();
        while (n.level != 1 && n.size() == 1) {
            n = n.child(0);
        }
        return n;
    }

    /** Adds the items of the preceding node or leaf of this level, or else of the following one. */
    private void takeNeighbour(int level) {
        if (Node.toNeighbour(left, leftAt, level + 1, top, -1)) {
            items.addChildBefore(left[level + 1], leftAt[level + 1]);
        } else if (Node.toNeighbour(right, rightAt, level + 1, top, 1)) {
            items.addChild(right[level + 1], rightAt[level + 1]);
        }
    }

    /**
     * Adds the items of the node or leaf that is next to those at the end of the tree, unless it is full. It has the
     * same parent, because no parent has only one child.
     */
    private void fillNeighbour(int level) {
        int up = level + 1;
        Node parent = growsAt > 0 ? left[up] : right[up];
        int i = growsAt > 0 ? leftAt[up] - 1 : rightAt[up] + 1;
        if (i < 0 || i >= parent.size() || parent.childSize(i) == Node.FANOUT) {
            return;
        }
        if (growsAt > 0) {
            leftAt[up] = i;
            items.addChildBefore(parent, i);
        } else {
            rightAt[up] = i;
            items.addChild(parent, i);
        }
    }

    /**
     * Drops references to nodes and values, so that the scratch space does not keep erased nodes and values reachable.
     */
    private void forget() {
        for (int level = 1; level <= top; level++) {
            right[level] = Node.EMPTY;
            if (!isOwned(level)) {
                left[level] = Node.EMPTY;
            }
        }
        leftLeaf = LeafNode.NO_LEAF;
        rightLeaf = LeafNode.NO_LEAF;
        items.forget();
    }
}
