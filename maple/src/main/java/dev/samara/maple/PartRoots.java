// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import org.jspecify.annotations.Nullable;

/**
 * The roots of trees of adjacent ranges at one instant, which are joined lazily. Thread-safe. In a benign race, two
 * threads may both join the roots, into trees with the same contents.
 */
final class PartRoots {

    private final Node[] roots;
    private final long[] borders;

    /**
     * The root of the joined tree, or null before it is first needed.
     *
     * <p>Written: any thread that uses a snapshot of parts (volatile).
     * Read: any thread that uses a snapshot of parts (volatile).
     * Invariant: null, or the root of a complete tree. Two threads may store two trees, with the same contents.
     */
    private volatile @Nullable Node joined;

    /**
     * Creates the roots of parts.
     *
     * @param roots the roots in ascending order of their ranges, at least one; not copied
     * @param borders the lowest index of each part; not copied
     */
    PartRoots(Node[] roots, long[] borders) {
        this.roots = roots;
        this.borders = borders;
    }

    /** Returns the root of the tree that contains a key. */
    Node rootOf(long key) {
        int i = roots.length - 1;
        while (i > 0 && key < Keys.flip(borders[i])) {
            i--;
        }
        return roots[i];
    }

    /** Returns the root of the joined tree, after joining it if necessary. */
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
