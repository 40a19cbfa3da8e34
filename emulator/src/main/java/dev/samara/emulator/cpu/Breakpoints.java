// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

import java.util.Arrays;

/**
 * The addresses at which a debugger stops the harts of a process, regardless of the code there. A change affects only
 * blocks that are decoded afterwards, so the caller must make each hart drop its blocks.
 */
public final class Breakpoints {
    /** The addresses and the mode of stops. */
    private static final class PlantedStops {
        /** In ascending order; never changed. */
        private final long[] addresses;

        /** Whether each block contains only one instruction. */
        private final boolean isFine;

        PlantedStops(long[] addresses, boolean isFine) {
            this.addresses = addresses;
            this.isFine = isFine;
        }
    }

    /**
     * Written: the thread of the debugger's server (volatile).
     * Read: each thread of the process, when it decodes a block, and before it executes a single instruction
     *     (volatile).
     * Invariant: the object never changes; the writer sets {@code hasChangedCode} of each thread afterwards, so a
     *     thread that was stopped in between runs no older block.
     */
    private volatile PlantedStops planted = new PlantedStops(new long[0], false);

    /** Creates an empty set. */
    public Breakpoints() {}

    /**
     * Replaces the addresses. May be called by any thread.
     *
     * @param addresses the new addresses, in any order
     * @param isFine whether a hart stops on request after the current instruction instead of after the current block;
     *     this makes execution many times slower
     */
    public void set(long[] addresses, boolean isFine) {
        long[] sorted = addresses.clone();
        Arrays.sort(sorted);
        planted = new PlantedStops(sorted, isFine);
    }

    /**
     * Returns whether a hart stops before an instruction.
     *
     * @param address the address of the instruction
     * @return whether the address is in this set
     */
    public boolean contains(long address) {
        return Arrays.binarySearch(planted.addresses, address) >= 0;
    }

    /** Returns the maximum number of instructions of a block. */
    int longest() {
        return planted.isFine ? 1 : CodeBlock.LONGEST;
    }
}
