// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.space.EditLists;
import dev.samara.core.internal.space.LayoutCounters;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.maple.Cursor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** How an edit takes out all VMAs of a range at once ({@code vms_gather_munmap_vmas} in {@code mm/vma.c}). */
public final class GatheredVmas {
    private GatheredVmas() {}

    /**
     * Looks at the VMAs of a range that no VMA crosses, for {@link #displace} or {@link #unmap}.
     *
     * <p>The memory of many VMAs is in no cache. So this and the steps that follow are loops of their own, each of
     * which reads little of each VMA: a processor waits for several VMAs at once as long as the loop is short.
     *
     * @param first the first VMA of the range; null if it has none
     * @param end after the last address of the range
     * @throws Restart as {@link Edit#retirement}
     */
    public static void gather(Edit edit, @Nullable VmArea first, long end) {
        EditLists.Gathered gathered = edit.lists.gathered();
        gathered.clear();
        List<VmArea> vmas = gathered.vmas();
        LayoutCounters sum = gathered.counters();
        if (first == null) {
            return;
        }
        edit.requireContext();
        vmas.add(first);
        Cursor<VmArea> cursor = edit.cursorFrom(first, end);
        if (cursor != null) {
            // The bounds of the cursor, not those of the VMA, which is not read here.
            for (VmArea vma = cursor.next();
                    vma != null && Addresses.isBelow(cursor.first(), end);
                    vma = cursor.next()) {
                vmas.add(vma);
            }
        }
        for (int i = 0; i < vmas.size(); i++) {
            VmArea counted = vmas.get(i);
            sum.count(counted, edit.pagesOf(counted), 1);
        }
    }

    /** Returns the counters of the VMAs of the last {@link #gather}; the caller only reads them. */
    public static LayoutCounters counters(Edit edit) {
        return edit.lists.gathered().counters();
    }

    /** Takes out the VMAs of the last {@link #gather}, after which nothing was stored. */
    public static void displace(Edit edit) {
        EditLists lists = edit.lists;
        List<VmArea> gathered = lists.gathered().vmas();
        LayoutCounters sum = lists.gathered().counters();
        edit.counters.subtractAll(sum);
        boolean areAllOld = lists.fresh().isEmpty();
        for (int i = 0; i < gathered.size(); i++) {
            VmArea vma = gathered.get(i);
            if (areAllOld) {
                lists.gone().add(vma);
            } else {
                lists.takeOut(vma);
            }
        }
        if (sum.opens != 0) {
            for (int i = 0; i < gathered.size(); i++) {
                VmArea vma = gathered.get(i);
                edit.countObject(vma, -1);
                if (vma.open() != null) {
                    lists.displaced().add(vma);
                }
            }
        }
    }

    /** Unmaps a range that no VMA crosses; its mapped part is reserved until completion. */
    public static void unmap(Edit edit, long start, long end) {
        gather(edit, edit.firstIn(start, end), end);
        unmap(edit, false);
    }

    /**
     * Unmaps the VMAs of the last {@link #gather}, after which nothing was stored. Reserves the range from the first to
     * the last of them until completion.
     *
     * @param isMoved whether this edit maps the pages elsewhere, so that they stay charged
     */
    public static void unmap(Edit edit, boolean isMoved) {
        List<VmArea> gathered = edit.lists.gathered().vmas();
        if (gathered.isEmpty()) {
            return;
        }
        PreparedRetirement mine = edit.retirement();
        if (!isMoved) {
            mine.completionWork().countUnmapped(edit.lists.gathered().counters());
        } else {
            for (int i = 0; i < gathered.size(); i++) {
                VmArea vma = gathered.get(i);
                if (edit.mayHandOn(vma)) {
                    // With an anon_vma too: it may have got that after the new VMA was created.
                    edit.lists.withoutAnonVma().add(vma);
                }
            }
        }
        displace(edit);
        UnmappedRanges.replaceVmas(
                edit,
                mine,
                gathered.get(0).start(),
                gathered.get(gathered.size() - 1).end());
    }
}
