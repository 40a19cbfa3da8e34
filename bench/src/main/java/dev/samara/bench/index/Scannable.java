// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

/**
 * Goes through its ranges one by one.
 *
 * <p>Each method returns the sum of what a caller would look at: of each range the distance of its bounds and {@link
 * Range#next()}, the bounds from where the structure has them at hand.
 */
public interface Scannable {
    /**
     * All ranges, upwards.
     *
     * @return the sum
     */
    long scan();

    /**
     * All ranges, downwards.
     *
     * @return the sum
     */
    long scanBackwards();

    /**
     * Some ranges, upwards.
     *
     * @param address where to begin: the first is that which begins here, or else the next
     * @param count how many, or fewer if there are no more
     * @return the sum
     */
    long scanFrom(long address, int count);
}
