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
     * The context to which this holds a reference. For the CPU's thread; if the CPU is {@linkplain CpuOwner gone}, for
     * the thread that takes it offline.
     *
     * @written the CPU's thread, or a thread that has found the CPU gone (plain)
     * @read the CPU's thread, or a thread that has found the CPU gone (plain)
     * @pairs what the CPU's thread has stored happens before {@code Thread.isAlive} returns false, and before the
     *     reference to a lost CPU leaves its queue ({@code isLost}); a CPU that is handed over passes it on by {@code
     *     thread} of {@code CpuOwner}
     * @invariant the context of which this CPU has a reference to the page table; null for none
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
            // Of the two steps below one alone would lose the reference, or give it up twice.
            StackReserve.check(DROP_DEPTH);
            kept = null;
            of.pageTable().release();
        }
    }
}
