// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

/** Translated code. Each translation is a subclass, made by {@link RegionWriter}. */
abstract class Region {
    /** The address from which no code runs: the guest has ended. */
    static final long END = -1;

    /** The guest has changed code. */
    static final int CHANGED = 1;

    /** The next instruction is to be interpreted. */
    static final int MISSED = 2;

    /** What a run of translated code leaves beside the registers. */
    static final class RegionProgress {
        /** The number of instructions that were executed. */
        long executed;

        /** {@link #CHANGED}, {@link #MISSED}, or 0 for neither. The caller of {@link #run} sets it to 0. */
        int reason;

        /** After a failed access: the address of its instruction. */
        long pc;
    }

    /**
     * Runs until the guest leaves the region.
     *
     * @param x the registers
     * @param progress is brought up to date at the end, also after a failed access
     * @param entry the number of the entry, an index of {@link RegionPlan#entries}
     * @return the address of the next instruction, or {@link #END}
     */
    abstract long run(long[] x, RegionProgress progress, int entry);
}
