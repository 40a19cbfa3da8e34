// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.access;

import dev.samara.core.AddressSpace;

/**
 * The number of CPUs of each space, and the choice of a CPU for each access.
 *
 * @param count the number of CPUs, positive
 * @param seed the seed of the choice; with an equal seed, each access is made by the CPU that made it before
 */
public record CpuPlan(int count, long seed) {
    /** One CPU, which makes all accesses. */
    public static final CpuPlan ONE = new CpuPlan(1, 0);

    /**
     * Claims the CPUs of one space for the calling thread.
     *
     * @param space of a machine with memory
     * @return the CPUs; each is in the space
     */
    public CpuSet claim(AddressSpace space) {
        return new CpuSet(this, space);
    }
}
