// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.PageMappings;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.PagemapWord;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;
import org.jspecify.annotations.Nullable;

/**
 * The words of {@code /proc/PID/pagemap} ({@code pte_to_pagemap_entry}). Changes no entry, takes no lock and does not
 * wait; each page is examined at some instant of the call.
 */
public final class Pagemap {
    /** A page mapped by this many entries is not exclusive. */
    private static final int SEVERAL = 2;

    private Pagemap() {}

    /**
     * Stores the words of a range.
     *
     * @param layout a layout with memory
     * @param start a page boundary
     * @param length bytes, rounded up to pages
     * @param words receives a word for each page
     * @return the number of words, or a negated errno
     */
    public static long read(Layout layout, long start, long length, long[] words) {
        if (layout.isClosed()) {
            return Errno.ESRCH.result();
        }
        Geometry geometry = layout.geometry();
        if (!geometry.isAligned(start)) {
            return Errno.EINVAL.result();
        }
        if (!Addresses.isBelow(start, geometry.limit())) {
            return 0;
        }
        long most = geometry.limit() - start;
        long bytes = Addresses.isBelow(most, length) ? most : geometry.roundUp(length);
        long pages = geometry.pages(bytes);
        if (pages > words.length) {
            return Errno.EFAULT.result();
        }
        fill(layout, start, (int) pages, words);
        return layout.isClosed() ? Errno.ESRCH.result() : pages;
    }

    private static void fill(Layout layout, long start, int pages, long[] words) {
        int shift = layout.geometry().pageShift();
        long end = start + ((long) pages << shift);
        PageMappings mappings = null;
        VmArea vma = null;
        for (int i = 0; i < pages; i++) {
            long at = start + ((long) i << shift);
            if (vma == null || !vma.contains(at)) {
                vma = layout.find(at);
                mappings = vma == null ? null : mappingsOf(layout, vma, at, Addresses.lower(end, vma.end()));
            }
            words[i] = vma == null || vma.has(VmaFlags.PFNMAP) ? 0 : word(layout, vma, at, mappings);
        }
    }

    private static long pageOf(Layout layout, VmArea vma, long address) {
        return vma.pageOffset() + layout.geometry().pages(address - vma.start());
    }

    private static @Nullable PageMappings mappingsOf(Layout layout, VmArea vma, long from, long to) {
        FilePages file = vma.isAnonymous() ? null : FilePages.of(vma);
        return file == null ? null : file.mappingsOf(pageOf(layout, vma, from), pageOf(layout, vma, to) - 1);
    }

    private static long word(Layout layout, VmArea vma, long at, @Nullable PageMappings mappings) {
        PageTable table = layout.pages();
        long pte = table.get(at);
        if (PagemapQuery.isGuard(pte)) {
            return PagemapWord.PM_SWAP | PagemapWord.PM_GUARD_REGION;
        }
        if (!PagemapQuery.hasPage(pte)) {
            return 0;
        }
        int kind = Pte.kindOf(pte);
        boolean isCached = kind == Pte.FILE_PAGE || kind == Pte.SHMEM_PAGE;
        boolean isExclusive = kind == Pte.ANONYMOUS_PAGE
                ? isSole(layout.memory().frames(), pte)
                : isCached && isSole(pageOf(layout, vma, at), pte, mappings);
        return PagemapWord.PM_PRESENT
                | (isCached ? PagemapWord.PM_FILE : 0)
                | (isExclusive ? PagemapWord.PM_EXCLUSIVE : 0)
                | (PagemapQuery.isSoftDirty(pte) ? PagemapWord.PM_SOFT_DIRTY : 0);
    }

    private static boolean isSole(Frames frames, long pte) {
        return frames.mappings(Pte.frame(pte)) < SEVERAL;
    }

    private static boolean isSole(long page, long pte, @Nullable PageMappings mappings) {
        return mappings == null || mappings.isSole() || mappings.count(page, Pte.frame(pte), SEVERAL) < SEVERAL;
    }
}
