// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/**
 * The roots of trees of adjacent ranges at one instant, which are joined when their joined tree is first needed.
 * Thread-safe: two threads may both join them, to trees with the same contents.
 */
final class PartRoots {

    private final Node[] roots;
    private final long[] borders;

    /** The root of the joined tree; null before it is needed. */
    private volatile @Nullable Node joined;

    /**
     * Creates the roots of parts.
     *
     * @param roots by ascending ranges, at least one; not copied
     * @param borders the lowest index of each part; not copied
     */
    PartRoots(Node[] roots, long[] borders) {
        this.roots = roots;
        this.borders = borders;
    }

    /** Returns a root below which the content of a key is found. */
    Node rootOf(long key) {
        int i = roots.length - 1;
        while (i > 0 && key < Keys.flip(borders[i])) {
            i--;
        }
        return roots[i];
    }

    /** Returns the root of the joined tree. */
    Node joined() {
        Node root = joined;
        if (root == null) {
            root = roots[0];
            for (int i = 1; i < roots.length; i++) {
                root = TreeParts.join(root, Keys.flip(borders[i]), roots[i]);
            }
            joined = root;
        }
        return root;
    }
}
