// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

/**
 * An index that can be scanned range by range.
 *
 * <p>Each method returns the sum of the data that a caller would read: the distance of the bounds of each range and
 * {@link Range#next()}. Each structure reads the bounds where that takes the minimum number of loads.
 */
public interface Scannable {
    /**
     * Scans all ranges, upwards.
     *
     * @return the sum
     */
    long scan();

    /**
     * Scans all ranges, downwards.
     *
     * @return the sum
     */
    long scanBackwards();

    /**
     * Scans some ranges, upwards.
     *
     * @param address the start; the first range is the lowest one that starts at or above it
     * @param count the maximum number of ranges
     * @return the sum
     */
    long scanFrom(long address, int count);
}
