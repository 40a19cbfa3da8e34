// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.space.InFlightRange;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Ranges;
import dev.samara.maple.RangeEntry;

/**
 * The reservations of unmapped ranges. An operation that unmaps a range reserves it in the tree, in the store that
 * removes its VMAs. Lookups find nothing there, and allocation leaves the range alone until the operation is complete:
 * no translation of the old mapping is left then.
 *
 * <p>Where early reuse is allowed, a new mapping may take over the reservations of {@code munmap}s in flight. That
 * mapping stays in flight until these operations are complete too, so it is used only after their retirements.
 */
public final class Reservations {
    private Reservations() {}

    /**
     * Replaces the VMAs of {@code [start, end)} by a reservation of the operation's range in flight. An operation that
     * publishes in parts has claimed the range, and needs no reservation.
     */
    static void reserve(Edit edit, long start, long end) {
        RetirementRun mine = edit.inFlight();
        if (mine.isInParts()) {
            edit.tree.erase(start, end - 1);
        } else {
            edit.tree.replaceByReservation(start, end - 1, mine);
        }
        mine.reserve(start, end);
    }

    /**
     * Erases the parts of the reservations that are still those of a range in flight. Its operation or, by early reuse,
     * another may have stored over the rest.
     */
    static void clear(Edit completing, InFlightRange complete) {
        if (complete.isInParts()) {
            return;
        }
        Ranges reserved = complete.reserved();
        for (int i = 0; i < reserved.size(); i++) {
            long last = reserved.end(i) - 1;
            RangeEntry<Object> entry = completing.tree.reservationIn(reserved.start(i), last);
            while (entry != null) {
                if (entry.value() == complete) {
                    completing.tree.erase(entry.first(), entry.last(), complete);
                }
                entry = entry.last() == last ? null : completing.tree.reservationIn(entry.last() + 1, last);
            }
        }
    }

    /**
     * Claims a range for a new mapping. Where early reuse is allowed, and only {@code munmap}s are in flight in the
     * range, the mapping does not wait for them.
     *
     * @return whether the range has such {@code munmap}s
     * @throws Restart with the gate to wait for
     */
    public static boolean claimOrReuse(Edit edit, long start, long end) {
        edit.require(start, end);
        if (edit.layout.origin().earlyReuse() && edit.district.inFlight().mayReuse(edit.operation.age(), start, end)) {
            edit.operation.name(start, end);
            return true;
        }
        edit.claim(start, end);
        return false;
    }

    /** Takes over the reservations of {@code munmap}s in a range that may be reused. */
    public static void takeOver(Edit edit, long start, long end) {
        RetirementRun mine = edit.inFlight();
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
