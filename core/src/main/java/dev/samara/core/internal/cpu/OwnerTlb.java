// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

/**
 * The TLB of a CPU, for a thread that flushes and owns the CPU itself: no request is needed ({@code local_flush_tlb}).
 * {@link FlushGeneration} tells a CPU that it must flush. An implementation must not keep the CPU reachable.
 */
public interface OwnerTlb {
    /** Catches up with the generation of the CPU's space, and acknowledges. The CPU is in GUEST. */
    void acknowledge();

    /**
     * Drops the translations of a range of the CPU's space. The CPU is in KERNEL, and has a space.
     *
     * @param start the first address
     * @param end the end of the range, exclusive
     * @return false, and drops nothing, if the CPU has to catch up with a generation instead: the range is long, or a
     *     listener is told of generations
     */
    boolean drop(long start, long end);
}
