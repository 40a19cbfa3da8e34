// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import dev.samara.core.internal.op.AnonVmas;
import dev.samara.core.internal.space.InFlightGate;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmaFlags;
import org.jspecify.annotations.Nullable;

/**
 * The check that precedes every install: whether the mapping for which a fault has decided still stands. (Linux checks
 * {@code vma->detached} once, after it has locked the VMA.)
 */
final class VmaRecheck {
    private VmaRecheck() {}

    /**
     * Returns the VMA that stands at an address now, if it belongs to the mapping for which the fault has decided: the
     * decision then holds. The caller holds the lock of the leaf, and has linked the leaf before.
     *
     * @param isPrepared whether the fault has prepared the anon_vma of the VMA. Then the standing VMA has one, too
     * @return the VMA, or null if the fault must start over
     */
    static @Nullable VmArea of(Layout layout, VmArea vma, long address, boolean isPrepared) {
        // Volatile, after the lookup: the VMA found may have been replaced since. Pairs with VmArea.detach, which comes
        // before the walk that clears entries.
        return vma.isDetached() ? successor(layout, vma, address, isPrepared) : vma;
    }

    private static @Nullable VmArea successor(Layout layout, VmArea vma, long address, boolean isPrepared) {
        for (; ; ) {
            VmArea now = layout.find(address);
            while (now != null && now.isDetached()) {
                now = layout.find(address);
            }
            if (now == null || InFlightGate.stopsFaultsAt(now) || !isSameMapping(layout, vma, now)) {
                return null;
            }
            if (!isPrepared) {
                return now;
            }
            // The VMA may have got its anon_vma after its successors were given theirs. The successors may have been
            // replaced too, and given theirs before this call. So the check that the VMA is attached comes after it has
            // the anon_vma.
            AnonVmas.prepare(layout, now);
            if (!now.isDetached()) {
                return now;
            }
        }
    }

    private static boolean isSameMapping(Layout layout, VmArea one, VmArea other) {
        long kept = VmaFlags.ACCESS | VmaFlags.SHARED;
        int pageShift = layout.geometry().pageShift();
        boolean continues = (other.start() - one.start()) >> pageShift == other.pageOffset() - one.pageOffset();
        return one.backing() == other.backing()
                && one.isAnonymous() == other.isAnonymous()
                && ((one.flags() ^ other.flags()) & kept) == 0
                && (continues || one.isAnonymous());
    }
}
