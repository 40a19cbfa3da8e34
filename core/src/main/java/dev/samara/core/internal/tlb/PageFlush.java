// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import java.lang.invoke.VarHandle;

/** The flush of one page without a {@link TlbGather}, for a page that stays mapped or that the caller frees. */
public final class PageFlush {
    private PageFlush() {}

    /**
     * Flushes the translations of one page on every CPU that may have one, and waits for those CPUs ({@code
     * flush_tlb_page}). The caller changed the page's entry, which does not change again during this call. The caller
     * holds no lock and is not in a reader section.
     *
     * @param table the page table of the space
     * @param leaf the leaf that contains the entry
     * @param address any address of the page
     */
    public static void flushPage(MachineMemory memory, PageTable table, long[] leaf, long address) {
        TlbContext context = table.context();
        int index = table.indexOf(address);
        long size = 1L << table.pageShift();
        long start = address & -size;
        // Orders the change of the entry before the load of the cpumask. Pairs with Leaf.addToCpumask.
        VarHandle.fullFence();
        if (memory.shootdowns().flushLocally(context, Leaf.cpumask(leaf, index, index), start, start + size)) {
            return;
        }
        long generation = context.generation().advance();
        long mask = Leaf.cpumask(leaf, index, index);
        context.log(generation, start, start + size, mask, MmuNotifier.Reason.DISCARDED);
        memory.shootdowns().shoot(context, generation, mask);
    }
}
