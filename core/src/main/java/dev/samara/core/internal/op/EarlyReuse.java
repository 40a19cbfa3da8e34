// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.sync.Addresses;
import dev.samara.maple.RangeEntry;

/**
 * Early reuse of unmapped ranges: where it is allowed, a new mapping may take over the {@link UnmappedRanges} of {@code
 * munmap}s in flight. That mapping stays in flight until these operations have also completed, so it is used only after
 * their retirement.
 */
public final class EarlyReuse {
    private EarlyReuse() {}

    /**
     * Claims a range for a new mapping. Where early reuse is allowed, and only {@code munmap}s are in flight in the
     * range, the mapping does not wait for them.
     *
     * @return whether such {@code munmap}s are in flight in the range
     * @throws Restart if the attempt must wait; contains the gate to wait for
     */
    public static boolean claimOrReuse(Edit edit, long start, long end) {
        if (edit.layout.origin().earlyReuse()) {
            edit.require(start, end);
            if (edit.district.inFlight().mayReuse(edit.operation.age(), start, end)) {
                edit.operation.name(start, end);
                return true;
            }
        }
        edit.claim(start, end);
        return false;
    }

    /** Takes over the reservations of {@code munmap}s in a range that may be reused. */
    public static void takeOver(Edit edit, long start, long end) {
        PreparedRetirement mine = edit.retirement();
        mine.follow(edit.district.inFlight().reusedIn(start, end));
        RangeEntry<Object> entry = edit.tree.reservationIn(start, end - 1);
        while (entry != null) {
            long first = Addresses.higher(entry.first(), start);
            long last = Addresses.lower(entry.last(), end - 1);
            if (entry.value() != mine) {
                edit.tree.erase(first, last, entry.value());
            }
            entry = last == end - 1 ? null : edit.tree.reservationIn(last + 1, end - 1);
        }
    }
}
