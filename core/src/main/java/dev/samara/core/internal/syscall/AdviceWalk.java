// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.Geometry;

/** A call that changes the VMAs of a range one by one, and skips holes ({@code madvise_walk_vmas}). */
interface AdviceWalk {
    /**
     * Applies the advice to the part of one VMA in a range.
     *
     * @return the end of the VMA that now covers that part, or a negated errno
     */
    long advise(Edit edit, VmArea vma, long start, long end);

    /**
     * Returns whether a range starts at a page boundary, does not wrap, and has no nonzero length that rounds up to 0.
     */
    static boolean isRange(Geometry geometry, long start, long length) {
        long rounded = geometry.roundUp(length);
        return geometry.isAligned(start) && (length == 0 || rounded != 0) && !Addresses.isBelow(start + rounded, start);
    }

    /**
     * Applies the advice VMA by VMA. A hole is skipped, and reported at the end. Any other error ends the walk, and
     * earlier changes stay.
     */
    static long walk(Edit edit, long start, long end, AdviceWalk call) {
        // Includes the result of earlier batches.
        long result = edit.note();
        long reached = edit.partStart(start);
        while (Addresses.isBelow(reached, end)) {
            VmArea vma = edit.firstIn(reached, end);
            if (vma == null) {
                return Errno.ENOMEM.result();
            }
            if (edit.endsBatchAt(reached)) {
                edit.note(result);
                return result;
            }
            if (Addresses.isBelow(reached, vma.start())) {
                result = Errno.ENOMEM.result();
                reached = vma.start();
            }
            long advised = call.advise(edit, vma, reached, Addresses.lower(vma.end(), end));
            if (Errno.isError(advised)) {
                return advised;
            }
            reached = advised;
        }
        return result;
    }

    /** Maps ENOMEM to EAGAIN: too many mappings are reported like any other shortage. */
    static long orAgain(long changed) {
        return changed == Errno.ENOMEM.result() ? Errno.EAGAIN.result() : changed;
    }
}
