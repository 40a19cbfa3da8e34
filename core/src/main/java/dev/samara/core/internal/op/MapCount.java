// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.InFlightOperation.PendingJoin;
import dev.samara.core.internal.vma.VmArea;
import java.util.HashSet;
import java.util.Set;

/**
 * The number of VMAs that calls check against the limit ({@code map_count}): the number once everything in flight has
 * completed. Two VMAs that only a range in flight keeps separate count as one.
 */
public final class MapCount {
    private MapCount() {}

    /**
     * Returns whether the map count of an edit stays within the limit if the given number of VMAs is added. Seams in
     * flight are counted only if the result depends on their number, and only until the result is known.
     */
    public static boolean mayGrow(EditedLayout edit, int more) {
        long surplus = edit.counters.maps + more - edit.layout.host().maxMapCount();
        if (surplus <= 0) {
            return true;
        }
        edit.requireWhole();
        return areAtLeast(edit, surplus);
    }

    /**
     * Returns whether at least {@code number} pairs of VMAs of an edit are separate only because of a range in flight.
     * The time is proportional to that number and to the number of joins that fail, not to the number of all pending
     * joins.
     *
     * @param number positive
     */
    private static boolean areAtLeast(EditedLayout edit, long number) {
        Set<Long> counted = new HashSet<>();
        for (InFlightOperation each : edit.district.inFlight().operations()) {
            for (PendingJoin join : each.joins()) {
                if (willJoin(edit, join) && counted.add(join.address()) && counted.size() >= number) {
                    return true;
                }
            }
        }
        return false;
    }

    /** Returns whether the two VMAs that meet at an address will be merged after all completions. */
    private static boolean willJoin(EditedLayout edit, PendingJoin join) {
        VmArea left = edit.before(join.address());
        VmArea right = edit.at(join.address());
        return left != null && right != null && MergeRules.fit(left, right, join, edit.geometry.pageShift());
    }
}
