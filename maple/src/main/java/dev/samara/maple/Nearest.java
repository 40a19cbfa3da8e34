// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/**
 * Searches for the entry next to a key, in a tree that is edited meanwhile. A search may continue from one leaf to
 * another, and its result is of one instant nevertheless. After reading the second leaf, it checks that the first is
 * still in its place. Leaves do not return to the tree, and the boundary of a free range at their ends does not move,
 * so the first leaf had no entry at the instant when the second had the result. If the first leaf is not in its place,
 * the search starts over.
 *
 * <p>If the second leaf has no entry either, the search uses the tree of one instant.
 */
final class Nearest {

    private Nearest() {}

    /** Returns the value at {@code key}, or else that of the next entry above it; null if there is none. */
    static @Nullable Object atOrAfter(EditedRoot tree, long key) {
        for (; ; ) {
            @Nullable Object[] leaf = Lookup.leaf(tree.rootAcquire(), key);
            Object found = LeafNode.atOrAfter(leaf, key);
            long end = LeafNode.upperBound(leaf);
            if (found != null || end == Keys.MAX) {
                return found;
            }
            found = LeafNode.atOrAfter(Lookup.leaf(tree.rootAcquire(), end + 1), end + 1);
            if (found == null) {
                return tree.frozenRoot().atOrAfter(key);
            }
            if (isInPlace(tree, key, leaf)) {
                return found;
            }
        }
    }

    /** Returns the value at {@code key}, or else that of the next entry below it; null if there is none. */
    static @Nullable Object atOrBefore(EditedRoot tree, long key) {
        for (; ; ) {
            @Nullable Object[] leaf = Lookup.leaf(tree.rootAcquire(), key);
            Object found = LeafNode.atOrBefore(leaf, key);
            if (found != null) {
                return found;
            }
            // A leaf does not know its first index, so this may be the start of another leaf. The last check excludes
            // that.
            long start = Lookup.leafStart(tree.rootAcquire(), key);
            if (start != Keys.MIN) {
                found = LeafNode.atOrBefore(Lookup.leaf(tree.rootAcquire(), start - 1), start - 1);
                if (found == null) {
                    return tree.frozenRoot().atOrBefore(key);
                }
            }
            if (isInPlace(tree, key, leaf)) {
                return found;
            }
        }
    }

    private static boolean isInPlace(EditedRoot tree, long key, @Nullable Object[] leaf) {
        return Lookup.leaf(tree.rootAcquire(), key) == leaf;
    }
}
