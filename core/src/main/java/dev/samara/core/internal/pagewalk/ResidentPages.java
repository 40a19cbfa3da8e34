// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.pagewalk;

import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;

/** The private pages of a space ({@code MM_ANONPAGES}), counted by a walk, since faults count none. */
public final class ResidentPages {
    private ResidentPages() {}

    /**
     * Counts the private pages at or below an address limit. Takes no lock: pages that come or go meanwhile are counted
     * or not. Takes time in proportion to the number of leaves.
     *
     * @param table the page table of a space
     * @param limit the end of the space, exclusive
     */
    public static long of(PageTable table, long limit) {
        PageWalk walk = new PageWalk(table).over(0, limit);
        long pages = 0;
        while (walk.next()) {
            for (int i = walk.first(); i < walk.last(); i++) {
                long pte = Leaf.get(walk.leaf(), i);
                if ((Pte.isPresent(pte) || Pte.isBusy(pte)) && Pte.isOwn(pte)) {
                    pages++;
                }
            }
        }
        return pages;
    }
}
