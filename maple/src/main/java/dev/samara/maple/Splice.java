// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/**
 * The one structural change of the tree: it replaces the contents of a range by a single slot, and returns the new
 * root.
 *
 * <p>Each call that changes the tree returns a new root object. Of the nodes reachable from the old root, only owned
 * nodes are written.
 *
 * <p>A node is <em>owned</em> from the call that created it until {@link #disown()}, while it is on the path of {@code
 * left}. Invariant: an owned node is reachable only from the caller's root and from cursors of its transaction. These
 * cursors compare the identity of the root, and read no node below a root that is not the newest. So {@code disown}
 * comes before a root is published or passed to other code. The scratch space makes an instance usable by one writer at
 * a time.
 */
final class Splice {

    /*
     * Algorithmic notes
     *
     * This is the slow path of changes to the tree, a B-tree, and the path of transactions. It copies the path from the
     * root to the change and shares the rest (InPlace is the fast path). Overwriting a slot, cutting one in two
     * or three, inserting, erasing, and storing over half the tree are one case: two descents, one to the slot of lo
     * and one to the slot of hi, and the removal of the nodes between them.
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
     *    2. The items go into ceil(n / 16) nodes of even size. Two full nodes less the slots replaced, plus three, are
     *       at most 33 items, so there are one to three nodes and each of several has at least eight items.
     *    3. One level up the items are: the children before left (a), the nodes just built, the children after right
     *       (z). This holds for one parent of left and right and for two. Repeat 2 and 3 up to the root.
     *    4. At the root several nodes get a new root above them, and an inner root with one child is dropped.
     *
     * If there are too few items for a node, at any level but the root's, the whole node before left is added before
     * step 2. To find it, the left path climbs to the first level where it can go one slot to the left and descends
     * along the right edge, so the node may be a cousin. Step 3 then works with the moved path, and the children
     * between are the added ones. If there is no node to the left, the right path moves to the right instead. If there
     * is none there either, these items are the whole level, and step 4 removes the levels above it.
     *
     *      before:  left[1] = (p, q, r)   leftLeaf = r with 3 items left, r's neighbour is q
     *      then:    leftAt[1] = 1, which is q; items = q's and the 3; the level above gets (p, built...)
     *
     * Two trees are joined at an index by these steps, too: left is a path in the lower tree, and right one in the
     * upper tree. The lower of the two roots first gets levels with one child above it.
     *
     * When one node replaces one node, the bounds in the levels above do not change. In this common case, the rest of
     * the path is copied with one slot changed, sharing the arrays of halves. If moreover it is a leaf, it is created
     * without the detour over items.
     *
     * A second edit nearby in the same transaction need not copy the path again. Where the path meets an owned node,
     * the slot is written there, and gaps are written in the owned nodes above. Only the root gets another object
     * around its arrays, by which cursors notice the change. Where a note of the child changes, or gaps that are shared
     * with older nodes, the copying continues.
     *
     * All allocation comes before the first write to an owned node. So an edit for which there is no memory has changed
     * nothing.
     *
     * A reader sees the old root, or the new root, once it is published. There is no state in between. All new nodes
     * are of one era; if it is open, later edits may change them in place.
     *
     * Free ranges. A caller that frees a range has widened it to its free neighbours beforehand, so this class never
     * creates two adjacent free slots: the pieces that it cuts off keep their neighbours.
     *
     * Gaps. The largest gap of a leaf is computed from its slots, which needs the leaf's lower bound. For inner nodes
     * it is the maximum over the gaps of the children, which travel with the items.
     *
     * Compare mas_wr_spanning_store, mas_wr_split and mas_wr_rebalance of Linux's lib/maple_tree.c. They treat these
     * cases separately, because they must spare memory and may write in place.
     */

    private static final @Nullable Object[] NO_LEAF = {};

    private Era era = Node.EMPTY.era;

    /** The level of the root of the last descent; 0 if {@link #left} is empty. */
    private int top;

    /* The paths of lo and hi: the node of each level above the leaves, and the slot taken in it or in the leaf. */
    private final Node[] left = new Node[Node.MAX_LEVELS];
    private final int[] leftAt = new int[Node.MAX_LEVELS];
    private final Node[] right = new Node[Node.MAX_LEVELS];
    private final int[] rightAt = new int[Node.MAX_LEVELS];

    /* The leaves at the ends of the paths. */
    private @Nullable Object[] leftLeaf = NO_LEAF;
    private @Nullable Object[] rightLeaf = NO_LEAF;

    /** The lower bound of the left leaf. */
    private long floor;

    /** A bit for each level: whether the node of {@link #left} there is owned. */
    private int owned;

    /** A bit for each level of {@link #owned}: whether the node's gaps are in no other node. */
    private int ownedGaps;

    /** The gaps to be written to owned nodes. */
    private final long[] newGaps = new long[Node.MAX_LEVELS];

    private final NodeBuilder items = new NodeBuilder();

    Splice() {
        top = Node.MAX_LEVELS - 1;
        forget();
        disown();
    }

    /** Begins an edit, or a transaction, whose nodes will be of this era. */
    void begin(Era era) {
        disown();
        this.era = era;
    }

    /** Returns the era of the nodes created since the call of begin or endEra. */
    Era era() {
        return era;
    }

    /** Ends the era: from now on the root returned last may be kept, like that of a snapshot. */
    void endEra() {
        disown();
        era = new Era(false);
    }

    /** Ends the ownership of nodes: from now on any root returned so far may be kept by other code. */
    void disown() {
        owned = 0;
        for (; top > 0; top--) {
            left[top] = Node.EMPTY;
        }
        leftLeaf = NO_LEAF;
    }

    /**
     * Returns the root of a tree that has {@code content} in {@code [lo, hi]} and is otherwise equal to the tree of
     * {@code root}.
     *
     * @throws ReservedException if the range meets a reservation that is not this owner's
     */
    Node replace(Node root, long lo, long hi, Object content, @Nullable Object owner) {
        descend(root, lo);
        requireNoReservation(root, lo, hi, owner);
        return change(root, lo, hi, content);
    }

    /** As {@link #replace}, over reservations of any owner. */
    Node overwrite(Node root, long lo, long hi, Object content) {
        descend(root, lo);
        return change(root, lo, hi, content);
    }

    /** Returns the root of a tree that has {@code content} in {@code [lo, hi]}, or null if the range is not free. */
    @Nullable
    Node fill(Node root, long lo, long hi, Object content) {
        descend(root, lo);
        return isFree(hi) ? change(root, lo, hi, content) : null;
    }

    /**
     * Returns the root of a tree in which {@code [lo, hi]} is free and that is otherwise equal to the tree of {@code
     * root}. The range is merged with its free neighbours into one slot.
     *
     * @throws ReservedException if the range meets a reservation that is not this owner's
     */
    Node free(Node root, long lo, long hi, @Nullable Object owner) {
        descend(root, lo);
        requireNoReservation(root, lo, hi, owner);
        if (isFree(hi)) {
            return root;
        }
        long from = freeStart(root, lo);
        long to = freeEnd(root, hi);
        if (from < floor) {
            descend(root, from);
        } else {
            leftAt[0] = LeafNode.find(leftLeaf, from);
        }
        return change(root, from, to, null);
    }

    /** Returns whether the slot of {@code lo} is free, and contains {@code hi}. */
    private boolean isFree(long hi) {
        int i = leftAt[0];
        return LeafNode.content(leftLeaf, i) == null && hi <= LeafNode.pivot(leftLeaf, i);
    }

    /**
     * Checks for reservations of other owners. The caller has descended to {@code lo}. Most ranges lie in one leaf,
     * which tells by itself that it has none.
     */
    private void requireNoReservation(Node root, long lo, long hi, @Nullable Object owner) {
        boolean within = hi <= leafEnd();
        if (within
                ? hasReservation() && LeafNode.hasReservation(leftLeaf, leftAt[0], LeafNode.find(leftLeaf, hi))
                : root.reservedIn != 0) {
            RangeEntry<Object> reservation = AllocationView.reservationIn(root, lo, hi, owner);
            if (reservation != null) {
                // No root is published after this, and leaves on the path may be replaced in place before the next
                // edit.
                disown();
                throw new ReservedException(reservation.first(), reservation.last(), reservation.value());
            }
        }
    }

    /** Returns the upper bound of the left leaf. */
    private long leafEnd() {
        return left[1].pivot(leftAt[1]);
    }

    /** Returns whether the left leaf has a reservation. */
    private boolean hasReservation() {
        return (left[1].reservedIn >>> leftAt[1] & 1) != 0;
    }

    private long freeStart(Node root, long lo) {
        int i = leftAt[0];
        long start = LeafNode.lowerBound(leftLeaf, i, floor);
        if (LeafNode.content(leftLeaf, i) == null) {
            return start;
        }
        if (start < lo || lo == Keys.MIN) {
            return lo;
        }
        if (i > 0) {
            return LeafNode.content(leftLeaf, i - 1) == null ? LeafNode.lowerBound(leftLeaf, i - 1, floor) : lo;
        }
        return Lookup.contentAt(root, lo - 1) == null ? Lookup.slotStart(root, lo - 1) : lo;
    }

    private long freeEnd(Node root, long hi) {
        if (hi == Keys.MAX) {
            return hi;
        }
        @Nullable Object[] leaf = hi < leafEnd() ? leftLeaf : Lookup.leaf(root, hi + 1);
        int j = LeafNode.find(leaf, hi + 1);
        return LeafNode.content(leaf, j) == null ? LeafNode.pivot(leaf, j) : hi;
    }

    private void descend(Node root, long lo) {
        top = root.level;
        floor = Keys.MIN;
        Node n = root;
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

    /** The caller has descended to {@code lo}. */
    private Node change(Node root, long lo, long hi, @Nullable Object content) {
        if (hi > leafEnd()) {
            return changeSeveral(root, lo, hi, content);
        }
        @Nullable Object[] old = leftLeaf;
        long[] pivots = LeafNode.pivots(old);
        int i = leftAt[0];
        int j = LeafPivots.find(pivots, hi);
        int at = LeafEdit.at(pivots, floor, lo, i);
        int tail = LeafEdit.tail(pivots, hi, j);
        int size = LeafEdit.size(old, at, tail);
        boolean exact = i == j && at == i && tail > i;
        if (exact && LeafNode.content(old, i) == content) {
            return root;
        }
        if (size > Node.FANOUT || (size < Node.MIN_FILL && !root.hasOneLeaf())) {
            return changeSeveral(root, lo, hi, content);
        }
        if (!exact) {
            long[] changed = LeafPivots.change(pivots, lo, hi, i, at, tail);
            pivots = changed != null
                    ? changed
                    : LeafPivots.changeHalves(LeafPivots.halves(pivots, LeafNode.size(old)), lo, hi, i, at, tail);
        }
        @Nullable Object[] leaf = LeafNode.of(pivots, old, at, tail, content);
        // A reservation in this leaf stays if it is outside of the replaced slots.
        boolean reserved = content instanceof Reservation
                || (hasReservation() && (!LeafNode.hasReservation(old, i, j) || LeafNode.hasReservation(leaf)));
        leftLeaf = leaf;
        return climb(1, leaf, LeafPivots.notes(pivots, reserved), LeafNode.largestGap(leaf, floor));
    }

    /** Stores the new node of a level of the path as owned. */
    private void setOwned(int level, Node n, boolean array) {
        int bit = 1 << level;
        left[level] = n;
        owned |= bit;
        ownedGaps = array ? ownedGaps | bit : ownedGaps & ~bit;
    }

    /**
     * Returns the root that has another child, a node or a leaf with these notes and this largest gap, in place of that
     * on the path, from {@code level} upwards.
     */
    private Node climb(int level, Object newChild, int newNotes, long gap) {
        Object child = newChild;
        int notes = newNotes;
        long childGap = gap;
        for (int l = level; ; l++) {
            Node root = (owned >>> l & 1) != 0 ? write(l, child, notes, childGap) : null;
            if (root != null) {
                return root;
            }
            Node old = left[l];
            int i = leftAt[l];
            Node n = old.withChild(i, child, notes, childGap, era);
            if (l < top) {
                childGap = old.largestGapWith(i, childGap, left[l + 1].gaps[leftAt[l + 1]]);
            }
            setOwned(l, n, n.gaps != old.gaps || (owned & ownedGaps & 1 << l) != 0);
            if (l == top) {
                return n;
            }
            child = n;
            notes = n.notes();
        }
    }

    /**
     * Writes the child to the owned node of the path. Returns the root, or null, having written nothing, if further
     * nodes must be copied.
     */
    private @Nullable Node write(int level, Object child, int notes, long gap) {
        Node n = left[level];
        if (notes != n.notes(leftAt[level])) {
            return null;
        }
        long childGap = gap;
        int end = level;
        for (; end <= top && left[end].gaps[leftAt[end]] != childGap; end++) {
            if ((owned & ownedGaps & 1 << end) == 0) {
                return null;
            }
            newGaps[end] = childGap;
            if (end < top) {
                childGap = left[end].largestGapWith(leftAt[end], childGap, left[end + 1].gaps[leftAt[end + 1]]);
            }
        }
        // The last allocation: an edit that throws must have written nothing.
        Node root = left[top].copy();
        n.setChild(leftAt[level], child);
        for (int l = level; l < end; l++) {
            left[l].gaps[leftAt[l]] = newGaps[l];
        }
        left[top] = root;
        return root;
    }

    /**
     * Returns the root of a tree that is equal to one tree below {@code lo}, has {@code content} in {@code [lo, hi]},
     * and is equal to another tree above {@code hi}. If the content is null, it does not touch a free slot of either.
     */
    Node join(Node lower, Node upper, long lo, long hi, @Nullable Object content) {
        int height = Math.max(lower.level, upper.level);
        descend(raised(lower, height), lo);
        descendRight(raised(upper, height), hi);
        leafItems(lo, hi, content);
        Node result = rebuild(true);
        forget();
        return result;
    }

    /** Returns a root of this level above a node: the levels between have one child each. */
    private Node raised(Node root, int level) {
        Node n = root;
        while (n.level < level) {
            long[] pivots = {Keys.MAX};
            long[] gaps = {n.largestGap()};
            n = Node.inner(n.level + 1, pivots, new Object[] {n}, gaps, new int[] {n.notes()}, 0, 1, era);
        }
        return n;
    }

    /** Changes several nodes of a level. The caller has descended to {@code lo}. */
    private Node changeSeveral(Node root, long lo, long hi, @Nullable Object content) {
        try {
            descendRight(root, hi);
            leafItems(lo, hi, content);
            return rebuild(false);
        } finally {
            forget();
        }
    }

    private void descendRight(Node root, long hi) {
        owned = 0;
        Node n = root;
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

    /** Returns the lower bound of the left leaf, which may no longer be that of the descent. */
    private long leftFloor() {
        for (int level = 1; level <= top; level++) {
            if (leftAt[level] > 0) {
                return left[level].pivot(leftAt[level] - 1) + 1;
            }
        }
        return Keys.MIN;
    }

    private void leafItems(long lo, long hi, @Nullable Object content) {
        @Nullable Object[] l = leftLeaf;
        @Nullable Object[] r = rightLeaf;
        int i = leftAt[0];
        int j = rightAt[0];
        items.clear();
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
     * Builds leaves and nodes from the items, level by level, up to the root.
     *
     * @param isJoin whether the two paths belong to two trees. The levels above a node that both have may differ
     */
    private Node rebuild(boolean isJoin) {
        for (int level = 0; level < top; level++) {
            if (items.count() < Node.MIN_FILL) {
                takeNeighbour(level);
            }
            items.build(level, level == 0 ? leftFloor() : Keys.MIN, top, era);
            Node l = left[level + 1];
            Node r = right[level + 1];
            int i = leftAt[level + 1];
            int j = rightAt[level + 1];
            if (!isJoin && items.builtCount() == 1 && l == r && i == j) {
                return climb(level + 1, items.built(), items.builtNotes(), items.builtGap());
            }
            items.clear();
            items.add(l, 0, i);
            items.addBuilt();
            items.add(r, j + 1, r.size());
        }
        items.build(top, Keys.MIN, top, era);
        if (items.builtCount() > 1) {
            items.clear();
            items.addBuilt();
            items.build(top + 1, Keys.MIN, top + 1, era);
        }
        Node root = (Node) items.built();
        while (root.level != 1 && root.size() == 1) {
            root = root.child(0);
        }
        return root;
    }

    /** Adds the node or leaf before the items of this level, or the one after them. */
    private void takeNeighbour(int level) {
        if (toNeighbour(left, leftAt, level + 1, -1)) {
            Node parent = left[level + 1];
            int i = leftAt[level + 1];
            if (level == 0) {
                items.addBefore(parent.leaf(i));
            } else {
                items.addBefore(parent.child(i));
            }
        } else if (toNeighbour(right, rightAt, level + 1, 1)) {
            Node parent = right[level + 1];
            int i = rightAt[level + 1];
            if (level == 0) {
                @Nullable Object[] leaf = parent.leaf(i);
                items.add(leaf, 0, LeafNode.size(leaf));
            } else {
                Node n = parent.child(i);
                items.add(n, 0, n.size());
            }
        }
    }

    /**
     * Moves a path to the neighbouring slot of {@code level}, which may be one of the neighbouring node. Returns false,
     * and changes nothing, if there is none.
     */
    private boolean toNeighbour(Node[] path, int[] at, int level, int direction) {
        for (int up = level; up <= top; up++) {
            Node n = path[up];
            int i = at[up] + direction;
            if (i >= 0 && i < n.size()) {
                at[up] = i;
                for (int down = up - 1; down >= level; down--) {
                    n = n.child(i);
                    path[down] = n;
                    i = direction < 0 ? n.size() - 1 : 0;
                    at[down] = i;
                }
                return true;
            }
        }
        return false;
    }

    /** Drops references to nodes and values: erased ones must not stay reachable from the scratch space. */
    private void forget() {
        for (int level = 1; level <= top; level++) {
            if ((owned >>> level & 1) == 0) {
                left[level] = Node.EMPTY;
            }
            right[level] = Node.EMPTY;
        }
        leftLeaf = NO_LEAF;
        rightLeaf = NO_LEAF;
        items.forget();
    }
}
