// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The bounds of a space, and the settings with which it starts. Addresses are unsigned.
 *
 * @param name the name that the embedder gave the space, or null
 * @param geometry sizes and bounds
 * @param capabilities the privileges with which the space starts
 * @param limits soft limits in bytes; -1 or absent for no limit
 * @param topDown whether placement goes downwards from the mmap base
 * @param heapStart the first address of the heap
 * @param brk the end of the heap
 * @param stackStart an address in the main stack, or 0
 * @param lowGuard the end of the guard that starts at 0, in which nothing can be mapped; 0 if there is no such guard
 * @param highGuard the start of the guard that ends at the limit, in which nothing can be mapped; equal to the limit if
 *     there is no such guard
 * @param earlyReuse whether a mapping may be stored over the reservation of a munmap in flight
 * @param isCollected whether references to the users may become unreachable without a close
 */
public record Origin(
        @Nullable String name,
        Geometry geometry,
        Set<Capability> capabilities,
        Map<Resource, Long> limits,
        boolean topDown,
        long heapStart,
        long brk,
        long stackStart,
        long lowGuard,
        long highGuard,
        boolean earlyReuse,
        boolean isCollected) {
    /** Returns the lowest address at which a mapping may be placed. */
    public long lowest() {
        return Addresses.higher(geometry.minimum(), lowGuard);
    }

    /** Returns the (exclusive) end of the addresses at which a mapping may be placed. */
    public long highest() {
        return highGuard;
    }

    /** Returns whether {@code [start, end)} overlaps a guard. */
    public boolean isGuarded(long start, long end) {
        return Addresses.isBelow(start, lowGuard) || Addresses.isAbove(end, highGuard);
    }
}
