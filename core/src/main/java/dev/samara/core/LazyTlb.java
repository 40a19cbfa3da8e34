// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.internal.cpu.CountedLazy;
import dev.samara.core.internal.cpu.HazardLazy;
import dev.samara.core.internal.cpu.LazyContext;
import dev.samara.core.internal.cpu.ShootdownLazy;
import dev.samara.core.internal.cpu.UnloadedLazy;

/**
 * What a CPU {@linkplain Cpu#enterLazy in LAZY} keeps of the space that it has left, and what keeps that part of the
 * space alive ({@code active_mm}). A machine has one of these four; {@link MachineBuilder#lazyTlb} chooses. They differ
 * in cost alone: calls have the effects and results that they have with any other. docs/lifetimes.md compares them.
 */
public enum LazyTlb {
    /**
     * The CPU has the root still, and holds a {@linkplain AddressSpace#hold reference to the page table} ({@code
     * MMU_LAZY_TLB_REFCOUNT}). Of all CPUs that leave a space for another one, each that was LAZY there writes that
     * count twice.
     */
    REFERENCE_COUNT,

    /**
     * The CPU has the root still, without a reference. The end of the space takes it off ({@code
     * MMU_LAZY_TLB_SHOOTDOWN}): it looks at each CPU of the machine, and writes to those that keep the space.
     */
    SHOOTDOWN,

    /**
     * The CPU has the root still, and says so in a hazard pointer, which takes no reference. The end of the space looks
     * at each CPU of the machine, and hands those that keep the space a reference to the page table.
     */
    HAZARD_POINTER,

    /** The CPU leaves the space altogether. It comes back as from any other space. */
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
