// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.LazyTlb;
import dev.samara.core.MachineBuilder;
import java.util.Arrays;
import java.util.List;

/**
 * What a machine of the torture does about CPUs that leave a space. The seed chooses, so that each strategy has its
 * turn, with flushes that are elided and not, on checked machines and on others.
 *
 * @param lazy what a CPU in LAZY keeps
 * @param elides whether a flush looks at no CPU while only the caller's is in the space
 * @param checked whether the machine checks each access, and CPUs in LAZY walk their tables
 */
record LifetimeChoices(LazyTlb lazy, boolean elides, boolean checked) {
    /** The system property with the name of a {@link LazyTlb}. */
    static final String LAZY = "torture.lazy";

    /**
     * Chooses by the seed. Sixteen seeds in sequence have all combinations.
     *
     * @param name the name of the strategy; empty for that of the seed
     * @throws IllegalArgumentException if no strategy has the name
     */
    static LifetimeChoices of(long seed, String name) {
        LazyTlb lazy = name.isEmpty() ? List.of(LazyTlb.values()).get((int) (seed & 3)) : named(name);
        boolean checked = (seed & 4) != 0 || Boolean.getBoolean("samara.checked");
        return new LifetimeChoices(lazy, (seed & 8) != 0, checked);
    }

    private static LazyTlb named(String name) {
        for (LazyTlb each : LazyTlb.values()) {
            if (each.name().equals(name)) {
                return each;
            }
        }
        throw new IllegalArgumentException("-D" + LAZY + "=" + name + ": has to be one of "
                + Arrays.toString(LazyTlb.values()) + ", or empty for the choice of the seed");
    }

    /** Has a machine do as chosen; returns its builder. */
    MachineBuilder apply(MachineBuilder machine) {
        return machine.lazyTlb(lazy).elideFlushes(elides).checked(checked);
    }

    /** Returns the property that makes these choices again with their seed, and what the seed has chosen. */
    @Override
    public String toString() {
        return "-D" + LAZY + "=" + lazy + (elides ? " (flushes elided" : " (flushes not elided")
                + (checked ? ", accesses checked)" : ", accesses not checked)");
    }
}
