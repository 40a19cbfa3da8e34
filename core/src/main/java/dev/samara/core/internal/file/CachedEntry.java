// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;

/** Finds the entry of a page table that has a frame of a page cache. */
final class CachedEntry {
    /** No entry: what an empty place in a page table has. */
    static final long NONE = 0;

    private CachedEntry() {}

    /**
     * Returns the entry at an address, present or busy, read under the lock of its leaf; {@link #NONE} if it does not
     * have this frame from a cache. The caller holds the page table.
     */
    static long of(PageTable table, long address, int frame) {
        long[] leaf = table.leaf(address);
        if (leaf == null) {
            return NONE;
        }
        Leaf.lock(leaf);
        try {
            long pte = Leaf.get(leaf, table.indexOf(address));
            boolean hasFrame = !Leaf.isDead(leaf)
                    && Pte.kindOf(pte) != Pte.NO_PAGE
                    && Pte.isCached(pte)
                    && Pte.frame(pte) == frame;
            return hasFrame ? pte : NONE;
        } finally {
            Leaf.unlock(leaf);
        }
    }
}
