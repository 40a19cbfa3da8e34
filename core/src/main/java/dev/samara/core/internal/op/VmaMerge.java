// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.op.BackingQuestions.OpenTransfer;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.InFlightOperation.PendingJoin;
import dev.samara.core.internal.vma.AnonVma;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.VmaFlags;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Merges and splits the VMAs of an edit as Linux does ({@code vma_merge}, {@code vma_modify} and {@code __split_vma} in
 * {@code mm/vma.c}).
 *
 * <ol>
 *   <li>A merge is tried only by the operation that creates or changes a piece, and only at the two ends of that piece. A
 *       neighbour can be merged with a piece if {@link #continues} holds between the two; {@link Merge} combines the
 *       results of the two neighbours. A merge may remove a VMA only if its backing does not count mappings.
 *   <li>A neighbour in flight is not a candidate, because only its own operation may change it. The completion of that
 *       operation tries the merge instead ({@link #joinLate}).
 *   <li>A piece that is not merged is cut out of its VMA. The map count, a special mapping, or a backing may refuse the
 *       split.
 * </ol>
 */
public final class VmaMerge {
    private static final long STICKY = VmaFlags.MAYBE_GUARD;

    private VmaMerge() {}

    /* The rules. */

    /** The neighbours with which a piece is joined. */
    private enum Merge {
        NONE,
        LEFT,
        RIGHT,
        BOTH;

        /** Indexed by: left neighbour fits (4), right neighbour fits (2), the two neighbours fit each other (1). */
        private static final Merge[] TABLE = {NONE, NONE, RIGHT, RIGHT, LEFT, LEFT, LEFT, BOTH};
    }

    /** Returns whether {@code right} may continue {@code left} in one VMA. */
    private static boolean continues(@Nullable VmArea left, @Nullable VmArea right, int pageShift) {
        return left != null
                && right != null
                && left.end() == right.start()
                && haveSameFlags(left, right)
                // A special mapping is never joined.
                && !left.hasAny(VmaFlags.SPECIAL)
                && !right.hasAny(VmaFlags.SPECIAL)
                // Both have the same open, not only the same file.
                && left.backing() == right.backing()
                && Objects.equals(left.name(), right.name())
                && left.pageOffset() + (left.length() >>> pageShift) == right.pageOffset()
                && mayShare(left.anonVma(), right.anonVma());
    }

    /** Returns whether two VMAs have the same flags, including the MAY flags, except the sticky ones. */
    static boolean haveSameFlags(VmArea one, VmArea other) {
        return ((one.flags() ^ other.flags()) & ~STICKY) == 0;
    }

    /**
     * Returns whether the anon_vmas are equal, or one is null and the other is not inherited by fork. So a child's
     * inherited anon_vma is not passed on to a VMA that has none.
     */
    private static boolean mayShare(@Nullable AnonVma one, @Nullable AnonVma other) {
        if (one == null) {
            return other == null || !other.isInherited();
        }
        return one == other || (other == null && !one.isInherited());
    }

    /** Two neighbours that both fit a piece without anon_vma may still have different anon_vmas. */
    private static boolean fitEachOther(@Nullable VmArea left, @Nullable VmArea right) {
        return left == null
                || right == null
                || left.anonVma() == null
                || right.anonVma() == null
                || left.anonVma() == right.anonVma();
    }

    /** Returns whether a merge may remove a VMA, i.e. whether its backing does not count mappings. */
    private static boolean mayVanish(VmArea vma) {
        BackingTraits traits = vma.traits();
        return traits == null || !traits.countsMappings();
    }

    /** Returns the neighbours with which a piece is joined. */
    private static Merge judge(@Nullable VmArea previous, VmArea piece, @Nullable VmArea next, int pageShift) {
        int fits = (continues(previous, piece, pageShift) ? 4 : 0)
                + (continues(piece, next, pageShift) ? 2 : 0)
                + (fitEachOther(previous, next) ? 1 : 0);
        Merge merge = Merge.TABLE[fits];
        return merge == Merge.BOTH && !mayVanish(Objects.requireNonNull(next)) ? Merge.LEFT : merge;
    }

    /** Returns the VMA into which a piece and the neighbours of a merge are joined. */
    private static VmArea spanning(Merge merge, @Nullable VmArea previous, VmArea piece, @Nullable VmArea next) {
        VmArea first = merge == Merge.RIGHT ? piece : Objects.requireNonNull(previous);
        VmArea last = merge == Merge.LEFT ? piece : Objects.requireNonNull(next);
        AnonVma anonVma = first.anonVma();
        if (anonVma == null) {
            anonVma = piece.anonVma() != null ? piece.anonVma() : last.anonVma();
        }
        long flags = piece.flags() | ((first.flags() | last.flags()) & STICKY);
        return new VmArea(first.start(), last.end(), flags, first.pageOffset(), piece.traits(), piece.name(), anonVma);
    }

    /**
     * Returns the anon_vma that a VMA of an edit gets with its first private page, determined by its two neighbours
     * ({@link #anonVmaFor(VmArea, VmArea, VmArea, int)}).
     */
    public static AnonVma anonVmaFor(Edit edit, VmArea vma) {
        return anonVmaFor(edit.endingAt(vma.start()), vma, edit.at(vma.end()), edit.geometry.pageShift());
    }

    /**
     * Returns the anon_vma that a VMA gets with its first private page ({@code find_mergeable_anon_vma}). It is the
     * anon_vma of a neighbour that the VMA would continue if it had the same rights, so that the two may merge later.
     * The next VMA is preferred to the previous one. Without such a neighbour the anon_vma is new.
     *
     * @param previous the VMA that ends where the VMA starts, or null
     * @param next the VMA that starts where the VMA ends, or null
     */
    static AnonVma anonVmaFor(@Nullable VmArea previous, VmArea vma, @Nullable VmArea next, int pageShift) {
        if (next != null && lends(next) && continues(alike(vma, next), next, pageShift)) {
            return Objects.requireNonNull(next.anonVma());
        }
        if (previous != null && lends(previous) && continues(previous, alike(vma, previous), pageShift)) {
            return Objects.requireNonNull(previous.anonVma());
        }
        return AnonVma.fresh();
    }

    private static boolean lends(VmArea neighbour) {
        AnonVma anonVma = neighbour.anonVma();
        return anonVma != null && !anonVma.isInherited();
    }

    /**
     * Returns a copy of a VMA with the rights and the name of another VMA, because VMAs that differ only in these may
     * share an anon_vma.
     */
    private static VmArea alike(VmArea vma, VmArea other) {
        long flags = (vma.flags() & ~VmaFlags.ACCESS) | (other.flags() & VmaFlags.ACCESS);
        return new VmArea(vma.start(), vma.end(), flags, vma.pageOffset(), vma.traits(), other.name(), vma.anonVma());
    }

    /* The neighbours. */

    /** Returns the VMA with which an edit may merge a piece that starts at an address, or null. */
    private static @Nullable VmArea before(Edit edit, long address) {
        VmArea before = edit.endingAt(address);
        return before == null || before.end() != address ? null : unlessInFlight(edit, before, address);
    }

    /** Returns the VMA with which an edit may merge a piece that ends at an address, or null. */
    private static @Nullable VmArea after(Edit edit, long address) {
        VmArea after = edit.at(address);
        return after == null || after.start() != address ? null : unlessInFlight(edit, after, address);
    }

    private static @Nullable VmArea unlessInFlight(Edit edit, VmArea neighbour, long address) {
        InFlightOperation other = InFlightOperation.of(neighbour);
        // The neighbour may belong to an earlier batch of this operation.
        if (other == null || other == edit.retirement) {
            return neighbour;
        }
        // Harmless if this edit is never published: the other range only tries the join.
        other.joinLater(address);
        return null;
    }

    /** Returns a VMA of a late join, or null. If it belongs to another range in flight, that range tries the join. */
    private static @Nullable VmArea unlessInFlight(@Nullable VmArea neighbour, PendingJoin join) {
        InFlightOperation other = neighbour == null ? null : InFlightOperation.of(neighbour);
        if (other == null) {
            return neighbour;
        }
        other.joinLater(join);
        return null;
    }

    /* Merges. */

    /**
     * Stores a new piece in a range that is free, or from which the VMAs were taken out. Joins the piece with its
     * neighbours if the rules permit it.
     */
    public static VmArea place(Edit edit, VmArea piece) {
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
    public static @Nullable VmArea join(Edit edit, VmArea piece, boolean alsoRight) {
        VmArea previous = before(edit, piece.start());
        VmArea next = alsoRight ? after(edit, piece.end()) : null;
        Merge merge = judge(previous, piece, next, edit.geometry.pageShift());
        VmArea into = merge == Merge.NONE ? null : spanning(merge, previous, piece, next);
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
    static void joinLate(Edit edit, PendingJoin join) {
        VmArea below = edit.endingAt(join.address());
        VmArea above = edit.at(join.address());
        VmArea left = below != null && below.end() == join.address() ? unlessInFlight(below, join) : null;
        VmArea right = above != null && above.start() == join.address() ? unlessInFlight(above, join) : null;
        VmArea whole = left == null || right == null ? null : whole(left, right, join, edit.geometry.pageShift());
        if (whole != null) {
            edit.replace(left, right, null, whole);
        }
    }

    /**
     * Returns the VMA into which two VMAs merge after the completion of the range in flight that separates them; null
     * if they stay separate.
     */
    public static @Nullable VmArea whole(VmArea left, VmArea right, PendingJoin join, int pageShift) {
        return fit(left, right, join, pageShift) ? spanning(Merge.LEFT, left, right, null) : null;
    }

    /** Returns whether two VMAs merge after the completion of the range in flight that separates them. */
    private static boolean fit(VmArea left, VmArea right, PendingJoin join, int pageShift) {
        return continues(left, right, pageShift) && (join.isSeam() || (mayVanish(left) && mayVanish(right)));
    }

    /** Returns whether the two VMAs that meet at an address will be merged after all completions. */
    static boolean willJoin(Edit edit, PendingJoin join) {
        VmArea left = edit.before(join.address());
        VmArea right = edit.at(join.address());
        return left != null && right != null && fit(left, right, join, edit.geometry.pageShift());
    }

    /* Changes of a part of a VMA. */

    /**
     * Changes the flags of a part of a VMA. Joins the part with its neighbours if the rules permit it; otherwise makes it
     * a separate VMA.
     *
     * @return the end of the VMA that now covers the part, or a negated errno if the VMA may not be split: ENOMEM for
     *     too many mappings, EINVAL for a special mapping, or the errno of a backing's refusal. The first of two splits
     *     may then remain
     */
    public static long change(Edit edit, VmArea vma, long start, long end, long flags) {
        return change(edit, vma, part(edit, vma, start, end, flags));
    }

    /**
     * Changes a part of a VMA into a piece with other flags or another name. Joins the piece with its neighbours where
     * they fit; otherwise makes it a separate VMA.
     *
     * @return as {@link #change(Edit, VmArea, long, long, long)} returns
     */
    public static long change(Edit edit, VmArea vma, VmArea piece) {
        long start = piece.start();
        long end = piece.end();
        boolean head = start == vma.start();
        boolean tail = end == vma.end();
        VmArea previous = head ? before(edit, start) : null;
        VmArea next = tail ? after(edit, end) : null;
        Merge merge = judge(previous, piece, next, edit.geometry.pageShift());
        if (merge == Merge.NONE || (head && tail && !mayVanish(vma))) {
            return cutOut(edit, vma, piece);
        }
        VmArea into = spanning(merge, previous, piece, next);
        if (!head) {
            edit.replace(vma, next, null, part(edit, vma, vma.start(), start, vma.flags()), into);
        } else if (!tail) {
            edit.replace(vma, previous, null, into, part(edit, vma, end, vma.end(), vma.flags()));
        } else {
            edit.replace(vma, merge == Merge.RIGHT ? null : previous, merge == Merge.LEFT ? null : next, into);
        }
        return into.end();
    }

    /**
     * Makes a part of a VMA a separate VMA: splits the VMA at the lower end and then at the upper end of the part. If
     * the map count or the backing does not allow the second split, the first one stays.
     */
    private static long cutOut(Edit edit, VmArea vma, VmArea piece) {
        boolean below = piece.start() != vma.start();
        if (below) {
            Errno refusal = edit.mayGrow(1) ? refusal(edit, vma, piece.start()) : Errno.ENOMEM;
            if (refusal != null) {
                return refusal.result();
            }
        }
        boolean above = piece.end() != vma.end();
        if (above) {
            Errno refusal = edit.mayGrow(below ? 2 : 1) ? refusal(edit, vma, piece.end()) : Errno.ENOMEM;
            if (refusal != null) {
                if (below) {
                    cut(edit, vma, piece.start());
                }
                return refusal.result();
            }
        }
        edit.replace(vma, null, null, piece);
        if (below) {
            edit.put(part(edit, vma, vma.start(), piece.start(), vma.flags()));
        }
        if (above) {
            edit.put(part(edit, vma, piece.end(), vma.end(), vma.flags()));
        }
        return piece.end();
    }

    /** Returns the errno with which the split of a VMA is refused, or null. */
    public static @Nullable Errno refusal(Edit edit, VmArea vma, long address) {
        if (vma.isSpecial()) {
            return Errno.EINVAL;
        }
        // A fresh VMA is not in the layout yet, so during the callback a removed VMA with the same backing is
        // referenced instead.
        VmArea known = vma.isFresh() ? OpenTransfer.relative(vma, edit.gone()) : vma;
        return edit.operation.callbacks().maySplit(vma, address, known);
    }

    /**
     * Splits a VMA in two, without a check of the map count.
     *
     * @return the upper part
     */
    static VmArea cut(Edit edit, VmArea vma, long at) {
        VmArea lower = part(edit, vma, vma.start(), at, vma.flags());
        VmArea upper = part(edit, vma, at, vma.end(), vma.flags());
        edit.replace(vma, null, null, lower, upper);
        return upper;
    }

    /** Returns a part of a VMA as a separate VMA, with the given flags. */
    public static VmArea part(Edit edit, VmArea vma, long start, long end, long flags) {
        return new VmArea(start, end, flags, offset(edit, vma, start), vma.traits(), vma.name(), vma.anonVma());
    }

    /** Returns a part of a VMA as a separate VMA, with the given name. */
    public static VmArea named(Edit edit, VmArea vma, long start, long end, @Nullable String name) {
        return new VmArea(start, end, vma.flags(), offset(edit, vma, start), vma.traits(), name, vma.anonVma());
    }

    private static long offset(Edit edit, VmArea vma, long start) {
        return vma.pageOffset() + ((start - vma.start()) >>> edit.geometry.pageShift());
    }
}
