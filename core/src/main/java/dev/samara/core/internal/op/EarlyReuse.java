// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.space.Layout;
import dev.samara.maple.RangeEntry;

/**
 * A new mapping over the reservations of {@code munmap}s in flight. It stays in flight until they are complete too, so
 * it may be used only after their retirements have ended.
 */
public final class EarlyReuse {
    private EarlyReuse() {}

    /**
     * Claims a range for a new mapping. Where early reuse is allowed, and only {@code munmap}s are in flight in the
     * range, the mapping does not wait for them.
     *
     * @return whether the range has such {@code munmap}s
     * @throws Restart with the gate to wait for
     */
    public static boolean claim(Edit edit, long start, long end) {
        Layout layout = edit.layout;
        if (layout.reusesEarly() && layout.inTransit().mayReuse(edit.operation.age(), start, end)) {
            edit.operation.name(start, end);
            return true;
        }
        edit.claim(start, end);
        return false;
    }

    /** Takes over the reservations of {@code munmap}s in a range that may be reused. */
    public static void takeOver(Edit edit, long start, long end) {
        RetirementRun mine = edit.inFlight();
        mine.follow(edit.layout.inTransit().reusedIn(start, end));
        RangeEntry<Object> entry = edit.tree.reservationIn(start, end - 1);
        while (entry != null) {
            long first = Long.compareUnsigned(entry.first(), start) < 0 ? start : entry.first();
            long last = Long.compareUnsigned(entry.last(), end - 1) < 0 ? entry.last() : end - 1;
            if (entry.value() != mine) {
                edit.tree.erase(first, last, entry.value());
            }
            entry = last == end - 1 ? null : edit.tree.reservationIn(last + 1, end - 1);
        }
    }
}
