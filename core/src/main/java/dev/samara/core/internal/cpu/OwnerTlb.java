// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

/**
 * The TLB of a CPU, for the thread that owns the CPU. If that thread flushes, no request is needed ({@code
 * local_flush_tlb}).
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

    /** Returns whether the CPU, which is in GUEST, leaves it by itself for a call of its thread that may wait. */
    default boolean leavesForCalls() {
        return false;
    }

    /** Leaves GUEST for such a call. */
    default void leaveForCall() {}

    /**
     * Leaves GUEST for a fault of another CPU of the thread, if this CPU does so by itself.
     *
     * @param depth of the fault within the faults of the thread, by which it is found again
     */
    default void leaveForFault(int depth) {}

    /** Enters GUEST again if the CPU has left it for a fault, which is over. */
    default void comeBack(int depth) {}
}
