// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.pagewalk;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Watches.Watch;
import dev.samara.core.internal.tlb.Memory;
import dev.samara.core.internal.tlb.TlbGather;

/**
 * Beginning to watch a range: once it has begun, no CPU has a translation through which it could store without coming
 * by.
 */
public final class WatchPages {
    private WatchPages() {}

    /**
     * Begins. Caller holds no lock and has no CPU in GUEST.
     *
     * @param memory the machine's
     * @param table a space's
     * @param watch what is watched
     * @param start the first address of its first page
     * @param end behind its last page
     */
    @SuppressWarnings("try") // it is there to be closed
    public static void begin(Memory memory, PageTable table, Watch watch, long start, long end) {
        boolean done = false;
        try (AccessChecker.Revocation taking = AccessChecker.taking(
                        memory.oracle(), "watch", AccessChecker.WRITE, table.number(), start, end);
                TlbGather gather = new TlbGather(memory)) {
            table.watches().add(watch);
            // The fence of the walk is between the watch and the leaves, and later the masks. Pairs with who
            // links a leaf, or notes himself in a mask, and then looks for watches.
            long at = table.nextLeaf(start, end);
            while (Long.compareUnsigned(at, end) < 0) {
                long stop = table.leafEnd(at);
                boolean isLast = Long.compareUnsigned(stop, end) >= 0;
                long[] leaf = table.leaf(at);
                if (leaf != null) {
                    owe(table, leaf, at, isLast ? end : stop, gather);
                }
                if (gather.isFull()) {
                    gather.invalidate();
                }
                at = isLast ? end : table.nextLeaf(stop, end);
            }
            gather.invalidate();
            done = true;
        } finally {
            if (!done) {
                table.watches().remove(watch);
            }
        }
    }

    private static void owe(PageTable table, long[] leaf, long start, long end, TlbGather gather) {
        Leaf.lock(leaf);
        try {
            if (!Leaf.isDead(leaf)) {
                gather.owe(table, leaf, start, end, MmuNotifier.Reason.OBSERVED);
            }
        } finally {
            Leaf.unlock(leaf);
        }
    }
}
