// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.PageMappings;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.PageWalk;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmaFlags;
import org.jspecify.annotations.Nullable;

/**
 * {@code smaps} ({@code fs/proc/task_mmu.c}): adds up the pages of a VMA by one walk. Takes no lock; each page is
 * examined at some instant of the call.
 */
public final class Smaps {
    private final Layout layout;
    private final Frames frames;
    private final PageWalk walk;
    private final long pageSize;

    /**
     * Creates a walk.
     *
     * @param layout a layout with memory
     */
    public Smaps(Layout layout) {
        this.layout = layout;
        frames = layout.memory().frames();
        walk = new PageWalk(layout.pages());
        pageSize = layout.geometry().pageSize();
    }

    /** Adds the pages of one VMA. */
    public void add(VmArea vma, SmapsSums sums) {
        FilePages file = vma.isAnonymous() ? null : FilePages.of(vma);
        PageMappings mappings = null;
        walk.over(vma.start(), vma.end());
        while (walk.next()) {
            if (file != null && mappings == null) {
                mappings = file.mappingsOf(vma.pageOffset(), pageOf(vma, vma.end()) - 1);
            }
            int stop = walk.endIndex();
            for (int i = walk.first(); i < stop; i++) {
                long pte = Leaf.get(walk.leaf(), i);
                if (Pte.kindOf(pte) != Pte.NO_PAGE) {
                    add(vma, walk.addressOf(i), pte, mappings, sums);
                }
            }
        }
    }

    private long pageOf(VmArea vma, long address) {
        return vma.pageOffset() + layout.geometry().pages(address - vma.start());
    }

    /**
     * Adds a page, even of a busy entry: Linux also counts a page that is being moved to another frame ({@code
     * is_migration_entry}).
     */
    private void add(VmArea vma, long address, long pte, @Nullable PageMappings mappings, SmapsSums sums) {
        int kind = Pte.kindOf(pte);
        int frame = Pte.frame(pte);
        boolean isAnonymous = kind == Pte.ANONYMOUS_PAGE;
        // A private page is stored nowhere else, as on Linux without swap, so it is dirty even if a dirty scan cleared
        // its bit.
        boolean isDirty = isAnonymous || Pte.has(pte, Pte.DIRTY) || frames.isDirty(frame);
        int count = 1;
        if (isAnonymous) {
            count = frames.mappings(frame);
        } else if (mappings != null && !mappings.isSole()) {
            count = mappings.count(pageOf(vma, address), frame, Integer.MAX_VALUE);
        }
        sums.add(
                pageSize,
                count,
                isAnonymous,
                kind == Pte.SHMEM_PAGE,
                isDirty,
                Pte.has(pte, Pte.ACCESSED),
                vma.has(VmaFlags.LOCKED));
    }
}
