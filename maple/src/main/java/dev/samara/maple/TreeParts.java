// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

/**
 * Builds trees from parts of other trees, which must no longer change. The results share all nodes with these trees
 * except the nodes along the borders.
 */
final class TreeParts {

    private TreeParts() {}

    /**
     * Returns the root of a tree with the contents of another one in {@code [lo, hi]} and reservations of an owner
     * everywhere else.
     */
    static Node within(Node root, long lo, long hi, Object owner) {
        Splice splice = new Splice();
        splice.begin(new Era(false));
        Node result = root;
        if (lo != Keys.MIN) {
            result = splice.overwrite(result, Keys.MIN, lo - 1, new Reservation(owner));
        }
        if (hi != Keys.MAX) {
            result = splice.overwrite(result, hi + 1, Keys.MAX, new Reservation(owner));
        }
        return result;
    }

    /** Returns the root of a tree with the contents of one tree below {@code lo}, and of another from {@code lo} on. */
    static Node join(Node lower, long lo, Node upper) {
        if (lo == Keys.MIN) {
            return upper;
        }
        Splice splice = new Splice();
        splice.begin(new Era(false));
        Object content = Lookup.contentAt(upper, lo);
        long hi = Lookup.slotEnd(upper, lo);
        // Free ranges that meet at the border are merged.
        long from = content == null && Lookup.contentAt(lower, lo - 1) == null ? Lookup.slotStart(lower, lo - 1) : lo;
        return splice.join(lower, upper, from, hi, content);
    }
}
