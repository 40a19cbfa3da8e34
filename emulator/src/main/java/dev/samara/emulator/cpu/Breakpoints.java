// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.cpu;

import java.util.Arrays;

/**
 * The addresses at which a debugger stops the harts of a process, whatever code is there. A change concerns blocks that
 * are decoded after it: the caller has each hart drop its blocks.
 */
public final class Breakpoints {
    /** What the harts of a process are to do. */
    private static final class PlantedStops {
        /** In ascending order; never changed. */
        private final long[] addresses;

        /** Whether each block has one instruction. */
        private final boolean isFine;

        PlantedStops(long[] addresses, boolean isFine) {
            this.addresses = addresses;
            this.isFine = isFine;
        }
    }

    /**
     * @written the server's thread of a debugger (volatile)
     * @read each thread of the process, when it decodes a block, and before it makes a single instruction (volatile)
     * @invariant what it refers to never changes; the writer marks {@code hasChangedCode} of each thread afterwards, so
     *     no block from before runs when the thread has been stopped meanwhile
     */
    private volatile PlantedStops planted = new PlantedStops(new long[0], false);

    /** Makes a set without addresses. */
    public Breakpoints() {}

    /**
     * Replaces the addresses. For any thread.
     *
     * @param addresses the new ones, in any order
     * @param isFine whether a hart that is asked to stop does so after the present instruction, and not only after the
     *     present block, which is many times slower
     */
    public void set(long[] addresses, boolean isFine) {
        long[] sorted = addresses.clone();
        Arrays.sort(sorted);
        planted = new PlantedStops(sorted, isFine);
    }

    /**
     * Returns whether a hart stops before an instruction.
     *
     * @param address that of the instruction
     * @return whether the address is in this set
     */
    public boolean contains(long address) {
        return Arrays.binarySearch(planted.addresses, address) >= 0;
    }

    /** Returns the most instructions of a block. */
    int longest() {
        return planted.isFine ? 1 : CodeBlock.LONGEST;
    }
}
