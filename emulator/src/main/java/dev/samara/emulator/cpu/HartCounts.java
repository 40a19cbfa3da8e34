// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

/** What a hart has done, written by its thread. Others read it after that thread has ended. */
public final class HartCounts {
    /** Instructions that were executed. */
    public long instructions;

    /** Blocks that were decoded. */
    public long decodedBlocks;

    /** Blocks that were dropped, since their code may have changed. */
    public long droppedBlocks;

    /** Reads of the flags of floating point, which are always 0. */
    public long flagReads;

    /** Changes to a rounding mode that only conversions to integers obey. */
    public long roundingChanges;

    /** Makes counts of 0. */
    public HartCounts() {}

    /**
     * Adds the counts of a hart that has ended.
     *
     * @param other its counts
     */
    public void add(HartCounts other) {
        instructions += other.instructions;
        decodedBlocks += other.decodedBlocks;
        droppedBlocks += other.droppedBlocks;
        flagReads += other.flagReads;
        roundingChanges += other.roundingChanges;
    }
}
