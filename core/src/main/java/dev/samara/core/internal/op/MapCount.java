// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

/**
 * The number of VMAs that limits the calls ({@code map_count}): that after everything in flight is complete. Two VMAs
 * that only a range in flight keeps apart count as one.
 */
public final class MapCount {
    private MapCount() {}

    /**
     * Returns whether the map count of an edit and a number of VMAs more are within the limit. Seams in flight are
     * looked at only where their number decides, and only until it has.
     */
    public static boolean mayGrow(Edit edit, int more) {
        long surplus = edit.counters.maps + more - edit.layout.host().maxMapCount();
        if (surplus <= 0) {
            return true;
        }
        edit.requireWhole();
        return InFlightSeams.areAtLeast(edit, surplus);
    }
}
