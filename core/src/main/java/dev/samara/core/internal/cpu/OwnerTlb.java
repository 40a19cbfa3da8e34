// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

/**
 * The TLB of a CPU, as used by the thread that owns the CPU. If that thread itself flushes, no request is needed
 * ({@code local_flush_tlb}). From {@link FlushGeneration}, a CPU learns that it must flush. An implementation must not
 * keep the CPU reachable.
 */
public interface OwnerTlb {
    /** Catches up with the generation of the CPU's space, and acknowledges. The CPU is in GUEST. */
    void acknowledge();

    /**
     * Drops the translations of a range of the CPU's space. The CPU is in KERNEL, and has a space.
     *
     * @param start the first address
     * @param end the end of the range, exclusive
     * @return false, with nothing dropped, if the CPU must catch up with a generation instead, because the range is too
     *     long, or because a listener must be notified of generations
     */
    boolean drop(long start, long end);

    /** Returns whether the CPU, which is in GUEST, leaves GUEST by itself for a call of its thread that may wait. */
    default boolean leavesForCalls() {
        return false;
    }

    /** Leaves GUEST for a call of its thread that may wait. */
    default void leaveForCall() {}

    /**
     * Leaves GUEST for a fault of another CPU of the thread, if this CPU does so by itself.
     *
     * @param depth the depth of the fault among the nested faults of the thread, which identifies the fault
     */
    default void leaveForFault(int depth) {}

    /** Enters GUEST again if the CPU has left it for a fault that is now over. */
    default void comeBack(int depth) {}
}
