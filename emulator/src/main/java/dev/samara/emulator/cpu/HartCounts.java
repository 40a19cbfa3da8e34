// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

/** Counters of a hart, written by its thread. Other threads read them after that thread has ended. */
public final class HartCounts {
    /** The number of executed instructions. */
    public long instructions;

    /** The number of decoded blocks. */
    public long decodedBlocks;

    /** The number of blocks that were dropped because their code may have changed. */
    public long droppedBlocks;

    /** The number of reads of the floating-point flags, which are always 0. */
    public long flagReads;

    /** The number of changes to a rounding mode that only conversions to integers obey. */
    public long roundingChanges;

    /** Creates counters that are 0. */
    public HartCounts() {}

    /**
     * Adds the counters of a hart whose thread has ended.
     *
     * @param other the counters of that hart
     */
    public void add(HartCounts other) {
        instructions += other.instructions;
        decodedBlocks += other.decodedBlocks;
        droppedBlocks += other.droppedBlocks;
        flagReads += other.flagReads;
        roundingChanges += other.roundingChanges;
    }
}
