// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.FilePages.PageMappings;
import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.DirtyScan;
import dev.samara.core.internal.pagewalk.PageWalk;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.PagemapFlags;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The calls that report the pages of a range: {@code pagemap}, {@code PAGEMAP_SCAN}, {@code smaps} ({@code
 * fs/proc/task_mmu.c}), {@code mincore} ({@code mm/mincore.c}), and the collections of dirty and accessed pages, which
 * also clear bits of entries. None of them is an operation or puts a range in flight; each page is examined at some
 * instant of the call. All except the collections change no entry, take no lock and do not wait.
 */
public final class Pagemap {
    /** A page mapped by this many entries is not exclusive. */
    private static final int SEVERAL = 2;

    private Pagemap() {}

    /**
     * Stores the words of a range ({@code pte_to_pagemap_entry}).
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
        Geometry geometry = layout.geometry;
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
        int shift = layout.geometry.pageShift();
        long end = start + ((long) pages << shift);
        PageMappings mappings = null;
        VmArea vma = null;
        for (int i = 0; i < pages; i++) {
            long at = start + ((long) i << shift);
            if (vma == null || !vma.contains(at)) {
                vma = layout.find(at);
                FilePages file = vma == null ? null : fileOf(vma);
                if (vma == null || file == null) {
                    mappings = null;
                } else {
                    long last = pageOf(layout, vma, Addresses.lower(end, vma.end())) - 1;
                    mappings = file.mappingsOf(pageOf(layout, vma, at), last);
                }
            }
            words[i] = vma == null || vma.has(VmaFlags.PFNMAP) ? 0 : word(layout, vma, at, mappings);
        }
    }

    private static @Nullable FilePages fileOf(VmArea vma) {
        return vma.isAnonymous() ? null : FilePages.of(vma);
    }

    private static long pageOf(Layout layout, VmArea vma, long address) {
        return vma.pageOffset() + layout.geometry.pages(address - vma.start());
    }

    private static long word(Layout layout, VmArea vma, long at, @Nullable PageMappings mappings) {
        PageTable table = layout.pages();
        long pte = table.get(at);
        if (isGuard(pte)) {
            return PagemapFlags.PM_SWAP | PagemapFlags.PM_GUARD_REGION;
        }
        if (!hasPage(pte)) {
            return 0;
        }
        int kind = Pte.kindOf(pte);
        boolean isCached = kind == Pte.FILE_PAGE || kind == Pte.SHMEM_PAGE;
        int frame = Pte.frame(pte);
        boolean isExclusive = kind == Pte.ANONYMOUS_PAGE
                ? layout.memory().frames.mappings(frame) < SEVERAL
                : isCached
                        && (mappings == null
                                || mappings.isSole()
                                || mappings.count(pageOf(layout, vma, at), frame, SEVERAL) < SEVERAL);
        return PagemapFlags.PM_PRESENT
                | (isCached ? PagemapFlags.PM_FILE : 0)
                | (isExclusive ? PagemapFlags.PM_EXCLUSIVE : 0)
                | (isSoftDirty(pte) ? PagemapFlags.PM_SOFT_DIRTY : 0);
    }

    /**
     * Reports which pages of a range are in memory ({@code mincore}).
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
        Geometry geometry = layout.geometry;
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
            boolean isResident = leaf != null && Pte.isPresent(Leaf.get(leaf, i));
            if (!isResident) {
                // A guard marker leaves the page in the file's cache (mincore_pte_range: __mincore_unmapped_range).
                FilePages file = fileOf(vma);
                isResident = file != null && file.frameAt(pageOf(layout, vma, walk.addressOf(i))) != Frames.NONE;
            }
            vector[at++] = (byte) (isResident ? 1 : 0);
        }
        return at;
    }

    /**
     * Clears a bit in the entries of a range and reports the pages for which it was set, like KVM's dirty log. Locks
     * one leaf at a time.
     *
     * @param layout a layout with memory
     * @param start a page boundary
     * @param length bytes, rounded up to pages
     * @param bit {@link Pte#DIRTY} or {@link Pte#ACCESSED}
     * @param sink receives the pages, in ascending order
     * @return the number of reported pages, or a negated errno
     */
    public static long collect(Layout layout, long start, long length, long bit, LongConsumer sink) {
        ThreadCpus.checkMayWait("a collection");
        if (layout.isClosed()) {
            return Errno.ESRCH.result();
        }
        Geometry geometry = layout.geometry;
        if (!geometry.isAligned(start)) {
            return Errno.EINVAL.result();
        }
        if (Addresses.isBelow(geometry.limit(), start) || Addresses.isBelow(geometry.limit() - start, length)) {
            return Errno.EFAULT.result();
        }
        return new DirtyScan(layout.memory(), layout.pages(), layout, layout.host.busyEntryReporter, bit)
                .run(start, start + geometry.roundUp(length), sink);
    }

    /** Returns whether an entry is a guard marker, or is becoming one. */
    private static boolean isGuard(long pte) {
        return Pte.has(pte, Pte.GUARD);
    }

    /**
     * Returns whether an entry has a page. A busy entry counts, because the operation that claimed it may still leave
     * the page there.
     */
    private static boolean hasPage(long pte) {
        return Pte.isPresent(pte) || Pte.isBusy(pte);
    }

    private static boolean isSoftDirty(long pte) {
        return Pte.has(pte, Pte.DIRTY) || Pte.has(pte, Pte.PRESENT | Pte.SOFT_DIRTY);
    }

    /**
     * {@code PAGEMAP_SCAN} without write protection ({@code do_pagemap_scan}): the arguments, the walk and the result
     * so far. Changes no entry, takes no lock and does not wait; each page is examined at some instant of the call.
     * Allocates nothing. Used by one thread.
     */
    public static final class PagemapQuery {
        /** The number of array elements per region: its start, its end and its categories. */
        private static final int REGION = 3;

        /** The number of leaves that are walked before an interrupt can end the call. */
        private static final int UNINTERRUPTED = 64;

        public long start;
        public long end;
        public long inverted;
        public long mask;
        public long anyOf;
        public long told;
        public long maxPages;
        public long walkEnd;

        /* The result so far. */

        /** Null if no regions are to be reported. */
        private long @Nullable [] regions;

        private int count;
        private long found;
        private int leaves;
        private boolean isInterrupted;

        /**
         * Reports the regions of matching pages. The arguments are checked in the order of {@code
         * pagemap_scan_get_args}.
         *
         * @param into receives start, end and categories of each region; if null or too short for one region, none are
         *     reported
         * @return the number of regions, or a negated errno
         */
        public long ask(Layout layout, long @Nullable [] into) {
            if (layout.isClosed()) {
                return Errno.ESRCH.result();
            }
            Geometry geometry = layout.geometry;
            if (((inverted | mask | anyOf | told) & ~PagemapFlags.ALL) != 0 || !geometry.isAligned(start)) {
                return Errno.EINVAL.result();
            }
            if (Addresses.isBelow(geometry.limit(), end) || Addresses.isBelow(end, start)) {
                return Errno.EFAULT.result();
            }
            regions = into == null || into.length < REGION ? null : into;
            count = 0;
            found = 0;
            leaves = 0;
            isInterrupted = false;
            try {
                walkEnd = walk(layout, layout.pages(), geometry.roundUp(end));
            } finally {
                regions = null;
            }
            if (layout.isClosed()) {
                return Errno.ESRCH.result();
            }
            return isInterrupted && count == 0 ? Errno.EINTR.result() : count;
        }

        /** Returns the address that the walk reached. */
        private long walk(Layout layout, PageTable table, long stop) {
            long at = start;
            while (Addresses.isBelow(at, stop)) {
                VmArea vma = layout.findNext(at);
                if (vma == null || !Addresses.isBelow(vma.start(), stop)) {
                    break;
                }
                long from = Addresses.higher(at, vma.start());
                long to = Addresses.lower(vma.end(), stop);
                // Bare page frames are not reported (pagemap_scan_test_walk).
                at = vma.has(VmaFlags.PFNMAP) ? to : walk(table, from, to);
                if (at != to) {
                    return at;
                }
            }
            return stop;
        }

        /** Walks a part of a mapping; returns its end, or the first page for which the result has no room. */
        private long walk(PageTable table, long from, long to) {
            long at = from;
            while (Addresses.isBelow(at, to)) {
                long next = table.nextLeaf(at, to);
                // A range without a leaf consists of pages with the same categories.
                long reached = tell(at, next, 0, table.pageShift);
                if (reached != next) {
                    return reached;
                }
                at = next;
                long[] leaf = at == to ? null : table.leaf(at);
                long last = table.leafEnd(at, to);
                for (; at != last; at += 1L << table.pageShift) {
                    long categories = leaf == null ? 0 : categoriesOf(Leaf.get(leaf, table.indexOf(at)));
                    if (tell(at, at + (1L << table.pageShift), categories, table.pageShift) == at) {
                        return at;
                    }
                }
                if (++leaves > UNINTERRUPTED && Thread.currentThread().isInterrupted()) {
                    isInterrupted = true;
                    return at;
                }
            }
            return to;
        }

        /** Returns the categories of a page with an entry ({@code pagemap_page_category}). */
        static long categoriesOf(long pte) {
            if (isGuard(pte)) {
                return PagemapFlags.WRITTEN | PagemapFlags.SWAPPED | PagemapFlags.GUARD;
            }
            if (!hasPage(pte)) {
                return PagemapFlags.WRITTEN;
            }
            return PagemapFlags.WRITTEN
                    | PagemapFlags.PRESENT
                    | (Pte.isCached(pte) ? PagemapFlags.FILE : 0)
                    | (Pte.has(pte, Pte.ZERO) ? PagemapFlags.PFNZERO : 0)
                    | (isSoftDirty(pte) ? PagemapFlags.SOFT_DIRTY : 0);
        }

        private boolean matches(long categories) {
            long compared = categories ^ inverted;
            return (compared & mask) == mask && (anyOf == 0 || (compared & anyOf) != 0);
        }

        /** Reports pages of equal categories; returns their end, or the first page for which the result has no room. */
        private long tell(long from, long to, long categories, int pageShift) {
            long[] into = regions;
            if (from == to || into == null || !matches(categories)) {
                return to;
            }
            long pages = (to - from) >>> pageShift;
            long room = maxPages == 0 ? pages : Addresses.lower(pages, maxPages - found);
            long reached = from + (room << pageShift);
            if (room == 0 || !push(into, from, reached, categories & told)) {
                return from;
            }
            found += room;
            return reached;
        }

        /** Adds a region, or extends the last one; returns false if there is no room. */
        private boolean push(long[] into, long from, long to, long categories) {
            int last = REGION * (count - 1);
            if (count != 0 && into[last + 1] == from && into[last + 2] == categories) {
                into[last + 1] = to;
                return true;
            }
            int next = REGION * count;
            if (into.length - next < REGION) {
                return false;
            }
            into[next] = from;
            into[next + 1] = to;
            into[next + 2] = categories;
            count++;
            return true;
        }
    }

    /**
     * {@code smaps} ({@code fs/proc/task_mmu.c}): adds up the pages of one VMA or of several, by a walk of each, in
     * bytes ({@code struct mem_size_stats}). Takes no lock; each page is examined at some instant of the call. Used by
     * one thread.
     */
    public static final class Smaps {
        /**
         * The proportional shares are summed in fractions of a byte, so that rounding does not make the sum too small.
         */
        private static final int PSS_SHIFT = 12;

        private final Layout layout;
        private final PageWalk walk;

        public long rss;
        public long sharedClean;
        public long sharedDirty;
        public long privateClean;
        public long privateDirty;
        public long referenced;
        public long anonymous;

        private long pss;
        private long pssDirty;
        private long pssAnonymous;
        private long pssShmem;
        private long pssLocked;

        /**
         * Creates sums of no page.
         *
         * @param layout a layout with memory
         */
        public Smaps(Layout layout) {
            this.layout = layout;
            walk = new PageWalk(layout.pages());
        }

        /** Adds the pages of one VMA. */
        public void add(VmArea vma) {
            FilePages file = fileOf(vma);
            PageMappings mappings = null;
            walk.over(vma.start(), vma.end());
            while (walk.next()) {
                if (file != null && mappings == null) {
                    mappings = file.mappingsOf(vma.pageOffset(), pageOf(layout, vma, vma.end()) - 1);
                }
                int stop = walk.endIndex();
                for (int i = walk.first(); i < stop; i++) {
                    long pte = Leaf.get(walk.leaf(), i);
                    if (Pte.kindOf(pte) != Pte.NO_PAGE) {
                        add(vma, walk.addressOf(i), pte, mappings);
                    }
                }
            }
        }

        /**
         * Adds a page, even of a busy entry: Linux also counts a page that is being moved to another frame ({@code
         * is_migration_entry}).
         */
        private void add(VmArea vma, long address, long pte, @Nullable PageMappings mappings) {
            Frames frames = layout.memory().frames;
            long size = layout.geometry.pageSize();
            int kind = Pte.kindOf(pte);
            int frame = Pte.frame(pte);
            boolean isAnonymous = kind == Pte.ANONYMOUS_PAGE;
            // A private page is stored nowhere else, as on Linux without swap, so it is dirty even if a dirty scan
            // cleared its bit.
            boolean isDirty = isAnonymous || Pte.has(pte, Pte.DIRTY) || frames.isDirty(frame);
            int count = 1;
            if (isAnonymous) {
                count = frames.mappings(frame);
            } else if (mappings != null && !mappings.isSole()) {
                count = mappings.count(pageOf(layout, vma, address), frame, Integer.MAX_VALUE);
            }
            long share = (size << PSS_SHIFT) / Math.max(1, count);
            boolean isPrivate = count < SEVERAL;
            rss += size;
            referenced += Pte.has(pte, Pte.ACCESSED) ? size : 0;
            anonymous += isAnonymous ? size : 0;
            pss += share;
            pssAnonymous += isAnonymous ? share : 0;
            pssShmem += kind == Pte.SHMEM_PAGE ? share : 0;
            pssDirty += isDirty ? share : 0;
            pssLocked += vma.has(VmaFlags.LOCKED) ? share : 0;
            privateDirty += isPrivate && isDirty ? size : 0;
            privateClean += isPrivate && !isDirty ? size : 0;
            sharedDirty += !isPrivate && isDirty ? size : 0;
            sharedClean += !isPrivate && !isDirty ? size : 0;
        }

        public long pss() {
            return pss >> PSS_SHIFT;
        }

        public long pssDirty() {
            return pssDirty >> PSS_SHIFT;
        }

        public long pssAnonymous() {
            return pssAnonymous >> PSS_SHIFT;
        }

        public long pssShmem() {
            return pssShmem >> PSS_SHIFT;
        }

        /** Returns the share of file pages, not including shared anonymous memory. */
        public long pssFile() {
            return (pss - pssAnonymous - pssShmem) >> PSS_SHIFT;
        }

        public long pssLocked() {
            return pssLocked >> PSS_SHIFT;
        }
    }
}
