// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.LazyTlb;
import dev.samara.core.MachineBuilder;
import dev.samara.core.fixture.LazyStrategies;
import java.util.Arrays;
import java.util.List;

/**
 * The settings of a torture's machine for CPUs that leave a space. The seed chooses the default strategy or another
 * one, whether flushes are elided, and whether the machine is checked.
 *
 * @param lazy the strategy for LAZY CPUs
 * @param elides whether a flush checks no CPUs while only the caller's CPU is in the space
 * @param checked whether the machine checks each access, and LAZY CPUs walk their tables
 */
record LifetimeChoices(LazyTlb lazy, boolean elides, boolean checked) {
    /** The system property with the name of a {@link LazyTlb}. */
    static final String LAZY = "torture.lazy";

    /**
     * Chooses by the seed: an even seed selects the default strategy. Sixteen consecutive seeds from a multiple of 16
     * on cover all combinations with the default and one other strategy, 48 seeds those with each strategy.
     *
     * @param name the name of the strategy; empty for the seed's choice
     * @throws IllegalArgumentException if no strategy has the name
     */
    static LifetimeChoices of(long seed, String name) {
        LazyTlb lazy = name.isEmpty() ? ofSeed(seed) : named(name);
        boolean checked = (seed & 4) != 0 || Boolean.getBoolean("samara.checked");
        return new LifetimeChoices(lazy, (seed & 8) != 0, checked);
    }

    private static LazyTlb ofSeed(long seed) {
        List<LazyTlb> others = LazyStrategies.OTHERS;
        return (seed & 1) == 0 ? LazyTlb.SHOOTDOWN : others.get((int) Math.floorMod(seed >> 4, (long) others.size()));
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

    /** Applies the choices to a machine's builder, and returns the builder. */
    MachineBuilder apply(MachineBuilder machine) {
        return machine.lazyTlb(lazy).elideFlushes(elides).checked(checked);
    }

    /** Returns the property that repeats these choices together with the seed, and the choices of the seed. */
    @Override
    public String toString() {
        return "-D" + LAZY + "=" + lazy + (elides ? " (flushes elided" : " (flushes not elided")
                + (checked ? ", accesses checked)" : ", accesses not checked)");
    }
}
