// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.PageWalk;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.Geometry;

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
     * @return 0 or a negated errno; on a hole, the pages before the hole are reported
     */
    public static long mincore(Layout layout, long address, long length, byte[] vector) {
        long result = examine(layout, address, length, vector);
        // Checked after the walk, which may have found the hole that a close leaves.
        return layout.isClosed() ? Errno.ESRCH.result() : result;
    }

    private static long examine(Layout layout, long address, long length, byte[] vector) {
        Geometry geometry = layout.geometry();
        if (!geometry.isAligned(address)) {
            return Errno.EINVAL.result();
        }
        if (Addresses.isBelow(geometry.limit(), address) || Addresses.isBelow(geometry.limit() - address, length)) {
            return Errno.ENOMEM.result();
        }
        long pages = geometry.pages(geometry.roundUp(length));
        if (pages > vector.length) {
            return Errno.EFAULT.result();
        }
        long stop = address + (pages << geometry.pageShift());
        int done = 0;
        while (done < pages) {
            long at = address + ((long) done << geometry.pageShift());
            VmArea vma = layout.find(at);
            if (vma == null) {
                return Errno.ENOMEM.result();
            }
            PageWalk walk = new PageWalk(layout.pages());
            walk.over(at, Addresses.lower(vma.end(), stop));
            while (walk.nextSpan()) {
                done = examine(layout, vma, walk, vector, done);
            }
        }
        return Edit.DONE;
    }

    /**
     * Reports the pages of one leaf, or of a range without a leaf; returns the number of pages reported so far.
     */
    private static int examine(Layout layout, VmArea vma, PageWalk walk, byte[] vector, int done) {
        long[] leaf = walk.table().leaf(walk.start());
        int at = done;
        int stop = walk.endIndex();
        for (int i = walk.first(); i < stop; i++) {
            long pte = leaf == null ? Pte.NONE : Leaf.get(leaf, i);
            vector[at++] = (byte) (isResident(layout, vma, walk.addressOf(i), pte) ? 1 : 0);
        }
        return at;
    }

    private static boolean isResident(Layout layout, VmArea vma, long address, long pte) {
        if (Pte.isPresent(pte)) {
            return true;
        }
        // A guard marker leaves the page in the file's cache (mincore_pte_range: __mincore_unmapped_range).
        FilePages file = vma.isAnonymous() ? null : FilePages.of(vma);
        long page = vma.pageOffset() + layout.geometry().pages(address - vma.start());
        return file != null && file.frameAt(page) != Frames.NONE;
    }
}
