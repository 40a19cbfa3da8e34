// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.Addresses;
import java.util.Arrays;

/**
 * The ranges of operations that needed two parts soon after a division; no border should lie inside such a range. Only
 * the latest ones are kept, because threads move on to other places. Immutable.
 */
final class RecentCrossings {
    static final RecentCrossings NONE = new RecentCrossings(Borders.NONE);

    /** The maximum number of ranges. */
    private static final int MOST = 64;

    /** The start and the end of each range, the oldest first. */
    private final long[] bounds;

    private RecentCrossings(long[] bounds) {
        this.bounds = bounds;
    }

    boolean isEmpty() {
        return bounds.length == 0;
    }

    /** Returns these ranges and another one. */
    RecentCrossings with(long start, long end) {
        for (int i = 0; i < bounds.length; i += 2) {
            if (bounds[i] == start && bounds[i + 1] == end) {
                return this;
            }
        }
        int kept = Math.min(bounds.length, 2 * MOST - 2);
        long[] more = Arrays.copyOf(Arrays.copyOfRange(bounds, bounds.length - kept, bounds.length), kept + 2);
        more[kept] = start;
        more[kept + 1] = end;
        return new RecentCrossings(more);
    }

    /**
     * Returns an address in {@code [from, to]} that lies inside none of the ranges, near {@code border}; 0 if no end of
     * a range is suitable.
     */
    long outside(long border, long from, long to) {
        long moved = border;
        for (int i = 0; i < bounds.length; i += 2) {
            if (Addresses.isBelow(bounds[i], moved) && Addresses.isBelow(moved, bounds[i + 1])) {
                if (!Addresses.isAbove(bounds[i + 1], to)) {
                    moved = bounds[i + 1];
                } else if (!Addresses.isBelow(bounds[i], from)) {
                    moved = bounds[i];
                } else {
                    return 0;
                }
            }
        }
        return isInside(moved) ? 0 : moved;
    }

    private boolean isInside(long border) {
        for (int i = 0; i < bounds.length; i += 2) {
            if (Addresses.isBelow(bounds[i], border) && Addresses.isBelow(border, bounds[i + 1])) {
                return true;
            }
        }
        return false;
    }
}
