// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/**
 * Replaces all nodes between two paths, level by level, splitting and merging nodes as needed. A base class of {@link
 * Splice}.
 */
abstract sealed class LevelRebuild extends OwnedPath permits Splice {

    /*
     * Algorithmic notes
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
     * As soon as one node replaces one node, the rest of the path is only copied (OwnedPath).
     *
     * Each item includes its gap.
     */

    /* The path of hi: the node at each level above the leaves, and the slot taken in it or in the leaf. */
    private final Node[] right = new Node[Node.MAX_LEVELS];
    private final int[] rightAt = new int[Node.MAX_LEVELS];

    /** The leaf at the end of the path of hi. */
    private @Nullable Object[] rightLeaf = NO_LEAF;

    private final NodeBuilder items = new NodeBuilder();

    /** The end of the tree at which the leaf overflows: 1 after its last entry, -1 before its first one, else 0. */
    private int growsAt;

    LevelRebuild() {
        forget();
        disown();
    }

    /** Makes a change that replaces several nodes of a level. The caller must have descended to {@code lo}. */
    final Node changeSeveral(Node root, long lo, long hi, @Nullable Object content) {
        try {
            descendRight(root, hi);
            leafItems(lo, hi, content);
            growsAt = items.count() > Node.FANOUT ? endOf(lo, hi) : 0;
            return rebuild(false);
        } finally {
            forget();
        }
    }

    /**
     * Returns the root of a tree that equals one tree below {@code lo}, contains {@code content} in {@code [lo, hi]},
     * and equals another tree above {@code hi}. If the content is null, the range must not adjoin a free slot of either
     * tree.
     */
    final Node join(Node lower, Node upper, long lo, long hi, @Nullable Object content) {
        int height = Math.max(lower.level, upper.level);
        descend(raised(lower, height), lo);
        descendRight(raised(upper, height), hi);
        leafItems(lo, hi, content);
        growsAt = 0;
        Node result = rebuild(true);
        forget();
        return result;
    }

    /** Returns a root of this level above a node. The nodes in between have a single child. */
    private Node raised(Node root, int level) {
        Node n = root;
        while (n.level < level) {
            long[] pivots = {Keys.MAX};
            long[] gaps = {n.largestGap()};
            n = Node.inner(n.level + 1, pivots, new Object[] {n}, gaps, new int[] {n.notes()}, 0, 1, era);
        }
        return n;
    }

    private void descendRight(Node root, long hi) {
        disownOnPath();
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

    /** Collects the slots of the new leaves: step 1. */
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
        if (LeafNode.pivot(r, last) == Keys.MAX && (hi == Keys.MAX || rightAt[0] == last)) {
            return 1;
        }
        return floor == Keys.MIN && (lo == Keys.MIN || leftAt[0] == 0) ? -1 : 0;
    }

    /**
     * Builds leaves and nodes from the items, level by level, up to the root: steps 2 to 4.
     *
     * @param isJoin whether the two paths are in different trees; the two trees may share a node and still differ above
     *     it
     */
    private Node rebuild(boolean isJoin) {
        for (int level = 0; level < top; level++) {
            buildLevel(level);
            if (!isJoin && isOneForOne(level + 1)) {
                return replaceChild(level + 1, items.built(), items.builtNotes(), items.builtGap());
            }
            itemsOf(level + 1);
        }
        return buildRoot();
    }

    private void buildLevel(int level) {
        if (items.count() < Node.MIN_FILL) {
            takeNeighbour(level);
        } else if (growsAt != 0 && items.count() > Node.FANOUT) {
            fillNeighbour(level);
        }
        items.build(level, level == 0 ? leftFloor() : Keys.MIN, top, era, growsAt);
    }

    /** Returns whether a single built child replaces a single child of a node that is on both paths at a level. */
    private boolean isOneForOne(int level) {
        return items.builtCount() == 1 && left[level] == right[level] && leftAt[level] == rightAt[level];
    }

    /** Collects the children of the new nodes of a level: step 3. */
    private void itemsOf(int level) {
        Node r = right[level];
        items.clear();
        items.add(left[level], 0, leftAt[level]);
        items.addBuilt();
        items.add(r, rightAt[level] + 1, r.size());
    }

    private Node buildRoot() {
        items.build(top, Keys.MIN, top, era, growsAt);
        if (items.builtCount() > 1) {
            items.clear();
            items.addBuilt();
            items.build(top + 1, Keys.MIN, top + 1, era, 0);
        }
        Node root = (Node) items.built();
        while (root.level != 1 && root.size() == 1) {
            root = root.child(0);
        }
        return root;
    }

    /** Returns the lower bound of the left leaf, which may have moved since the descent. */
    private long leftFloor() {
        for (int level = 1; level <= top; level++) {
            if (leftAt[level] > 0) {
                return left[level].pivot(leftAt[level] - 1) + 1;
            }
        }
        return Keys.MIN;
    }

    /** Adds the items of the preceding node or leaf of this level, or else of the following one. */
    private void takeNeighbour(int level) {
        if (toNeighbour(left, leftAt, level + 1, -1)) {
            items.addBefore(left[level + 1], leftAt[level + 1]);
        } else if (toNeighbour(right, rightAt, level + 1, 1)) {
            items.addAfter(right[level + 1], rightAt[level + 1]);
        }
    }

    /**
     * Adds the items of the node or leaf that is next to those at the end of the tree, unless it is full. It has the
     * same parent, because no parent has only one child.
     */
    private void fillNeighbour(int level) {
        if (growsAt > 0) {
            Node parent = left[level + 1];
            int i = leftAt[level + 1] - 1;
            if (i >= 0 && parent.childSize(i) < Node.FANOUT) {
                leftAt[level + 1] = i;
                items.addBefore(parent, i);
            }
        } else {
            Node parent = right[level + 1];
            int i = rightAt[level + 1] + 1;
            if (i < parent.size() && parent.childSize(i) < Node.FANOUT) {
                rightAt[level + 1] = i;
                items.addAfter(parent, i);
            }
        }
    }

    /**
     * Moves a path to the neighbouring slot at {@code level}, which may be in the neighbouring node. Returns false, and
     * changes nothing, if there is no such slot.
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

    /**
     * Drops references to nodes and values, so that the scratch space does not keep erased nodes and values reachable.
     */
    private void forget() {
        for (int level = 1; level <= top; level++) {
            right[level] = Node.EMPTY;
        }
        forgetPath();
        rightLeaf = NO_LEAF;
        items.forget();
    }
}
