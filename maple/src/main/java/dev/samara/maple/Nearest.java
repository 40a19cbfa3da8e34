// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/**
 * Searches for the entry next to a key, in a tree that is edited meanwhile. They may go on from one leaf to another,
 * and are of one instant nevertheless: who has been in the second leaf looks whether the first is still in its place.
 * Leaves do not change, nor come back, so the first had nothing while the second had what was found. If it is not in
 * its place, the search begins again.
 *
 * <p>If the second leaf has nothing either, the search goes through the tree of one instant.
 */
final class Nearest {

    private Nearest() {}

    /** The value at {@code key}, or else the one next above it; null if there is none. */
    static @Nullable Object atOrAfter(MapleTree<?> tree, long key) {
        for (; ; ) {
            Node leaf = Node.leaf(tree.root(), key);
            Object found = leaf.atOrAfter(key);
            long end = leaf.upperBound();
            if (found != null || end == Keys.MAX) {
                return found;
            }
            found = Node.leaf(tree.root(), end + 1).atOrAfter(end + 1);
            if (found == null) {
                return tree.frozenRoot().atOrAfter(key);
            }
            if (isInPlace(tree, key, leaf)) {
                return found;
            }
        }
    }

    /** The value at {@code key}, or else the one next below it; null if there is none. */
    static @Nullable Object atOrBefore(MapleTree<?> tree, long key) {
        for (; ; ) {
            Node leaf = Node.leaf(tree.root(), key);
            Object found = leaf.atOrBefore(key);
            if (found != null) {
                return found;
            }
            // A leaf does not know where it begins: this may be of another leaf, which the last look excludes.
            long start = Node.leafStart(tree.root(), key);
            if (start != Keys.MIN) {
                found = Node.leaf(tree.root(), start - 1).atOrBefore(start - 1);
                if (found == null) {
                    return tree.frozenRoot().atOrBefore(key);
                }
            }
            if (isInPlace(tree, key, leaf)) {
                return found;
            }
        }
    }

    private static boolean isInPlace(MapleTree<?> tree, long key, Node leaf) {
        return Node.leaf(tree.root(), key) == leaf;
    }
}
