// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

/** Translated code. Each translation is a subclass, which {@link RegionWriter} generates. */
abstract class Region {
    /** The address that means that the guest ended. */
    static final long END = -1;

    /** The guest changed code. */
    static final int CHANGED = 1;

    /** The next instruction must be interpreted. */
    static final int MISSED = 2;

    /** The results of a run of translated code, besides the registers. */
    static final class RegionProgress {
        /** How many instructions were executed. */
        long executed;

        /** {@link #CHANGED}, {@link #MISSED}, or 0 for any other exit. The caller of {@link #run} resets it to 0. */
        int reason;

        /** After a failed access: the address of the accessing instruction. */
        long pc;
    }

    /**
     * Runs until the guest exits the region.
     *
     * @param x the registers
     * @param progress updated at the end, even after a failed access
     * @param entry the index of the entry in {@link RegionPlan#entries}
     * @return the address of the next instruction, or {@link #END}
     */
    abstract long run(long[] x, RegionProgress progress, int entry);
}
