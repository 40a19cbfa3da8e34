// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

/**
 * A period in the life of a tree. Each node records the era in which it was created. In an {@linkplain #open open} era,
 * the writer may change inner nodes of that era in place, because no snapshot contains them ({@link InPlace}). A
 * snapshot must therefore end the open era first ({@link EditedRoot#frozenRoot}).
 *
 * <p>A tree is always in exactly one era, and never returns to an earlier open era. The first edit that can profit from
 * an open era starts one. It ends with the next snapshot of the tree, or of a transaction's own view. Eras are compared
 * by identity.
 */
final class Era {

    final boolean open;

    Era(boolean open) {
        this.open = open;
    }
}
