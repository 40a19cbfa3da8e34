// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.op.BackingQuestions.OpenTransfer;
import dev.samara.core.internal.space.District.EditLists;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.InFlightOperation.PendingJoin;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.LayoutCounters;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.internal.vma.VmArea.AnonVma;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.VmaFlags;
import dev.samara.maple.Cursor;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Changes the VMAs of an edit as {@code mm/vma.c} does.
 *
 * <ol>
 *   <li>A merge ({@code vma_merge}, {@code vma_modify}) is tried only by the operation that creates or changes a piece,
 *       and only at the two ends of that piece. A neighbour can be merged with a piece if {@link #continues} holds
 *       between the two; {@link Merge} combines the results of the two neighbours. A merge may remove a VMA only if its
 *       backing does not count mappings.
 *   <li>A neighbour in flight is not a candidate, because only its own operation may change it. The completion of that
 *       operation tries the merge instead ({@link #joinLate}).
 *   <li>A piece that is not merged is cut out of its VMA ({@code __split_vma}). The map count, a special mapping, or a
 *       backing may refuse the split.
 *   <li>The VMAs of a range that is unmapped, replaced or moved are split at the range's ends, refused if one is
 *       sealed, gathered, and removed with one store ({@code vms_gather_munmap_vmas}).
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
        BOTH
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
    private static boolean haveSameFlags(VmArea one, VmArea other) {
        return ((one.flags() ^ other.flags()) & ~STICKY) == 0;
    }

    /**
     * Returns whether the anon_vmas are equal, or one is null and the other is not inherited by fork. So a child's
     * inherited anon_vma is not passed on to a VMA that has none.
     */
    static boolean mayShare(@Nullable AnonVma one, @Nullable AnonVma other) {
        if (one == null) {
            return other == null || !other.inherited;
        }
        return one == other || (other == null && !one.inherited);
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
        BackingTraits traits = vma.traits;
        return traits == null || !traits.countsMappings();
    }

    /** Returns the neighbours with which a piece is joined. */
    private static Merge judge(@Nullable VmArea previous, VmArea piece, @Nullable VmArea next, int pageShift) {
        if (continues(previous, piece, pageShift)) {
            boolean both = continues(piece, next, pageShift)
                    && fitEachOther(previous, next)
                    && mayVanish(Objects.requireNonNull(next));
            return both ? Merge.BOTH : Merge.LEFT;
        }
        return continues(piece, next, pageShift) ? Merge.RIGHT : Merge.NONE;
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
        return new VmArea(first.start(), last.end(), flags, first.pageOffset(), piece.traits, piece.name(), anonVma);
    }

    /**
     * Sets the {@code anon_vma} of a VMA that has none ({@code anon_vma_prepare}): to the anon_vma of a neighbour with
     * which the VMA may merge later, or to a new one. Takes no lock, so it may miss a concurrent change of the
     * neighbours.
     */
    public static void prepareAnonVma(Layout layout, VmArea vma) {
        if (vma.anonVma() == null) {
            VmArea next = layout.find(vma.end());
            VmArea previous = vma.start() == 0 ? null : layout.find(vma.start() - 1);
            vma.adoptAnonVma(anonVmaFor(previous, vma, next, layout.geometry.pageShift()));
        }
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
    private static AnonVma anonVmaFor(@Nullable VmArea previous, VmArea vma, @Nullable VmArea next, int pageShift) {
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
        return anonVma != null && !anonVma.inherited;
    }

    /**
     * Returns a copy of a VMA with the rights and the name of another VMA, because VMAs that differ only in these may
     * share an anon_vma.
     */
    private static VmArea alike(VmArea vma, VmArea other) {
        long flags = (vma.flags() & ~VmaFlags.ACCESS) | (other.flags() & VmaFlags.ACCESS);
        return new VmArea(vma.start(), vma.end(), flags, vma.pageOffset(), vma.traits, other.name(), vma.anonVma());
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
        other.joinLater(new PendingJoin(address, false));
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
     * Changes the flags of a part of a VMA. Joins the part with its neighbours if the rules permit it; otherwise makes
     * it a separate VMA.
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
        VmArea known = vma.isFresh() ? OpenTransfer.relative(vma, edit.lists.gone) : vma;
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
        return new VmArea(start, end, flags, offset(edit, vma, start), vma.traits, vma.name(), vma.anonVma());
    }

    /** Returns a part of a VMA as a separate VMA, with the given name. */
    public static VmArea named(Edit edit, VmArea vma, long start, long end, @Nullable String name) {
        return new VmArea(start, end, vma.flags(), offset(edit, vma, start), vma.traits, name, vma.anonVma());
    }

    private static long offset(Edit edit, VmArea vma, long start) {
        return vma.pageOffset() + ((start - vma.start()) >>> edit.geometry.pageShift());
    }

    /* Unmapping. */

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
            Errno refusal = refusal(edit, first, start);
            if (refusal != null) {
                return refusal.result();
            }
            first = cut(edit, first, start);
        }
        if (edit.counters.sealed != 0 && hasSealed(edit, start, end)) {
            return Errno.EPERM.result();
        }
        VmArea last = Addresses.isBelow(first.end(), end) ? edit.at(end - 1) : first;
        if (last != null && Addresses.isAbove(last.end(), end)) {
            Errno refusal = refusal(edit, last, end);
            if (refusal != null) {
                return refusal.result();
            }
            cut(edit, last, end);
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
        edit.lists.clearGathered();
        if (first == null) {
            return;
        }
        List<VmArea> vmas = edit.lists.gathered;
        LayoutCounters sum = edit.lists.gatheredCounters;
        edit.operation.requireContext();
        Cursor<VmArea> cursor = cursorFrom(edit, first, end);
        for (VmArea vma = first; vma != null; vma = next(cursor, end)) {
            vmas.add(vma);
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
     * Uses the bounds of the cursor, so that the VMA itself is not read here.
     */
    private static @Nullable VmArea next(@Nullable Cursor<VmArea> cursor, long end) {
        VmArea vma = cursor == null ? null : cursor.next();
        return vma != null && Addresses.isBelow(Objects.requireNonNull(cursor).first(), end) ? vma : null;
    }

    /** Takes out the VMAs of the last {@link #cutAndGather}. No VMA may have been stored since. */
    public static void displace(Edit edit) {
        EditLists lists = edit.lists;
        List<VmArea> gathered = lists.gathered;
        if (gathered.isEmpty()) {
            return;
        }
        LayoutCounters sum = lists.gatheredCounters;
        edit.counters.addAll(sum, -1);
        boolean areAllOld = lists.fresh.isEmpty();
        for (int i = 0; i < gathered.size(); i++) {
            VmArea vma = gathered.get(i);
            if (areAllOld) {
                lists.gone.add(vma);
            } else {
                lists.takeOut(vma);
            }
        }
        if (sum.opens != 0) {
            for (int i = 0; i < gathered.size(); i++) {
                VmArea vma = gathered.get(i);
                edit.countObject(vma, -1);
                if (vma.open() != null) {
                    lists.displaced.add(vma);
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

    /** Splits the VMA that crosses an address, if there is one, without a check of the map count or the backing. */
    static void cutAt(Edit edit, long address) {
        VmArea vma = edit.at(address);
        if (vma != null && vma.start() != address) {
            cut(edit, vma, address);
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
        List<VmArea> gathered = edit.lists.gathered;
        if (gathered.isEmpty()) {
            return;
        }
        RetirementRun mine = edit.retirement();
        if (!isMoved) {
            mine.countUnmapped(edit.lists.gatheredCounters);
        } else {
            for (int i = 0; i < gathered.size(); i++) {
                VmArea vma = gathered.get(i);
                if (edit.mayHandOn(vma)) {
                    // Added even if the VMA has an anon_vma, which may have been set after the new VMA was created.
                    edit.lists.withoutAnonVma.add(vma);
                }
            }
        }
        displace(edit);
        edit.reserve(gathered.get(0).start(), gathered.get(gathered.size() - 1).end());
    }
}
