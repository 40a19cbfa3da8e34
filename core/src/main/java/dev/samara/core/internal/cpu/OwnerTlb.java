// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

/**
 * The TLB of a CPU, as used by the thread that owns the CPU. If that thread itself flushes, no request is needed
 * ({@code local_flush_tlb}). From {@link FlushGeneration}, a CPU learns that it must flush.
 */
public interface OwnerTlb {
    /** The reason to leave GUEST for a call of the thread that may wait. The reason for a fault is its depth. */
    int FOR_CALL = -1;

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

    /**
     * Returns whether the CPU is in GUEST, and leaves it by itself.
     *
     * @param why {@link #FOR_CALL}; or, for a fault of another CPU of the thread, its depth among the thread's nested
     *     faults, which identifies the fault
     */
    boolean leavesFor(int why);

    /** Leaves GUEST for a reason for which the CPU {@linkplain #leavesFor does so by itself}. */
    void goAway(int why);

    /**
     * Enters GUEST again if the CPU left it for this reason, which is over.
     *
     * @return whether the CPU entered GUEST
     */
    boolean comeBackFrom(int why);
}
