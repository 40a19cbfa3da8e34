// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.Ranges;

/** Provides retirement hooks with the unmapped ranges of an operation in flight. */
public final class ReservedRanges {
    private ReservedRanges() {}

    /** Receives half-open ranges. */
    @FunctionalInterface
    public interface Visitor {
        void visit(long start, long end);
    }

    public static void forEach(InFlightOperation range, Visitor visitor) {
        Ranges reserved = range.reserved();
        for (int i = 0; i < reserved.size(); i++) {
            visitor.visit(reserved.start(i), reserved.end(i));
        }
    }
}
