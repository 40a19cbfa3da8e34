// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.PageCategory;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;
import org.jspecify.annotations.Nullable;

/**
 * {@code PAGEMAP_SCAN} without write protection ({@code do_pagemap_scan}): the arguments, the walk and the result so
 * far. Changes no entry, takes no lock and does not wait; each page is examined at some instant of the call. Allocates
 * nothing. Used by one thread.
 */
public final class PagemapQuery {
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
     * Reports the regions of matching pages. The arguments are checked in the order of {@code pagemap_scan_get_args}.
     *
     * @param into receives start, end and categories of each region; if null or too short for one region, none are
     *     reported
     * @return the number of regions, or a negated errno
     */
    public long ask(Layout layout, long @Nullable [] into) {
        if (layout.isClosed()) {
            return Errno.ESRCH.result();
        }
        Geometry geometry = layout.geometry();
        if (((inverted | mask | anyOf | told) & ~PageCategory.ALL) != 0 || !geometry.isAligned(start)) {
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
            long reached = tell(at, next, 0, table.pageShift());
            if (reached != next) {
                return reached;
            }
            at = next;
            long[] leaf = at == to ? null : table.leaf(at);
            long last = at == to ? to : Addresses.lower(table.leafEnd(at), to);
            for (; at != last; at += 1L << table.pageShift()) {
                long categories = leaf == null ? 0 : categoriesOf(Leaf.get(leaf, table.indexOf(at)));
                if (tell(at, at + (1L << table.pageShift()), categories, table.pageShift()) == at) {
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
            return PageCategory.WRITTEN | PageCategory.SWAPPED | PageCategory.GUARD;
        }
        if (!hasPage(pte)) {
            return PageCategory.WRITTEN;
        }
        return PageCategory.WRITTEN
                | PageCategory.PRESENT
                | (Pte.isCached(pte) ? PageCategory.FILE : 0)
                | (Pte.has(pte, Pte.ZERO) ? PageCategory.PFNZERO : 0)
                | (isSoftDirty(pte) ? PageCategory.SOFT_DIRTY : 0);
    }

    /** Returns whether an entry is a guard marker, or is becoming one. */
    static boolean isGuard(long pte) {
        return Pte.has(pte, Pte.GUARD);
    }

    /**
     * Returns whether an entry has a page. A busy entry counts, because the operation that claimed it may still leave
     * the page there.
     */
    static boolean hasPage(long pte) {
        return Pte.isPresent(pte) || Pte.isBusy(pte);
    }

    static boolean isSoftDirty(long pte) {
        return Pte.has(pte, Pte.DIRTY) || Pte.has(pte, Pte.PRESENT | Pte.SOFT_DIRTY);
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
