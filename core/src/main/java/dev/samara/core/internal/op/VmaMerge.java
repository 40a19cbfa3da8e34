// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.op.MergeRules.Merge;
import dev.samara.core.internal.space.InFlightOperation.PendingJoin;
import dev.samara.core.internal.vma.AnonVma;
import dev.samara.core.internal.vma.VmArea;
import org.jspecify.annotations.Nullable;

/**
 * Merges the VMAs of an edit ({@code vma_merge} and {@code vma_modify} in {@code mm/vma.c}) where {@link MergeRules}
 * allows it. {@link VmaCut} splits them.
 *
 * <p>A merge is tried only by the operation that creates or changes a piece, and only at the two ends of that piece.
 */
public final class VmaMerge {
    private VmaMerge() {}

    /**
     * Stores a new piece in a range that is free, or from which the VMAs were taken out. Joins the piece with its
     * neighbours if {@link MergeRules} permits it.
     */
    public static VmArea place(EditedLayout edit, VmArea piece) {
        VmArea joined = join(edit, piece, true);
        if (joined != null) {
            return joined;
        }
        edit.put(piece);
        return piece;
    }

    /**
     * Extends the previous VMA over a new piece or, if {@code alsoRight}, joins the piece with both neighbours or only
     * the next one.
     */
    public static @Nullable VmArea join(EditedLayout edit, VmArea piece, boolean alsoRight) {
        VmArea previous = Neighbours.before(edit, piece.start());
        VmArea next = alsoRight ? Neighbours.after(edit, piece.end()) : null;
        Merge merge = MergeRules.judge(previous, piece, next, edit.geometry.pageShift());
        VmArea into = merge == Merge.NONE ? null : MergeRules.spanning(merge, previous, piece, next);
        if (into != null) {
            edit.replace(merge == Merge.RIGHT ? null : previous, merge == Merge.LEFT ? null : next, null, into);
        }
        return into;
    }

    /**
     * Joins, at a completion, the two VMAs that meet at an address, if they fit and neither is in another range in
     * flight. If a VMA is in another range in flight, that range tries the join later. If only the range in flight kept
     * the VMAs separate, one of them may be removed even if its backing counts mappings.
     */
    static void joinLate(EditedLayout edit, PendingJoin join) {
        VmArea left = Neighbours.before(edit, join);
        VmArea right = Neighbours.after(edit, join);
        VmArea whole =
                left == null || right == null ? null : MergeRules.whole(left, right, join, edit.geometry.pageShift());
        if (whole != null) {
            edit.replace(left, right, null, whole);
        }
    }

    /**
     * Returns the anon_vma that a VMA of an edit gets with its first private page, determined by its two neighbours
     * ({@link MergeRules#anonVmaFor}).
     */
    public static AnonVma anonVmaFor(EditedLayout edit, VmArea vma) {
        return MergeRules.anonVmaFor(edit.endingAt(vma.start()), vma, edit.at(vma.end()), edit.geometry.pageShift());
    }

    /**
     * Changes the flags of a part of a VMA. Joins the part with its neighbours if {@link MergeRules} permits it;
     * otherwise makes it a separate VMA.
     *
     * @return the end of the VMA that now covers the part, or a negated errno if the VMA may not be split: ENOMEM for
     *     too many mappings, EINVAL for a special mapping, or the errno of a backing's refusal. The first of two splits
     *     may then remain
     */
    public static long change(EditedLayout edit, VmArea vma, long start, long end, long flags) {
        return change(edit, vma, VmaCut.part(vma, start, end, flags, edit.geometry.pageShift()));
    }

    /**
     * Changes a part of a VMA into a piece with other flags or another name. Joins the piece with its neighbours where
     * they fit; otherwise makes it a separate VMA.
     *
     * @return as {@link #change(EditedLayout, VmArea, long, long, long)} returns
     */
    public static long change(EditedLayout edit, VmArea vma, VmArea piece) {
        int pageShift = edit.geometry.pageShift();
        long start = piece.start();
        long end = piece.end();
        boolean head = start == vma.start();
        boolean tail = end == vma.end();
        VmArea previous = head ? Neighbours.before(edit, start) : null;
        VmArea next = tail ? Neighbours.after(edit, end) : null;
        Merge merge = MergeRules.judge(previous, piece, next, pageShift);
        if (head && tail && !MergeRules.mayVanish(vma)) {
            merge = Merge.NONE;
        }
        if (merge == Merge.NONE) {
            return VmaCut.out(edit, vma, piece);
        }
        VmArea into = MergeRules.spanning(merge, previous, piece, next);
        if (!head) {
            VmArea rest = VmaCut.part(vma, vma.start(), start, vma.flags(), pageShift);
            edit.replace(vma, next, null, rest, into);
        } else if (!tail) {
            VmArea rest = VmaCut.part(vma, end, vma.end(), vma.flags(), pageShift);
            edit.replace(vma, previous, null, into, rest);
        } else {
            edit.replace(vma, merge == Merge.RIGHT ? null : previous, merge == Merge.LEFT ? null : next, into);
        }
        return into.end();
    }
}
