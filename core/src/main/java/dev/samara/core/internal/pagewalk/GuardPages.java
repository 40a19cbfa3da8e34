// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.pagewalk;

import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.sync.WaitReporter;
import dev.samara.core.internal.tlb.TlbGather;

/** Removes guard markers ({@code MADV_GUARD_REMOVE}); {@link DiscardPages#guard} installs them. */
public final class GuardPages {
    private GuardPages() {}

    /**
     * Empties the entries of a range that are guards. Waits for the owner of an entry that is becoming a guard.
     *
     * @param walk a cursor of the page table
     * @param start the first address
     * @param end the end of the range, exclusive
     * @param gather the gather of the operation
     * @param reporter is notified of a long wait
     */
    public static void remove(PageWalk walk, long start, long end, TlbGather gather, WaitReporter reporter) {
        walk.over(start, end);
        while (walk.next()) {
            int stop = walk.endIndex();
            for (int i = walk.first(); i < stop; i++) {
                remove(walk.leaf(), i, gather, reporter);
            }
        }
    }

    private static void remove(long[] leaf, int index, TlbGather gather, WaitReporter reporter) {
        long pte = Leaf.get(leaf, index);
        while (Pte.has(pte, Pte.BUSY | Pte.GUARD)) {
            // A truncation may have taken over an entry that is to become a guard marker. Waits until it has released
            // the entry.
            gather.memory().contexts().await(leaf, index, pte, reporter);
            pte = Leaf.get(leaf, index);
        }
        Leaf.empty(leaf, index, Pte.GUARD, Pte.NONE);
    }
}
