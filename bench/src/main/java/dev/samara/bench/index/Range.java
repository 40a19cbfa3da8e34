// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import org.jspecify.annotations.Nullable;

/**
 * A range of addresses and what is in it: the value that every index stores and hands back.
 *
 * @param first the lowest address
 * @param last the highest address, inclusive
 * @param next where in its page the next look-up of a dependent row goes: what only who has the result knows
 */
public record Range(long first, long last, int next) {
    /**
     * The answer to a look-up that found the range that begins at or below an address.
     *
     * @param floor that range, or null if there is none
     * @param address the address
     * @return the range if it reaches up to the address, otherwise null
     */
    static @Nullable Range covering(@Nullable Range floor, long address) {
        return floor != null && address <= floor.last ? floor : null;
    }

    /**
     * What a scan adds up, so that it has to look at bounds and value of each range.
     *
     * @return the distance of the bounds, and {@code next}
     */
    public long sum() {
        return last - first + next;
    }
}
