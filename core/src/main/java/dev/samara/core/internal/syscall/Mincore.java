// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;

/** {@code mincore} ({@code mm/mincore.c}). Takes no lock; each page is examined at some instant of the call. */
public final class Mincore {
    private Mincore() {}

    /**
     * Reports which pages of a range are in memory.
     *
     * @param layout a layout with memory
     * @param address a page boundary
     * @param length bytes, rounded up to pages
     * @param vector receives 1 for each page in memory and 0 for each other page
     * @return 0 or a negated errno; the pages before a hole have been reported
     */
    public static long mincore(Layout layout, long address, long length, byte[] vector) {
        Geometry geometry = layout.geometry();
        if (!geometry.isAligned(address)) {
            return Errno.EINVAL.result();
        }
        if (Long.compareUnsigned(address, geometry.limit()) > 0
                || Long.compareUnsigned(length, geometry.limit() - address) > 0) {
            return Errno.ENOMEM.result();
        }
        long pages = geometry.pages(geometry.roundUp(length));
        if (pages > vector.length) {
            return Errno.EFAULT.result();
        }
        int done = 0;
        while (done < pages) {
            long at = address + ((long) done << geometry.pageShift());
            Vma vma = layout.find(at);
            if (vma == null) {
                return Errno.ENOMEM.result();
            }
            long end = Edit.lower(vma.end(), address + (pages << geometry.pageShift()));
            for (; Long.compareUnsigned(at, end) < 0; at += geometry.pageSize()) {
                vector[done++] = (byte) (isResident(layout, vma, at) ? 1 : 0);
            }
        }
        return Edit.DONE;
    }

    private static boolean isResident(Layout layout, Vma vma, long address) {
        PageTable table = layout.pages();
        long pte = table.get(address);
        if (Pte.isPresent(pte)) {
            return true;
        }
        FilePages file = vma.isAnonymous() || pte == Pte.GUARD ? null : FilePages.of(vma);
        long page = vma.pageOffset() + layout.geometry().pages(address - vma.start());
        return file != null && file.frameAt(page) != Frames.NONE;
    }
}
