// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.Ranges;

/** What a retirement hook may know of a transit, for tests of other packages. */
public final class TransitRanges {
    private TransitRanges() {}

    /** Takes half-open ranges. */
    @FunctionalInterface
    public interface Taker {
        /** Takes one. */
        void take(long start, long end);
    }

    /** Where the operation has unmapped something, of which nothing is mapped anew by itself. */
    public static void reserved(InFlightRange transit, Taker taker) {
        Ranges reserved = transit.reserved();
        for (int i = 0; i < reserved.size(); i++) {
            taker.take(reserved.start(i), reserved.end(i));
        }
    }

    /** Whether a range belongs to it, in part or as a whole. */
    public static boolean touches(InFlightRange transit, long start, long end) {
        return transit.touches(start, end);
    }
}
