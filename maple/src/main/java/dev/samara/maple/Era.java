// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

/**
 * A stretch of a tree's history. Each node has the era in which it was made; in an {@linkplain #open open} one the
 * writer may put other leaves into inner nodes of that era, which no snapshot has.
 *
 * <p>A tree is always in one era, and in no open one twice. The first edit that would gain by it opens one; a snapshot,
 * or a transaction that has shown its entries to somebody, ends it.
 * Compared by identity.
 */
final class Era {

    final boolean open;

    Era(boolean open) {
        this.open = open;
    }
}
