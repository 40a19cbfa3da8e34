// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.cpu.CountedLazy;
import dev.samara.core.internal.cpu.HazardLazy;
import dev.samara.core.internal.cpu.LazyContext;
import dev.samara.core.internal.cpu.ShootdownLazy;
import dev.samara.core.internal.cpu.UnloadedLazy;

/**
 * The part of a space that a CPU {@linkplain Cpu#enterLazy in LAZY} keeps after it has left, and the means that keep
 * that part alive ({@code active_mm}). A machine has one of these four; {@link MachineBuilder#lazyTlb} chooses. They
 * differ in cost alone: calls have equal effects and results with each of them. docs/lifetimes.md compares them.
 */
@Experimental
public enum LazyTlb {
    /**
     * The CPU has the root still, and holds a {@linkplain AddressSpace#hold reference to the page table} ({@code
     * MMU_LAZY_TLB_REFCOUNT}). The CPU takes the reference when it first enters LAZY in the space, and gives it up when
     * it goes to another space. All CPUs of a space write one count. The end of the space takes nothing from a CPU.
     */
    REFERENCE_COUNT,

    /**
     * The CPU has the root still, without a reference ({@code MMU_LAZY_TLB_SHOOTDOWN}). The end of the space looks at
     * each CPU of the machine, and takes the root from those that have it, before it frees the page table.
     */
    SHOOTDOWN,

    /**
     * The CPU has the root still, and says so in a hazard pointer, which takes no reference. The end of the space looks
     * at each CPU of the machine, and hands those that have the root a reference to the page table.
     */
    HAZARD_POINTER,

    /** The CPU loses the root at once. It comes back to the space as from any other space. */
    NONE;

    /** Returns what makes a CPU's part of this strategy. */
    LazyContext.Maker maker() {
        return switch (this) {
            case REFERENCE_COUNT -> CountedLazy::new;
            case SHOOTDOWN -> ShootdownLazy::new;
            case HAZARD_POINTER -> HazardLazy::new;
            case NONE -> UnloadedLazy::new;
        };
    }
}
