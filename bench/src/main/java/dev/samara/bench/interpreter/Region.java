// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

/** Translated code. Each translation is a subclass, made by {@link RegionWriter}. */
abstract class Region {
    /** The address from which no code runs: the guest has ended. */
    static final long END = -1;

    /** Tells the dispatcher that code was changed, and where it goes on: the sum of this and an address. */
    static final long CHANGED = 1L << 62;

    /** Tells the dispatcher that the next instruction is to be interpreted: the sum of this and its address. */
    static final long MISSED = 1L << 61;

    /** What a run of translated code leaves beside the registers. */
    static final class RegionProgress {
        /** The number of instructions that were executed. */
        long executed;

        /** After a failed access: the address of its instruction. */
        long pc;
    }

    /**
     * Runs until the guest leaves the region.
     *
     * @param x the registers
     * @param progress is brought up to date at the end, also after a failed access
     * @param entry the number of the entry, an index of {@link RegionPlan#entries}
     * @return the address of the next instruction, {@link #END}, or the sum of {@link #CHANGED} and an address
     */
    abstract long run(long[] x, RegionProgress progress, int entry);
}
