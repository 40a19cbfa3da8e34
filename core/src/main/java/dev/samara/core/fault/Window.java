// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.fault;

import dev.samara.core.cache.FilePages;
import dev.samara.core.layout.PageRights;
import dev.samara.core.page.Frames;
import dev.samara.core.page.Memory;
import dev.samara.core.page.PageTable;
import dev.samara.core.page.Pte;
import dev.samara.core.vma.BackingTraits;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.PageWindow;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import dev.samara.core.wait.NoWaiting;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Fault-around: an aligned window of pages of a file, offered by the backing in one call and put in under one hold of the
 * leaf's lock ({@code do_fault_around}, {@code filemap_map_pages}).
 *
 * <p>Mappings do not count the frames of a cache, so what is put in costs one look at the frame's word and one
 * compare-and-set of the entry.
 */
final class Window implements PageWindow {
    /** A window of 64 KiB with pages of 4 KiB. */
    private static final int PAGES = 16;

    private final Faulter faulter;
    private final int[] offered = new int[PAGES];
    private final boolean[] wanted = new boolean[PAGES];

    private @Nullable FilePages cache;
    private long first;
    private int count;

    Window(Faulter faulter) {
        this.faulter = faulter;
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
        return at >= 0 && at < count && wanted[at];
    }

    @Override
    public void offer(int at, int frame) {
        if (at < 0 || at >= count) {
            throw new IllegalArgumentException("place " + at + " is not in 0.." + (count - 1));
        }
        offered[at] = frame;
    }

    /** The cache's frame of one page, or {@link Frames#NONE}. Caller is in a reader section. */
    int one(Vma vma, BackingTraits traits, FilePages cache, long address, long page) {
        first = page;
        count = 1;
        wanted[0] = true;
        ask(traits, cache);
        int frame = offered[0];
        return faulter.frames.isCached(frame, cache.number(), page) ? frame : Frames.NONE;
    }

    private void ask(BackingTraits traits, FilePages of) {
        Arrays.fill(offered, 0, count, Frames.NONE);
        cache = of;
        long longest = faulter.memory.longestOffer();
        if (longest == Memory.UNCHECKED) {
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
            faulter.reportBacking("rcuMapPages", traits, thrown);
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
                faulter.reportBacking("rcuMapPages", traits, refused);
            }
        }
        long taken = System.nanoTime() - start;
        if (taken > longest) {
            faulter.reportLongOffer(traits, taken);
        }
    }

    /**
     * Maps what the backing has in memory around a page.
     *
     * @return whether the page itself is mapped now
     */
    boolean map(Vma vma, BackingTraits traits, FilePages cache, long address, long page, boolean writes) {
        int shift = faulter.pageShift;
        PageTable table = faulter.table;
        int index = table.indexOf(address);
        // Aligned by address, and clipped to the VMA and to the leaf.
        int before = index & PAGES - 1;
        before = (int) Math.min(before, (address - vma.start()) >>> shift);
        long end = Math.min(index - (index & PAGES - 1) + PAGES, table.entries());
        int after = (int) Math.min(end - index, (vma.end() - (address & -(1L << shift))) >>> shift);
        long[] leaf = table.leafForInstall(address);
        first = page - before;
        count = before + after;
        for (int i = 0; i < count; i++) {
            wanted[i] = PageTable.get(leaf, index - before + i) == Pte.NONE;
        }
        ask(traits, cache);
        if (offered[before] == Frames.NONE) {
            return false;
        }
        return putIn(vma, cache, leaf, index - before, address - ((long) before << shift), before, writes);
    }

    /** Maps one page that the slow path has fetched. */
    boolean mapOne(Vma vma, FilePages cache, long address, long page, int frame, boolean writes) {
        first = page;
        count = 1;
        offered[0] = frame;
        wanted[0] = true;
        long[] leaf = faulter.table.leafForInstall(address);
        return putIn(vma, cache, leaf, faulter.table.indexOf(address), address, 0, writes);
    }

    private boolean putIn(Vma vma, FilePages cache, long[] leaf, int index, long address, int target, boolean writes) {
        boolean mapped = false;
        PageTable.lock(leaf);
        try {
            if (PageTable.isDead(leaf)) {
                return false;
            }
            for (int i = 0; i < count; i++) {
                // Read once: a backing may have kept this window, and offer from elsewhere.
                int frame = offered[i];
                if (!wanted[i] || frame == Frames.NONE) {
                    continue;
                }
                Vma now = faulter.standing(vma, address + ((long) i << faulter.pageShift));
                if (now == null || !faulter.frames.isCached(frame, cache.number(), first + i)) {
                    continue;
                }
                long bits = PageRights.of(now);
                if (now.has(VmaFlags.SHARED | VmaFlags.WRITE) && (!Faulter.noticesWrites(now) || writes)) {
                    bits |= Pte.WRITE;
                }
                if (i == target) {
                    bits |= Pte.ACCESSED | (writes ? Pte.DIRTY : 0);
                }
                boolean put = PageTable.compareAndSet(leaf, index + i, Pte.NONE, Pte.present(frame, bits));
                mapped |= put && i == target;
            }
            return mapped;
        } finally {
            PageTable.unlock(leaf);
        }
    }
}
