// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.event.PageSink;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.DirtyScan;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.Geometry;

/**
 * The calls that collect written or accessed pages, like KVM's dirty log. Checks the arguments, and runs a {@link
 * DirtyScan}. A collection is not an operation: it puts no range in flight, and {@link DirtyScan} only locks one leaf
 * at a time.
 */
public final class CollectPages {
    private CollectPages() {}

    /**
     * Clears a bit in the entries of a range and reports the pages for which it was set.
     *
     * @param layout a layout with memory
     * @param start a page boundary
     * @param length bytes, rounded up to pages
     * @param bit {@link Pte#DIRTY} or {@link Pte#ACCESSED}
     * @param sink receives the pages, in ascending order
     * @return the number of reported pages, or a negated errno
     */
    public static long collect(Layout layout, long start, long length, long bit, PageSink sink) {
        ThreadCpus.checkMayWait("a collection");
        if (layout.isClosed()) {
            return Errno.ESRCH.result();
        }
        Geometry geometry = layout.geometry();
        if (!geometry.isAligned(start)) {
            return Errno.EINVAL.result();
        }
        if (Addresses.isBelow(geometry.limit(), start) || Addresses.isBelow(geometry.limit() - start, length)) {
            return Errno.EFAULT.result();
        }
        return new DirtyScan(
                        layout.memory(), layout.pages(), layout, layout.host().busyEntryReporter(), bit)
                .run(start, start + geometry.roundUp(length), sink);
    }
}
