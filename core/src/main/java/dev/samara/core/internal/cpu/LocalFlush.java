// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

/**
 * The flushes of a CPU that its own thread calls for, without a request to another thread ({@code local_flush_tlb}).
 * Called on the thread that owns the CPU only. An implementation must not keep the CPU reachable.
 */
public interface LocalFlush {
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
