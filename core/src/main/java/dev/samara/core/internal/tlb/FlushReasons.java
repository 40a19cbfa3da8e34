// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.event.MmuNotifier.Reason;

/** Chooses the reason to report for a flush with several reasons: the reason that invalidates the most. */
final class FlushReasons {
    private FlushReasons() {}

    static Reason stronger(Reason one, Reason other) {
        return strength(one) >= strength(other) ? one : other;
    }

    private static int strength(Reason reason) {
        return switch (reason) {
            case UNMAPPED -> 5;
            case REPLACED -> 4;
            case DISCARDED -> 3;
            case PROTECTED -> 2;
            case OBSERVED -> 1;
        };
    }
}
