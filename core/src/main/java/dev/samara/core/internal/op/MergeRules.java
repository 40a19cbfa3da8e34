// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.space.InFlightOperation.PendingJoin;
import dev.samara.core.internal.vma.AnonVma;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmaFlags;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The rules by which VMAs are merged ({@code mm/vma.c}). {@link VmaMerge} applies them.
 *
 * <p>A neighbour can be merged with a piece if all {@link Condition}s hold between the two. {@link Merge} combines the
 * results of the two neighbours.
 */
public final class MergeRules {
    /** A condition that must hold if {@code right} is to continue {@code left}. */
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
        /** Both have the same open, not only the same file. */
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
    enum Merge {
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
     * Returns whether the anon_vmas are equal, or one is null and the other is not inherited by fork. So a child's
     * inherited anon_vma is not passed on to a VMA that has none.
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

    /** Returns whether a merge may remove a VMA, i.e. whether its backing does not count mappings. */
    static boolean mayVanish(VmArea vma) {
        BackingTraits traits = vma.traits();
        return traits == null || !traits.countsMappings();
    }

    /** Returns the neighbours with which a piece is joined. */
    static Merge judge(@Nullable VmArea previous, VmArea piece, @Nullable VmArea next, int pageShift) {
        Merge merge = Merge.of(
                continues(previous, piece, pageShift), continues(piece, next, pageShift), fitEachOther(previous, next));
        return merge == Merge.BOTH && !mayVanish(Objects.requireNonNull(next)) ? Merge.LEFT : merge;
    }

    /**
     * Returns the anon_vma that a VMA gets with its first private page ({@code find_mergeable_anon_vma}). It is the
     * anon_vma of a neighbour that the VMA would continue if it had the same rights, so that the two may merge later.
     * The next VMA is preferred to the previous one. Without such a neighbour the anon_vma is new.
     *
     * @param previous the VMA that ends where the VMA starts, or null
     * @param next the VMA that starts where the VMA ends, or null
     */
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

    /**
     * Returns a copy of a VMA with the rights and the name of another VMA, because VMAs that differ only in these may
     * share an anon_vma.
     */
    private static VmArea alike(VmArea vma, VmArea other) {
        long flags = (vma.flags() & ~VmaFlags.ACCESS) | (other.flags() & VmaFlags.ACCESS);
        return new VmArea(vma.start(), vma.end(), flags, vma.pageOffset(), vma.traits(), other.name(), vma.anonVma());
    }

    /**
     * Returns the VMA into which two VMAs merge after the completion of the range in flight that separates them; null
     * if they stay separate.
     */
    public static @Nullable VmArea whole(VmArea left, VmArea right, PendingJoin join, int pageShift) {
        return fit(left, right, join, pageShift) ? spanning(Merge.LEFT, left, right, null) : null;
    }

    /** Returns whether two VMAs merge after the completion of the range in flight that separates them. */
    static boolean fit(VmArea left, VmArea right, PendingJoin join, int pageShift) {
        return continues(left, right, pageShift) && (join.isSeam() || (mayVanish(left) && mayVanish(right)));
    }

    /** Returns the VMA into which a piece and the neighbours of a merge are joined. */
    static VmArea spanning(Merge merge, @Nullable VmArea previous, VmArea piece, @Nullable VmArea next) {
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
