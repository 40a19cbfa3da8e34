// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.TableBudget;
import dev.samara.core.internal.tlb.TlbGather.HeldTables;
import java.util.List;

/**
 * Unhooks empty page tables when another one would exceed a limit. A fault that did not complete may leave such tables.
 */
public final class PageTableReclaim {
    private PageTableReclaim() {}

    /**
     * Unhooks the empty tables of a space. If the space is not at its own limit, also unhooks the empty tables of all
     * other spaces of the machine. Does not wait for CPUs or operations. The caller holds no lock of a leaf or a
     * layout.
     *
     * @param layout a layout with memory, whose page table the caller holds
     * @return false if a further call would free nothing
     */
    public static boolean reclaim(Layout layout) {
        PageTable own = layout.pages();
        int tables = own.tables();
        own.unhookEmpty();
        if (own.isAtTableLimit() || !ThreadCpus.mayWait()) {
            return own.tables() < tables;
        }
        TableBudget budget = own.budget();
        long used = budget.used();
        HeldTables held = new HeldTables();
        List<Layout> others = layout.spaces().inUse(budget);
        for (int i = 0; i < others.size(); i++) {
            PageTable other = others.get(i).pages();
            if (other != own && held.hold(other)) {
                try {
                    other.unhookEmpty();
                } finally {
                    held.release();
                }
            }
        }
        return own.tables() < tables || budget.used() < used;
    }
}
