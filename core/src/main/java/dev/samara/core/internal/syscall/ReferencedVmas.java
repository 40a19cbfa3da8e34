// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.VmArea;

/**
 * Visits the VMAs of a range one after the other, each under a reference, so that a call can call their backings after
 * it has decided and has released the layout lock. The layout may change between two VMAs.
 */
final class ReferencedVmas {
    /** Receives the VMAs. */
    @FunctionalInterface
    interface VmaVisitor {
        /**
         * Called without a lock.
         *
         * @param vma a VMA of the range
         * @param start the first address of the VMA's part in the range
         * @param end the end of that part, exclusive
         * @return 0 to continue; any other number ends the visit
         */
        long visit(VmArea vma, long start, long end);
    }

    private ReferencedVmas() {}

    /**
     * Visits the VMAs of a range in ascending order.
     *
     * @param start the first address
     * @param end the end of the range, exclusive
     * @return 0, or the number with which the visitor ended the visit
     */
    static long visit(Layout layout, long start, long end, VmaVisitor visitor) {
        long at = start;
        while (Addresses.isBelow(at, end)) {
            VmArea vma = layout.acquire(at);
            if (vma == null) {
                VmArea next = layout.findNext(at);
                // A VMA that contains the address was mapped in the meantime, and is looked up again.
                at = next == null ? end : Addresses.higher(at, next.start());
                continue;
            }
            try {
                long stop = Addresses.lower(vma.end(), end);
                long result = visitor.visit(vma, at, stop);
                if (result != 0) {
                    return result;
                }
                at = stop;
            } finally {
                vma.release();
            }
        }
        return 0;
    }

    /** Returns the file offset, in bytes, of an address in a VMA. */
    static long offset(Layout layout, VmArea vma, long address) {
        return (vma.pageOffset() << layout.geometry().pageShift()) + (address - vma.start());
    }
}
