// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.internal.sync.StackReserve;
import org.jspecify.annotations.Nullable;

/**
 * The strategy {@code REFERENCE_COUNT}: a CPU in LAZY holds a reference to the page table ({@code
 * MMU_LAZY_TLB_REFCOUNT}).
 */
public final class CountedLazy extends LazyContext {
    /**
     * The context to whose page table the CPU holds a reference. Used by the CPU's thread or, if the CPU is {@linkplain
     * CpuOwner gone}, by the thread that takes it offline.
     *
     * <p>Written: the CPU's thread, or a thread that found the CPU gone (plain).
     * Read: the CPU's thread, or a thread that found the CPU gone (plain).
     * Pairs: stores of the CPU's thread happen before {@code Thread.isAlive} returns false, and before the reference to
     *     a lost CPU is polled from its queue ({@code isLost}); if the CPU is handed over, {@code thread} of {@code
     *     CpuOwner} publishes them.
     * Invariant: the context to whose page table this CPU holds a reference; null if there is none.
     */
    private @Nullable TlbContext kept;

    @Override
    void keep(TlbContext of) {
        if (kept != of) {
            drop();
            of.pageTable().hold();
            kept = of;
        }
    }

    @Override
    @Nullable
    TlbContext kept() {
        return kept;
    }

    @Override
    boolean mayRelease() {
        return true;
    }

    @Override
    void drop() {
        TlbContext of = kept;
        if (of != null) {
            // Checked first, because if only one of the two steps below succeeded, the reference would be lost, or
            // released twice.
            StackReserve.check(DROP_DEPTH);
            kept = null;
            of.pageTable().release();
        }
    }
}
