// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.mman.Resource;
import org.jspecify.annotations.Nullable;

/**
 * How far each part of a layout may grow, such that the layout's limits are enforced exactly.
 *
 * @param first the counters with which a part starts: what the layout reaches if the other parts grow as far as they
 *     may
 * @param cap the counters up to which a part may grow
 */
record PartBounds(LayoutCounters first, LayoutCounters cap) {
    /** The layout is divided only if the map count and the pages of each part may grow by at least this number. */
    private static final long LEAST_GROWTH = ForcedDivision.IS_ON ? 1 : 256;

    /** More pages than any space has, but so few that sums of caps do not overflow. */
    private static final long MANY_PAGES = 1L << 44;

    /**
     * Returns the bounds of {@code count} parts of a layout; null if a limit is near. Caller holds the layout lock.
     *
     * @param maxMapCount {@code vm.max_map_count}
     * @param held the privileges of the space, as bits
     */
    static @Nullable PartBounds of(int maxMapCount, int held, Limits limits, LayoutCounters counters, int count) {
        LayoutCounters growth = new LayoutCounters();
        growth.maps = (maxMapCount - 16 - counters.maps) / count;
        growth.total = growth(limits, Resource.AS, counters.total, count);
        if (growth.maps < LEAST_GROWTH || growth.total < LEAST_GROWTH) {
            return null;
        }
        growth.data =
                limits.bytes(Resource.DATA) == 0 ? MANY_PAGES : growth(limits, Resource.DATA, counters.data, count);
        growth.locked = limits.mayHoldLocked(held, MANY_PAGES)
                ? MANY_PAGES
                : growth(limits, Resource.MEMLOCK, counters.locked, count);
        LayoutCounters first = counters.copy();
        for (int i = 1; i < count; i++) {
            first.addAll(growth);
        }
        LayoutCounters cap = first.copy();
        cap.addAll(growth);
        return new PartBounds(first, cap);
    }

    private static long growth(Limits limits, Resource resource, long pages, int count) {
        long most = Math.min(limits.pages(resource), MANY_PAGES * count);
        return Math.max(0, (most - pages) / count);
    }
}
