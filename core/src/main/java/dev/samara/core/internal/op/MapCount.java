// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

/**
 * The number of VMAs that limits the calls ({@code map_count}): that after everything in flight is complete. Two VMAs
 * that only a range in flight keeps apart count as one.
 */
public final class MapCount {
    /** No operation tests for more than this number of mappings below the limit. */
    private static final int LIMIT_IS_NEAR = 8;

    private MapCount() {}

    /** Returns the map count of an edit. Far from the limit seams do not change a decision, and are not counted. */
    public static long of(Edit edit) {
        long maps = edit.counters.maps;
        boolean isFar = maps < edit.layout.host().maxMapCount() - LIMIT_IS_NEAR;
        if (!isFar) {
            edit.requireWhole();
        }
        return isFar ? maps : maps - InFlightSeams.count(edit);
    }

    /** Returns whether splits may add a number of VMAs. */
    public static boolean mayGrow(Edit edit, int more) {
        return of(edit) + more <= edit.layout.host().maxMapCount();
    }
}
