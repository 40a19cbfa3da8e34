// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.InFlightOperation.PendingJoin;
import dev.samara.core.internal.vma.VmArea;
import org.jspecify.annotations.Nullable;

/**
 * The VMAs with which an edit may merge a piece. A VMA in flight is not a candidate, because only its own operation may
 * change it. The completion of that operation tries the merge instead.
 */
final class Neighbours {
    private Neighbours() {}

    /** Returns the VMA that ends at an address, or null. */
    static @Nullable VmArea before(EditedLayout edit, long address) {
        VmArea before = edit.endingAt(address);
        return before == null || before.end() != address ? null : unlessInFlight(edit, before, address);
    }

    /** Returns the VMA that begins at an address, or null. */
    static @Nullable VmArea after(EditedLayout edit, long address) {
        VmArea after = edit.at(address);
        return after == null || after.start() != address ? null : unlessInFlight(edit, after, address);
    }

    /**
     * Returns the VMA below the address of a late join, or null. If that VMA belongs to another range in flight, that
     * range tries the join.
     */
    static @Nullable VmArea before(EditedLayout edit, PendingJoin join) {
        VmArea before = edit.endingAt(join.address());
        return before == null || before.end() != join.address() ? null : unlessInFlight(before, join);
    }

    /**
     * Returns the VMA above the address of a late join, or null. If that VMA belongs to another range in flight, that
     * range tries the join.
     */
    static @Nullable VmArea after(EditedLayout edit, PendingJoin join) {
        VmArea after = edit.at(join.address());
        return after == null || after.start() != join.address() ? null : unlessInFlight(after, join);
    }

    private static @Nullable VmArea unlessInFlight(VmArea neighbour, PendingJoin join) {
        InFlightOperation other = InFlightOperation.of(neighbour);
        if (other == null) {
            return neighbour;
        }
        other.joinLater(join);
        return null;
    }

    private static @Nullable VmArea unlessInFlight(EditedLayout edit, VmArea neighbour, long address) {
        InFlightOperation other = InFlightOperation.of(neighbour);
        // The neighbour may belong to an earlier batch of this operation.
        if (other == null || other == edit.retirement) {
            return neighbour;
        }
        // Harmless if this edit is never published: the other range only tries the join.
        other.joinLater(address);
        return null;
    }
}
