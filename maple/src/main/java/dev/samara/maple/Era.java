// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

/**
 * A period of a tree's history. Each node has the era in which it was created. In an {@linkplain #open open} era the
 * writer may put other leaves into inner nodes of that era, which no snapshot has ({@link InPlace}).
 *
 * <p>A tree is always in one era, and never in one open era twice. The first edit that gains by an open era begins one.
 * A snapshot ends it, and so does a transaction that has passed its entries to other code. Eras are compared by
 * identity.
 */
final class Era {

    final boolean open;

    Era(boolean open) {
        this.open = open;
    }
}
