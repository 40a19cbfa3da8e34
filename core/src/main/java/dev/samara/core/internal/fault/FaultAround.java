// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.VmaRights;
import dev.samara.core.internal.sync.NoWaiting;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Fault;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.PageWindow;
import dev.samara.core.vma.VmaFlags;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Fault-around: the backing offers a window of pages of a file in one call, and the pages are installed under one hold
 * of the leaf's lock ({@code do_fault_around}, {@code filemap_map_pages}).
 *
 * <p>Mappings do not count the frames of a cache, so the cost of a page is one read of the frame's word and one
 * compare-and-set of the entry.
 */
final class FaultAround implements PageWindow {
    private final FaultState state;
    private final int pages;
    private final int[] offered;

    private @Nullable FilePages cache;
    private long first;
    private int count;

    /** The leaf of the window's entries; null if the backing is asked for a single page, which is always wanted. */
    private long @Nullable [] entries;

    private int firstEntry;

    FaultAround(FaultState state) {
        this.state = state;
        // A window lies within one leaf, so it has at most as many pages as a leaf has entries.
        pages = Math.min(state.memory.faultAround(), state.table().entries());
        offered = new int[pages];
    }

    /** Drops the references to the last window's cache and leaf. */
    void forget() {
        cache = null;
        entries = null;
    }

    @Override
    public PageCache cache() {
        return Objects.requireNonNull(cache, "a window is over when the call returns");
    }

    @Override
    public long first() {
        return first;
    }

    @Override
    public int count() {
        return count;
    }

    @Override
    public boolean isWanted(int at) {
        long[] leaf = entries;
        return at >= 0 && at < count && (leaf == null || Leaf.get(leaf, firstEntry + at) == Pte.NONE);
    }

    /** Also offers unwanted pages, because an entry that is not empty stays unchanged in any case. */
    @Override
    public void offerFrom(PageCache cache) {
        if (cache instanceof FilePages own && first >= 0) {
            own.framesAt(first, count, offered);
        } else {
            PageWindow.super.offerFrom(cache);
        }
    }

    @Override
    public void offer(int at, int frame) {
        if (at < 0 || at >= count) {
            throw new IllegalArgumentException("place " + at + " is not in 0.." + (count - 1));
        }
        offered[at] = frame;
    }

    /** Returns the cache's frame of one page, or {@link Frames#NONE}. The caller is in a reader section. */
    int one(VmArea vma, BackingTraits traits, FilePages cache, long address, long page) {
        first = page;
        count = 1;
        entries = null;
        ask(traits, cache);
        int frame = offered[0];
        return state.frames.isCached(frame, cache.number(), page) ? frame : Frames.NONE;
    }

    private void ask(BackingTraits traits, FilePages asked) {
        Arrays.fill(offered, 0, count, Frames.NONE);
        cache = asked;
        long longest = state.memory.longestOffer();
        if (longest == MachineMemory.UNCHECKED) {
            askUnchecked(traits);
        } else {
            askChecked(traits, longest);
        }
    }

    private boolean askUnchecked(BackingTraits traits) {
        try {
            traits.backing().rcuMapPages(this);
            return true;
        } catch (Throwable thrown) {
            Arrays.fill(offered, 0, count, Frames.NONE);
            state.reports.backing("rcuMapPages", traits, thrown);
            return false;
        }
    }

    private void askChecked(BackingTraits traits, long longest) {
        boolean returned = false;
        long start = System.nanoTime();
        NoWaiting.enter("rcuMapPages of " + traits.backing().getClass().getName());
        try {
            returned = askUnchecked(traits);
        } finally {
            IllegalStateException refused = NoWaiting.exit();
            if (refused != null && returned) {
                state.reports.backing("rcuMapPages", traits, refused);
            }
        }
        long taken = System.nanoTime() - start;
        if (taken > longest) {
            state.reports.longOffer(traits, taken);
        }
    }

    /**
     * Of the pages around a page, maps those that the backing has in memory. For a write ({@code do_shared_fault}), in
     * a System V segment ({@code shm_vm_ops}), and in a mapping of a host file with {@code MADV_RANDOM}, maps only that
     * page. The caller is in a reader section.
     *
     * @param known the leaf that contains the page's entry, or null if there was none
     * @return {@link Fault#NONE} if the page itself is now mapped; {@link FaultResult#NOT_OFFERED} if the backing did
     *     not offer it; {@link FaultResult#AGAIN} if a fork narrows entries or the leaf is dead; {@link
     *     FaultResult#NO_TABLE}
     */
    int map(
            VmArea vma,
            BackingTraits traits,
            FilePages cache,
            long address,
            long page,
            boolean writes,
            long @Nullable [] known) {
        int shift = state.pageShift;
        PageTable table = state.table();
        int index = table.indexOf(address);
        // The window starts at an aligned address or at the start of the VMA.
        int window = isAlone(vma, cache, writes) ? 1 : pages;
        int before = (int) Math.min(index & window - 1, (address - vma.start()) >>> shift);
        long[] leaf = known != null ? known : table.leafForInstall(address);
        if (leaf == null) {
            return FaultResult.NO_TABLE;
        }
        first = page - before;
        count = before + after(vma, address, window - before, table.entries() - index);
        entries = leaf;
        firstEntry = index - before;
        ask(traits, cache);
        if (offered[before] == Frames.NONE) {
            offered[before] = cache.frameForFault(vma, page, state.context);
        }
        // Also maps the neighbours if the page itself is not in memory or is beyond the end of the file.
        return putIn(vma, cache, leaf, index - before, address - ((long) before << shift), before, writes);
    }

    /**
     * Returns whether a page is mapped without its neighbours. Linux maps neighbours despite {@code MADV_RANDOM}. Here
     * they are not mapped, because an eviction treats every page that was mapped again as used.
     */
    private static boolean isAlone(VmArea vma, FilePages cache, boolean writes) {
        return writes || cache.isOfSegment() || (vma.has(VmaFlags.RAND_READ) && cache.number() >= Frames.SAVED);
    }

    /**
     * Returns how many pages of a window start at an address or above it: {@code left}, unless the VMA or the leaf ends
     * first. Not part of {@link #map}, because the JIT compiler inlines that method as a whole only if it is short.
     */
    private int after(VmArea vma, long address, int left, int inLeaf) {
        int shift = state.pageShift;
        return (int) Math.min(Math.min(left, inLeaf), (vma.end() - (address & -(1L << shift))) >>> shift);
    }

    /**
     * Maps one page that the backing fetched.
     *
     * @return {@link Fault#NONE}; {@link FaultResult#AGAIN}; {@link FaultResult#NO_TABLE}
     */
    int mapOne(VmArea vma, FilePages cache, long address, long page, int frame, boolean writes) {
        first = page;
        count = 1;
        offered[0] = frame;
        long[] leaf = state.table().leafForInstall(address);
        if (leaf == null) {
            return FaultResult.NO_TABLE;
        }
        int result = putIn(vma, cache, leaf, state.table().indexOf(address), address, 0, writes);
        return result == FaultResult.NOT_OFFERED ? FaultResult.AGAIN : result;
    }

    private int putIn(VmArea vma, FilePages cache, long[] leaf, int index, long address, int target, boolean writes) {
        boolean mapped = false;
        int filled = 0;
        Frames frames = state.frames;
        long number = cache.number();
        long ofCache = cache.pteBits();
        long bits = bitsOf(vma, writes) | ofCache;
        Leaf.lock(leaf);
        try {
            if (!state.mayChange(leaf)) {
                return FaultResult.AGAIN;
            }
            for (int i = 0; i < count; i++) {
                int frame = offered[i];
                if (frame == Frames.NONE || Leaf.get(leaf, index + i) != Pte.NONE) {
                    continue;
                }
                VmArea now = vma;
                long put = bits;
                // Checked for each page, because a part of the window may be unmapped at any time.
                if (vma.isDetached()) {
                    now = VmaRecheck.of(state.layout, vma, address + ((long) i << state.pageShift), false);
                    put = now == null ? 0 : bitsOf(now, writes) | ofCache;
                }
                if (now == null || !frames.isCached(frame, number, first + i)) {
                    continue;
                }
                if (i == target) {
                    put |= Pte.ACCESSED | (writes ? Pte.DIRTY : 0);
                }
                long pte = Pte.present(frame, put);
                boolean isIn = Leaf.fillUncounted(leaf, index + i, pte);
                filled += isIn ? 1 : 0;
                if (isIn && Pte.has(put, Pte.DIRTY)) {
                    state.markDirty(frame, put);
                    state.noteDirtied(Pte.NONE, pte);
                }
                mapped |= isIn && i == target;
            }
            return mapped ? Fault.NONE : FaultResult.NOT_OFFERED;
        } finally {
            try {
                Leaf.count(leaf, ofCache == 0 ? Pte.FILE_PAGE : Pte.SHMEM_PAGE, filled);
            } finally {
                Leaf.unlock(leaf);
            }
        }
    }

    /** Returns the rights of an entry that maps a page of a file, without the bits of its cache. */
    long bitsOf(VmArea vma, boolean writes) {
        boolean mayWrite = vma.has(VmaFlags.SHARED | VmaFlags.WRITE) && (writes || !FaultState.noticesWrites(vma));
        return VmaRights.of(vma, state.layout.geometry()) | (mayWrite ? Pte.WRITE : 0);
    }

    @Override
    public String toString() {
        return "window of " + count + " pages from page " + first;
    }
}
