// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.space.EditLists;
import dev.samara.core.internal.space.LayoutCounters;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.VmaFlags;
import dev.samara.maple.Cursor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The VMAs of a range that an edit unmaps or replaces: split at the range's ends, refused if one is sealed, gathered,
 * and removed with one store ({@code vms_gather_munmap_vmas} in {@code mm/vma.c}). This is the first half of {@code
 * munmap}, and of the calls that replace or move a range.
 */
public final class GatheredVmas {
    private GatheredVmas() {}

    /**
     * Cuts the VMAs at both ends of a range, and gathers its VMAs, for {@link #displace} or {@link #unmap}. The first
     * VMA, which locates the range, is not looked up again unless it is cut at the end of the range.
     *
     * <p>If the range contains a sealed VMA, a cut at the start remains, as on Linux.
     *
     * @return 0 or a negated errno
     */
    public static long cutAndGather(Edit edit, long start, long end) {
        VmArea first = edit.firstIn(start, end);
        if (first == null) {
            gather(edit, null, end);
            return Edit.DONE;
        }
        if (Addresses.isBelow(first.start(), start)) {
            // Only a hole in the middle of one VMA leaves more mappings than before.
            if (Addresses.isBelow(end, first.end()) && !edit.mayGrow(1)) {
                return Errno.ENOMEM.result();
            }
            if (first.has(VmaFlags.SEALED)) {
                return Errno.EPERM.result();
            }
            Errno refusal = VmaMerge.refusal(edit, first, start);
            if (refusal != null) {
                return refusal.result();
            }
            first = VmaMerge.cut(edit, first, start);
        }
        if (edit.counters.sealed != 0 && hasSealed(edit, start, end)) {
            return Errno.EPERM.result();
        }
        VmArea last = Addresses.isBelow(first.end(), end) ? edit.at(end - 1) : first;
        if (last != null && Addresses.isAbove(last.end(), end)) {
            Errno refusal = VmaMerge.refusal(edit, last, end);
            if (refusal != null) {
                return refusal.result();
            }
            VmaMerge.cut(edit, last, end);
            if (last == first) {
                first = edit.firstIn(start, end);
            }
        }
        gather(edit, first, end);
        return Edit.DONE;
    }

    private static boolean hasSealed(Edit edit, long start, long end) {
        VmArea vma = edit.firstIn(start, end);
        Cursor<VmArea> cursor = cursorFrom(edit, vma, end);
        while (vma != null && !vma.has(VmaFlags.SEALED)) {
            vma = next(cursor, end);
        }
        return vma != null;
    }

    /**
     * Gathers the VMAs of a range whose ends no VMA crosses, for {@link #displace} or {@link #unmap}.
     *
     * <p>If there are many VMAs, most of them are not in a processor cache. So this step and the following ones are
     * separate loops, each of which reads little of each VMA: as long as the loop is short, a processor waits for
     * several VMAs at the same time.
     *
     * @param first the first VMA of the range; null if it has none
     * @param end after the last address of the range
     * @throws Restart as {@link Edit#retirement} does
     */
    private static void gather(Edit edit, @Nullable VmArea first, long end) {
        EditLists.Gathered gathered = edit.lists.gathered();
        gathered.clear();
        List<VmArea> vmas = gathered.vmas();
        LayoutCounters sum = gathered.counters();
        if (first == null) {
            return;
        }
        edit.operation.requireContext();
        vmas.add(first);
        Cursor<VmArea> cursor = cursorFrom(edit, first, end);
        if (cursor != null) {
            // Uses the bounds of the cursor, so that the VMA itself is not read here.
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

    /**
     * Returns a cursor at the first VMA of a loop that changes no VMA. The cursor finds the next VMA several times as
     * fast as {@link Edit#firstIn} does. Returns null if the first VMA is the only one, as it usually is, or there is
     * none.
     */
    private static @Nullable Cursor<VmArea> cursorFrom(Edit edit, @Nullable VmArea first, long end) {
        if (first == null || !Addresses.isBelow(first.end(), end)) {
            return null;
        }
        Cursor<VmArea> cursor = edit.tree.cursor();
        cursor.find(first.start());
        return cursor;
    }

    /**
     * Returns the next VMA of a loop if it starts below an address. Returns null otherwise, and if there is no cursor.
     */
    private static @Nullable VmArea next(@Nullable Cursor<VmArea> cursor, long end) {
        VmArea vma = cursor == null ? null : cursor.next();
        return vma != null && Addresses.isBelow(vma.start(), end) ? vma : null;
    }

    /** Returns the counters of the VMAs of the last {@link #cutAndGather}; the caller must not change them. */
    public static LayoutCounters counters(Edit edit) {
        return edit.lists.gathered().counters();
    }

    /** Takes out the VMAs of the last {@link #cutAndGather}. No VMA may have been stored since. */
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

    /**
     * Unmaps a range. VMAs that cross an end of the range are cut there; the mapped part stays reserved until
     * completion.
     *
     * @return 0 or a negated errno
     */
    public static long cutAndUnmap(Edit edit, long start, long end) {
        long result = cutAndGather(edit, start, end);
        if (result == Edit.DONE) {
            unmap(edit, false);
        }
        return result;
    }

    /**
     * Unmaps a range whose pages the caller mapped elsewhere. The backing was already asked whether the VMAs may be
     * split at the ends of the range.
     */
    public static void unmapMoved(Edit edit, long start, long end) {
        cutAt(edit, start);
        cutAt(edit, end);
        gather(edit, edit.firstIn(start, end), end);
        unmap(edit, true);
    }

    private static void cutAt(Edit edit, long address) {
        VmArea vma = edit.at(address);
        if (vma != null && vma.start() != address) {
            VmaMerge.cut(edit, vma, address);
        }
    }

    /**
     * Unmaps a range whose ends no VMA crosses, even if its VMAs are sealed; its mapped part is reserved until
     * completion.
     */
    public static void unmap(Edit edit, long start, long end) {
        gather(edit, edit.firstIn(start, end), end);
        unmap(edit, false);
    }

    /**
     * Unmaps the VMAs of the last {@link #cutAndGather}. No VMA may have been stored since. Reserves the range from the
     * first to the last VMA until completion.
     *
     * @param isMoved whether this edit maps the pages elsewhere, so that they stay charged
     */
    public static void unmap(Edit edit, boolean isMoved) {
        List<VmArea> gathered = edit.lists.gathered().vmas();
        if (gathered.isEmpty()) {
            return;
        }
        RetirementRun mine = edit.retirement();
        if (!isMoved) {
            mine.countUnmapped(edit.lists.gathered().counters());
        } else {
            for (int i = 0; i < gathered.size(); i++) {
                VmArea vma = gathered.get(i);
                if (edit.mayHandOn(vma)) {
                    // Added even if the VMA has an anon_vma, which may have been set after the new VMA was created.
                    edit.lists.withoutAnonVma().add(vma);
                }
            }
        }
        displace(edit);
        edit.reserve(gathered.get(0).start(), gathered.get(gathered.size() - 1).end());
    }
}
