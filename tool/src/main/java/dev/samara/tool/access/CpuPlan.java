// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.access;

import dev.samara.core.AddressSpace;

/**
 * The number of CPUs of each space, and the choice of a CPU for each access.
 *
 * @param count the number of CPUs, positive
 * @param seed the seed of the choice; two runs with the same seed choose the same CPUs
 */
public record CpuPlan(int count, long seed) {
    /** One CPU for all accesses. */
    public static final CpuPlan ONE = new CpuPlan(1, 0);

    /**
     * Claims the CPUs of one space for the calling thread.
     *
     * @param space a space of a machine with memory
     * @return the CPUs, which are all in the space
     */
    public CpuSet claim(AddressSpace space) {
        return new CpuSet(this, space);
    }
}
