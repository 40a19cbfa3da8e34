// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.internal.cpu.LazyContext;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.sync.StackReserve;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The page tables that an operation walks, with a reference to each ({@code mmgrab}). Their spaces may be torn down
 * during the operation, because the operation is not a user of these spaces, and the teardown does not wait for it.
 * Used by one thread at a time.
 */
public final class HeldTables {
    /**
     * The stack that {@link #release} needs, in stack frames. A caller that must not lose a reference checks the stack
     * first.
     */
    public static final int DEPTH = LazyContext.DROP_DEPTH + 8;

    private @Nullable TlbContext[] held = {};
    private int size;

    /** Creates an empty list. */
    public HeldTables() {}

    /**
     * Acquires a reference to a page table, until {@link #release}.
     *
     * @return false if the page table was already given back, because the space was torn down and has no pages left
     */
    public boolean hold(PageTable table) {
        // Grown first, because an acquired reference must be recorded.
        if (size == held.length) {
            held = Arrays.copyOf(held, Math.max(4, 2 * size));
        }
        TlbContext context = table.context();
        if (!context.tryHold()) {
            return false;
        }
        held[size++] = context;
        return true;
    }

    /**
     * Releases all references, after the flushes of the changes in these tables. References that are not released
     * because of a stack overflow are released by the next call.
     */
    public void release() {
        while (size > 0) {
            StackReserve.check(LazyContext.DROP_DEPTH);
            size--;
            TlbContext last = held[size];
            held[size] = null;
            if (last != null) {
                last.release();
            }
        }
    }
}
