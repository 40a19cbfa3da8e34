// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import dev.samara.core.internal.op.AnonVmas;
import dev.samara.core.internal.space.InFlightGate;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmaFlags;
import org.jspecify.annotations.Nullable;

/**
 * The check before every install that the mapping for which a fault decided still exists. (Linux checks {@code
 * vma->detached} once, after it locked the VMA.)
 */
final class VmaRecheck {
    private VmaRecheck() {}

    /**
     * Returns the VMA that is at an address now, if it belongs to the mapping for which the fault decided; the decision
     * is then still valid. The caller holds the lock of the leaf, and linked the leaf before.
     *
     * @param isPrepared whether the fault prepared the anon_vma of the VMA. If so, the returned VMA also has one
     * @return the VMA, or null if the fault must start over
     */
    static @Nullable VmArea of(Layout layout, VmArea vma, long address, boolean isPrepared) {
        // Read with volatile mode after the lookup, because the VMA may have been replaced since. Pairs with
        // VmArea.detach, which precedes the walk that clears entries.
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
            // The old VMA may have received its anon_vma too late to pass it on to its successors. The successors may
            // also have been replaced, and may have passed on their anon_vma before this call. So the VMA is checked to
            // be attached after its anon_vma is set.
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
