// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.access;

import dev.samara.core.AddressSpace;

/**
 * How many CPUs each space has, and who of them makes which access.
 *
 * @param count how many, positive
 * @param seed what chooses; the same accesses are made by the same CPUs if it is the same
 */
public record CpuPlan(int count, long seed) {
    /** One CPU, which makes all accesses. */
    public static final CpuPlan ONE = new CpuPlan(1, 0);

    /**
     * Claims the CPUs of one space, for the calling thread.
     *
     * @param space of a machine with memory
     * @return the CPUs; each has the space loaded
     */
    public CpuSet claim(AddressSpace space) {
        return new CpuSet(this, space);
    }
}
