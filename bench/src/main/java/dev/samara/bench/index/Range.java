// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import org.jspecify.annotations.Nullable;

/**
 * A range of addresses with its value: the object that every index stores and returns.
 *
 * @param first the lowest address
 * @param last the highest address, inclusive
 * @param next the offset in its page of the next lookup of a dependent row: known only from the result
 */
public record Range(long first, long last, int next) {
    /**
     * Returns the range that covers an address, given the range that begins at or below the address.
     *
     * @param floor that range, or null if there is none
     * @param address the address
     * @return {@code floor} if it reaches up to the address, otherwise null
     */
    static @Nullable Range covering(@Nullable Range floor, long address) {
        return floor != null && address <= floor.last ? floor : null;
    }

    /**
     * Returns a scan's summand, so that a scan must read bounds and value of each range.
     *
     * @return the distance of the bounds, and {@code next}
     */
    public long sum() {
        return last - first + next;
    }
}
