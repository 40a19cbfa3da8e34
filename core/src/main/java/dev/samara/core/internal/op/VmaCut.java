// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import org.jspecify.annotations.Nullable;

/**
 * Splits a VMA in two, or makes a part of it a separate VMA ({@code __split_vma} in {@code mm/vma.c}). The map count, a
 * special mapping, or a backing may refuse the split.
 */
public final class VmaCut {
    private VmaCut() {}

    /** Returns the errno with which the split of a VMA is refused, or null. */
    public static @Nullable Errno refusal(EditedLayout edit, VmArea vma, long address) {
        if (vma.isSpecial()) {
            return Errno.EINVAL;
        }
        // A fresh VMA is not in the layout yet, so during the callback a removed VMA with the same backing is
        // referenced instead.
        VmArea known = vma.isFresh() ? OpenDonors.relative(vma, edit.gone) : vma;
        return edit.operation.callbacks().maySplit(vma, address, known);
    }

    /**
     * Makes a part of a VMA a separate VMA: splits the VMA at the lower end and then at the upper end of the part. If
     * the map count or the backing does not allow the second split, the first one stays.
     */
    static long out(EditedLayout edit, VmArea vma, VmArea piece) {
        int pageShift = edit.geometry.pageShift();
        boolean below = piece.start() != vma.start();
        if (below) {
            Errno refusal = MapCount.mayGrow(edit, 1) ? refusal(edit, vma, piece.start()) : Errno.ENOMEM;
            if (refusal != null) {
                return refusal.result();
            }
        }
        boolean above = piece.end() != vma.end();
        if (above) {
            Errno refusal = MapCount.mayGrow(edit, below ? 2 : 1) ? refusal(edit, vma, piece.end()) : Errno.ENOMEM;
            if (refusal != null) {
                if (below) {
                    cut(edit, vma, piece.start());
                }
                return refusal.result();
            }
        }
        edit.replace(vma, null, null, piece);
        if (below) {
            edit.put(part(vma, vma.start(), piece.start(), vma.flags(), pageShift));
        }
        if (above) {
            edit.put(part(vma, piece.end(), vma.end(), vma.flags(), pageShift));
        }
        return piece.end();
    }

    /**
     * Splits a VMA in two, without a check of the map count.
     *
     * @return the upper part
     */
    public static VmArea cut(EditedLayout edit, VmArea vma, long at) {
        int pageShift = edit.geometry.pageShift();
        VmArea lower = part(vma, vma.start(), at, vma.flags(), pageShift);
        VmArea upper = part(vma, at, vma.end(), vma.flags(), pageShift);
        edit.replace(vma, null, null, lower, upper);
        return upper;
    }

    /** Returns a part of a VMA as a separate VMA, with the given flags. */
    public static VmArea part(VmArea vma, long start, long end, long flags, int pageShift) {
        return new VmArea(start, end, flags, offset(vma, start, pageShift), vma.traits(), vma.name(), vma.anonVma());
    }

    /** Returns a part of a VMA as a separate VMA, with the given name. */
    public static VmArea named(VmArea vma, long start, long end, @Nullable String name, int pageShift) {
        return new VmArea(start, end, vma.flags(), offset(vma, start, pageShift), vma.traits(), name, vma.anonVma());
    }

    private static long offset(VmArea vma, long start, int pageShift) {
        return vma.pageOffset() + ((start - vma.start()) >>> pageShift);
    }
}
