// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.tlb.HeldTables;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Finds the dirty pages of one file without cleaning them. A page is dirty if its frame is marked dirty, or if an entry
 * of a shared mapping that maps it is dirty. For one thread, which holds the inode lock.
 */
final class DirtyPageScan {
    private static final int BATCH = 512;

    private final Frames frames;
    private final CachedPages cached;
    private final ReverseMap mappings;
    private final long[] pages = new long[BATCH];
    private final int[] taken = new int[BATCH];
    private final boolean[] isDirty = new boolean[BATCH];
    private final List<ReverseMap.Link> links = new ArrayList<>();
    private int count;

    DirtyPageScan(Frames frames, CachedPages cached, ReverseMap mappings) {
        this.frames = frames;
        this.cached = cached;
        this.mappings = mappings;
    }

    /** Passes the dirty pages from {@code first} to {@code most}, inclusive, to a visitor, in ascending order. */
    void run(long first, long most, SavedPages.DirtyPageVisitor visitor) {
        // A failed removal may have left pages beyond the end.
        long last = Math.min(most, cached.pages() - 1);
        long next = first;
        while (next >= 0 && next <= last) {
            int found = cached.index().collect(next, pages, taken);
            next = found < BATCH ? -1 : pages[found - 1] + 1;
            while (found > 0 && pages[found - 1] > last) {
                found--;
            }
            count = found;
            find();
            for (int i = 0; i < count; i++) {
                if (isDirty[i]) {
                    visitor.visit(pages[i]);
                }
            }
        }
    }

    private void find() {
        Arrays.fill(isDirty, 0, count, false);
        if (count == 0) {
            return;
        }
        links.clear();
        mappings.visit(pages[0], pages[count - 1], links::add);
        HeldTables held = new HeldTables();
        try {
            for (ReverseMap.Link link : links) {
                if (link.vma().has(VmaFlags.SHARED) && held.hold(link.table())) {
                    find(link);
                }
            }
        } finally {
            held.release();
        }
        for (int i = 0; i < count; i++) {
            // Read after the entries, because a thread that removes a dirty entry marks the frame under the lock of the
            // leaf.
            isDirty[i] |= frames.isDirty(taken[i]);
        }
    }

    private void find(ReverseMap.Link link) {
        VmArea vma = link.vma();
        int shift = cached.pageShift();
        long span = vma.length() >>> shift;
        for (int i = 0; i < count; i++) {
            long at = pages[i] - vma.pageOffset();
            if (at >= 0 && at < span && !isDirty[i]) {
                long entry = CachedEntry.of(link.table(), vma.start() + (at << shift), taken[i]);
                isDirty[i] = Pte.has(entry, Pte.DIRTY);
            }
        }
    }
}
