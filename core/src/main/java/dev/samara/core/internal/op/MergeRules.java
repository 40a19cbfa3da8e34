// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.space.PendingJoin;
import dev.samara.core.internal.vma.AnonVma;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmaFlags;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The rules by which VMAs are joined ({@code mm/vma.c}). {@link VmaCut} cuts them.
 *
 * <p>A merge is tried only by the operation that creates or changes a piece, and only at the two ends of that piece.
 * The table of {@link Condition}s decides for each end; all of them must hold between the neighbour and the piece. The
 * table of {@link Merge}s combines the two decisions.
 */
public final class MergeRules {
    /** A condition for {@code right} to continue {@code left}, which ends at the start of {@code right}. */
    private enum Condition {
        ADJACENT {
            @Override
            boolean holds(VmArea left, VmArea right, int pageShift) {
                return left.end() == right.start();
            }
        },
        /** All flags, including the MAY flags, except the sticky ones. */
        SAME_FLAGS {
            @Override
            boolean holds(VmArea left, VmArea right, int pageShift) {
                return haveSameFlags(left, right);
            }
        },
        /** A special mapping is never joined. */
        NOT_SPECIAL {
            @Override
            boolean holds(VmArea left, VmArea right, int pageShift) {
                return !left.hasAny(VmaFlags.SPECIAL) && !right.hasAny(VmaFlags.SPECIAL);
            }
        },
        /** Both have one open, not only one file. */
        SAME_BACKING {
            @Override
            boolean holds(VmArea left, VmArea right, int pageShift) {
                return left.backing() == right.backing();
            }
        },
        SAME_NAME {
            @Override
            boolean holds(VmArea left, VmArea right, int pageShift) {
                return Objects.equals(left.name(), right.name());
            }
        },
        OFFSET_CONTINUES {
            @Override
            boolean holds(VmArea left, VmArea right, int pageShift) {
                return left.pageOffset() + (left.length() >>> pageShift) == right.pageOffset();
            }
        },
        ANON_VMA_COMPATIBLE {
            @Override
            boolean holds(VmArea left, VmArea right, int pageShift) {
                return mayShare(left.anonVma(), right.anonVma());
            }
        };

        abstract boolean holds(VmArea left, VmArea right, int pageShift);
    }

    private static final Condition[] CONDITIONS = Condition.values();

    private static final long STICKY = VmaFlags.MAYBE_GUARD;

    /** The neighbours with which a piece is joined. */
    private enum Merge {
        NONE,
        LEFT,
        RIGHT,
        BOTH;

        /** Indexed by: left neighbour fits (4), right neighbour fits (2), the two neighbours fit each other (1). */
        private static final Merge[] TABLE = {NONE, NONE, RIGHT, RIGHT, LEFT, LEFT, LEFT, BOTH};

        static Merge of(boolean left, boolean right, boolean eachOther) {
            return TABLE[(left ? 4 : 0) + (right ? 2 : 0) + (eachOther ? 1 : 0)];
        }
    }

    private MergeRules() {}

    /**
     * Returns whether the anon_vmas are equal, or only one is null and the other is not inherited by fork: a child's
     * is not lent.
     */
    private static boolean mayShare(@Nullable AnonVma one, @Nullable AnonVma other) {
        if (one == null) {
            return other == null || !other.isInherited();
        }
        return one == other || (other == null && !one.isInherited());
    }

    /** Returns whether the flags of two VMAs allow a merge. */
    static boolean haveSameFlags(VmArea one, VmArea other) {
        return ((one.flags() ^ other.flags()) & ~STICKY) == 0;
    }

    /** Two neighbours that both fit a piece without anon_vma may still have different anon_vmas. */
    private static boolean fitEachOther(@Nullable VmArea left, @Nullable VmArea right) {
        return left == null
                || right == null
                || left.anonVma() == null
                || right.anonVma() == null
                || left.anonVma() == right.anonVma();
    }

    private static boolean continues(@Nullable VmArea left, @Nullable VmArea right, int pageShift) {
        if (left == null || right == null) {
            return false;
        }
        for (Condition condition : CONDITIONS) {
            if (!condition.holds(left, right, pageShift)) {
                return false;
            }
        }
        return true;
    }

    /** Returns whether a merge may remove a VMA: its backing does not count mappings. */
    private static boolean mayVanish(VmArea vma) {
        BackingTraits traits = vma.traits();
        return traits == null || !traits.countsMappings();
    }

    /** Returns the neighbours with which a piece is joined. */
    private static Merge judge(@Nullable VmArea previous, VmArea piece, @Nullable VmArea next, int pageShift) {
        Merge merge = Merge.of(
                continues(previous, piece, pageShift), continues(piece, next, pageShift), fitEachOther(previous, next));
        return merge == Merge.BOTH && !mayVanish(Objects.requireNonNull(next)) ? Merge.LEFT : merge;
    }

    /**
     * Returns the anon_vma that a VMA gets with its first page of its own ({@code find_mergeable_anon_vma}). It is the
     * anon_vma of a neighbour that the VMA would continue if it had the same rights, so that the two may merge later.
     * The next VMA is preferred to the previous one. Without such a neighbour the anon_vma is new.
     */
    public static AnonVma anonVmaFor(Edit edit, VmArea vma) {
        return anonVmaFor(edit.endingAt(vma.start()), vma, edit.at(vma.end()), edit.geometry.pageShift());
    }

    /** Returns the anon_vma that a VMA gets with its first page of its own, given the VMA on each side or null. */
    public static AnonVma anonVmaFor(@Nullable VmArea previous, VmArea vma, @Nullable VmArea next, int pageShift) {
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

    /** Returns a VMA with the rights and the name of another, which do not matter for a shared anon_vma. */
    private static VmArea alike(VmArea vma, VmArea other) {
        long flags = (vma.flags() & ~VmaFlags.ACCESS) | (other.flags() & VmaFlags.ACCESS);
        return new VmArea(vma.start(), vma.end(), flags, vma.pageOffset(), vma.traits(), other.name(), vma.anonVma());
    }

    /** Stores a new piece over a range that is free or taken out, joined with its neighbours where they fit. */
    public static VmArea place(Edit edit, VmArea piece) {
        VmArea joined = join(edit, piece, true);
        if (joined != null) {
            return joined;
        }
        edit.put(piece);
        return piece;
    }

    /**
     * Extends the previous VMA over a new piece or, if {@code alsoRight}, joins the piece with both neighbours or the
     * next.
     */
    public static @Nullable VmArea join(Edit edit, VmArea piece, boolean alsoRight) {
        VmArea previous = Neighbours.before(edit, piece.start());
        VmArea next = alsoRight ? Neighbours.after(edit, piece.end()) : null;
        Merge merge = judge(previous, piece, next, edit.geometry.pageShift());
        VmArea into = merge == Merge.NONE ? null : spanning(merge, previous, piece, next);
        if (into != null) {
            edit.replace(merge == Merge.RIGHT ? null : previous, merge == Merge.LEFT ? null : next, null, into);
        }
        return into;
    }

    /**
     * Joins, at a completion, the two VMAs that meet at an address, if they fit and neither is in another range in
     * flight. Otherwise that range tries the join later. If only the range in flight separated the VMAs, one may be
     * removed in any case.
     */
    static void joinLate(Edit edit, PendingJoin join) {
        VmArea left = Neighbours.before(edit, join);
        VmArea right = Neighbours.after(edit, join);
        VmArea whole = left == null || right == null ? null : whole(left, right, join, edit.geometry.pageShift());
        if (whole != null) {
            edit.replace(left, right, null, whole);
        }
    }

    /** Returns whether the two VMAs that meet at an address will be one after all completions. */
    static boolean willJoin(Edit edit, PendingJoin join) {
        VmArea left = edit.before(join.address());
        VmArea right = edit.at(join.address());
        return left != null && right != null && fit(left, right, join, edit.geometry.pageShift());
    }

    /**
     * Returns the VMA into which two VMAs merge after the completion of the range in flight that separates them; null
     * if they stay two.
     */
    public static @Nullable VmArea whole(VmArea left, VmArea right, PendingJoin join, int pageShift) {
        return fit(left, right, join, pageShift) ? spanning(Merge.LEFT, left, right, null) : null;
    }

    private static boolean fit(VmArea left, VmArea right, PendingJoin join, int pageShift) {
        return continues(left, right, pageShift) && (join.isSeam() || (mayVanish(left) && mayVanish(right)));
    }

    /**
     * Changes the flags of a part of a VMA. Joins the part with its neighbours where they fit, otherwise cuts it out.
     *
     * @return the end of the VMA that covers the part now, or a negated errno if the part may not be cut out: ENOMEM
     *     for too many mappings, EINVAL for a special mapping, or the errno of a backing's refusal. A first cut may
     *     remain
     */
    public static long change(Edit edit, VmArea vma, long start, long end, long flags) {
        return change(edit, vma, VmaCut.part(vma, start, end, flags, edit.geometry.pageShift()));
    }

    /**
     * Changes a part of a VMA into a piece with other flags or another name. Joins the piece with its neighbours where
     * they fit, otherwise cuts it out.
     *
     * @return as the form with flags
     */
    public static long change(Edit edit, VmArea vma, VmArea piece) {
        int pageShift = edit.geometry.pageShift();
        long start = piece.start();
        long end = piece.end();
        boolean head = start == vma.start();
        boolean tail = end == vma.end();
        VmArea previous = head ? Neighbours.before(edit, start) : null;
        VmArea next = tail ? Neighbours.after(edit, end) : null;
        Merge merge = judge(previous, piece, next, pageShift);
        if (head && tail && !mayVanish(vma)) {
            merge = Merge.NONE;
        }
        if (merge == Merge.NONE) {
            return VmaCut.out(edit, vma, piece);
        }
        VmArea into = spanning(merge, previous, piece, next);
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
}
