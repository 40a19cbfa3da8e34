// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.cpu.LazyContext;
import java.util.function.Supplier;

/**
 * Which part of a space a {@linkplain Cpu#enterLazy LAZY} CPU keeps after it has left the space, and what keeps that
 * part alive ({@code active_mm}). {@link MachineBuilder#lazyTlb} selects one of these four strategies for a machine.
 * They differ only in cost: calls have the same effects and results with each. docs/lifetimes.md compares them.
 */
@Experimental
public enum LazyTlb {
    /**
     * The CPU keeps the root, and holds a {@linkplain AddressSpace#hold reference to the page table} ({@code
     * MMU_LAZY_TLB_REFCOUNT}). The CPU acquires the reference when it first enters LAZY in the space, and releases it
     * when it switches to another space. All CPUs of a space write the same count. The teardown of the space takes no
     * root from a CPU.
     */
    REFERENCE_COUNT,

    /**
     * The CPU keeps the root, without a reference ({@code MMU_LAZY_TLB_SHOOTDOWN}). The teardown of the space checks
     * each CPU of the machine, and takes the root from those that keep it, before it frees the page table.
     */
    SHOOTDOWN,

    /**
     * The CPU keeps the root without a reference, and publishes it in a hazard pointer. The teardown of the space
     * checks each CPU of the machine, and hands those that keep the root a reference to the page table.
     */
    HAZARD_POINTER,

    /** The CPU drops the root immediately. Returning to the space costs as much as from any other space. */
    NONE;

    /** Returns the factory of a CPU's part of this strategy. */
    Supplier<LazyContext> maker() {
        return switch (this) {
            case REFERENCE_COUNT -> LazyContext.Counted::new;
            case SHOOTDOWN -> LazyContext.Shootdown::new;
            case HAZARD_POINTER -> LazyContext.Hazard::new;
            case NONE -> LazyContext::new;
        };
    }
}
