// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/**
 * Searches for the entry nearest to a key in a tree that is edited concurrently. A search may cross from one leaf to
 * the next, and its result still holds at one instant: after reading the second leaf, it validates that the first leaf
 * is still in its slot. A removed leaf never returns to the tree, and the boundary of a free range at either end of a
 * leaf does not move. So the first leaf contained no matching entry at the instant when the second leaf contained the
 * result. If the validation fails, the search is retried.
 *
 * <p>If the second leaf contains no matching entry either, the search is repeated in a frozen version of the tree.
 */
final class Nearest {

    private Nearest() {}

    /** Returns the value at {@code key}, or else the value of the next entry above it; null if there is none. */
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

    /** Returns the value at {@code key}, or else the value of the next entry below it; null if there is none. */
    static @Nullable Object atOrBefore(EditedRoot tree, long key) {
        for (; ; ) {
            @Nullable Object[] leaf = Lookup.leaf(tree.rootAcquire(), key);
            Object found = LeafNode.atOrBefore(leaf, key);
            if (found != null) {
                return found;
            }
            // A leaf does not store its lower bound, so this search may find the start of another leaf. The validation
            // below detects that.
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
