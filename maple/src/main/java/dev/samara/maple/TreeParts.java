// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

/**
 * Trees made of parts of other trees. All but the nodes along the borders are shared with those, which never change
 * afterwards.
 */
final class TreeParts {

    private TreeParts() {}

    /**
     * Returns the root of a tree that has the contents of another one in {@code [lo, hi]}, and reservations of an owner
     * in place of everything else.
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

    /** Returns the root of a tree that has the contents of one tree below {@code lo}, and those of another above. */
    static Node join(Node lower, long lo, Node upper) {
        if (lo == Keys.MIN) {
            return upper;
        }
        Splice splice = new Splice();
        splice.begin(new Era(false));
        Object content = Lookup.contentAt(upper, lo);
        long hi = Lookup.slotEnd(upper, lo);
        // Free ranges on both sides become one.
        long from = content == null && Lookup.contentAt(lower, lo - 1) == null ? Lookup.slotStart(lower, lo - 1) : lo;
        return splice.join(lower, upper, from, hi, content);
    }
}
