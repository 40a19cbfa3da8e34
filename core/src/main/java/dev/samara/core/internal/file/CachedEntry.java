// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;

/** Finds the page table entry that maps a frame of a page cache. */
final class CachedEntry {
    /** No entry. An empty entry of a page table has this value. */
    static final long NONE = 0;

    private CachedEntry() {}

    /**
     * Returns the entry at an address, present or busy, read under the lock of its leaf; {@link #NONE} if it does not
     * map this frame as a page of a cache. The caller holds the page table.
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
