// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import org.jspecify.annotations.Nullable;

/**
 * A range of addresses with its value. Every index stores and returns this object.
 *
 * @param first the lowest address
 * @param last the highest address, inclusive
 * @param next the page offset of the next lookup in the pattern {@code dependent}, which only this lookup's result
 *     reveals
 */
public record Range(long first, long last, int next) {
    /**
     * Returns the range that covers an address, given the last range that starts at or below the address.
     *
     * @param floor that range, or null if there is none
     * @param address the address
     * @return {@code floor} if it covers the address, otherwise null
     */
    static @Nullable Range covering(@Nullable Range floor, long address) {
        return floor != null && address <= floor.last ? floor : null;
    }

    /**
     * Returns the number that a scan adds up, so that a scan must read the bounds and the value of each range.
     *
     * @return the distance of the bounds, and {@code next}
     */
    public long sum() {
        return last - first + next;
    }
}
