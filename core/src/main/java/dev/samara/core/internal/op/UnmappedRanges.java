// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.sync.Ranges;
import dev.samara.maple.RangeEntry;

/**
 * The ranges that operations in flight unmapped, as represented in the tree. The one store that removes the VMAs of a
 * range also reserves it. Lookups find nothing there. Allocation avoids the range until the operation completes, when
 * no translation of the old mapping is left. A new mapping needs no reservation, because it is placed and stored under
 * one hold of the layout lock.
 *
 * <p>Where early reuse is allowed, a new mapping may take over the reservations of {@code munmap}s in flight ({@link
 * EarlyReuse}).
 */
final class UnmappedRanges {
    private UnmappedRanges() {}

    /**
     * Removes the VMAs of {@code [start, end)} from the tree, and leaves a reservation of the operation in flight in
     * their place. An operation that publishes in batches keeps the range by its footprint, and needs no reservation.
     */
    static void replaceVmas(EditedLayout edit, InFlightOperation mine, long start, long end) {
        if (mine.isBatched()) {
            edit.tree.erase(start, end - 1);
        } else {
            edit.tree.replaceByReservation(start, end - 1, mine);
        }
        mine.reserve(start, end);
    }

    /**
     * Erases the parts of a range's reservations that still exist. Its operation or, by early reuse, another one may
     * have stored VMAs over the other parts.
     */
    static void clear(EditedLayout completing, InFlightOperation complete) {
        if (complete.isBatched()) {
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
}
