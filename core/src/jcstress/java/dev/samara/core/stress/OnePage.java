// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.page.TableReserve;
import dev.samara.core.vma.Geometry;

/** A page table of a few small tables, in which one page is installed and removed. */
final class OnePage {
    static final long AT = 5 << 9;

    private static final Geometry SMALL = new Geometry(9, 3, 18, 0, 1L << 27, 1L << 27);

    final PageTable table = new PageTable(SMALL);

    static long pte(int frame) {
        return Pte.present(frame, Pte.READ | Pte.OWN);
    }

    /** Installs an entry in a live leaf, and walks again while the leaf that it found is dead. */
    void put(int frame) {
        for (; ; ) {
            long[] leaf = table.leafFromReserve(AT, TableReserve.NONE);
            Leaf.lock(leaf);
            try {
                if (!Leaf.isDead(leaf)) {
                    Leaf.compareAndSet(leaf, table.indexOf(AT), Pte.NONE, pte(frame));
                    return;
                }
            } finally {
                Leaf.unlock(leaf);
            }
        }
    }

    /** Removes the page if a walk finds it. Returns the number of removed pages. */
    int unmap() {
        long at = table.nextLeaf(0, SMALL.limit());
        long[] leaf = at == SMALL.limit() ? null : table.leaf(at);
        if (leaf == null) {
            return 0;
        }
        Leaf.lock(leaf);
        try {
            return Leaf.getAndSet(leaf, table.indexOf(AT), Pte.NONE) == Pte.NONE ? 0 : 1;
        } finally {
            Leaf.unlock(leaf);
        }
    }

    int found() {
        return table.get(AT) == Pte.NONE ? 0 : 1;
    }
}
