// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.internal.cpu.LazyContext;
import dev.samara.core.internal.cpu.PageTableCount;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.sync.StackReserve;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The page tables that an operation walks, with a reference to each ({@code mmgrab}). Their spaces may end during the
 * operation. The operation is no user there, and the end does not wait for it. Used by one thread at a time.
 */
public final class HeldTables {
    /** The stack that {@link #release} needs, in frames. A caller that must not lose a reference checks it first. */
    public static final int DEPTH = LazyContext.DROP_DEPTH + 8;

    private @Nullable PageTableCount[] held = {};
    private int size;

    /** Makes an empty list. */
    public HeldTables() {}

    /**
     * Takes a reference to a page table, until {@link #release}.
     *
     * @return false if the page table was given back already: the space has ended, and none of its pages is left
     */
    public boolean hold(PageTable table) {
        // First: a reference that was taken must be recorded.
        if (size == held.length) {
            held = Arrays.copyOf(held, Math.max(4, 2 * size));
        }
        PageTableCount count = table.context().pageTable();
        if (!count.tryHold()) {
            return false;
        }
        held[size++] = count;
        return true;
    }

    /**
     * Gives all references up, after the flushes of what was changed in these tables. What this does not give up at the
     * end of the stack, the next call does.
     */
    public void release() {
        while (size > 0) {
            StackReserve.check(LazyContext.DROP_DEPTH);
            size--;
            PageTableCount last = held[size];
            held[size] = null;
            if (last != null) {
                last.release();
            }
        }
    }
}
