// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.Backing;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The VMAs that an edit removes. Where possible, a new VMA takes over the open of one of them, which spares the backing
 * a close and an open. Each search takes logarithmic time, because an edit may replace every VMA of a space.
 */
final class OpenDonors {
    /** A VMA, its position among the VMAs that were taken out, and whether its open was taken over. */
    private static final class Candidate {
        final VmArea vma;
        final int position;
        boolean isTaken;

        Candidate(VmArea vma, int position) {
            this.vma = vma;
            this.position = position;
        }
    }

    /** Up to this number, the VMAs are searched for a backing one by one. */
    private static final int FEW = 8;

    private final List<VmArea> gone;

    /** Ascending by address. The VMAs do not overlap, since all were in the same layout. */
    private final List<Candidate> candidates;

    /**
     * For each backing, the VMA that was taken out first; null until the first search among more than {@link #FEW}
     * VMAs.
     */
    private @Nullable IdentityHashMap<@Nullable Backing, VmArea> firstOf;

    /**
     * Lists the VMAs that new VMAs continue.
     *
     * @param gone the VMAs that the edit takes out
     * @param displaced the VMAs among them that no new VMA continues
     */
    OpenDonors(List<VmArea> gone, List<VmArea> displaced) {
        this.gone = gone;
        Set<VmArea> without = Collections.newSetFromMap(new IdentityHashMap<>());
        without.addAll(displaced);
        candidates = new ArrayList<>(gone.size());
        for (int i = 0; i < gone.size(); i++) {
            if (!without.contains(gone.get(i))) {
                candidates.add(new Candidate(gone.get(i), i));
            }
        }
        candidates.sort(Comparator.comparing(candidate -> candidate.vma.start(), Long::compareUnsigned));
    }

    /**
     * Returns the VMA whose open a new VMA takes over, and marks it as taken: of the VMAs that overlap the new VMA and
     * have its backing, the one that was taken out first. Returns null if there is none.
     */
    @Nullable
    VmArea takeFor(VmArea fresh) {
        Candidate first = null;
        for (int i = firstEndingAbove(fresh.start()); i < candidates.size(); i++) {
            Candidate candidate = candidates.get(i);
            if (!Addresses.isBelow(candidate.vma.start(), fresh.end())) {
                break;
            }
            boolean fits = !candidate.isTaken && candidate.vma.backing() == fresh.backing();
            if (fits && (first == null || candidate.position < first.position)) {
                first = candidate;
            }
        }
        if (first == null) {
            return null;
        }
        first.isTaken = true;
        return first.vma;
    }

    /** Of the VMAs that were taken out and have the backing of a new VMA, returns the first one, or null. */
    @Nullable
    VmArea relativeOf(VmArea fresh) {
        if (gone.size() <= FEW) {
            return relative(fresh, gone);
        }
        if (firstOf == null) {
            IdentityHashMap<@Nullable Backing, VmArea> first = new IdentityHashMap<>();
            for (int i = 0; i < gone.size(); i++) {
                first.putIfAbsent(gone.get(i).backing(), gone.get(i));
            }
            firstOf = first;
        }
        return firstOf.get(fresh.backing());
    }

    /** Returns a VMA of a list that has the backing of another VMA, or null. */
    static @Nullable VmArea relative(VmArea vma, List<VmArea> others) {
        for (VmArea other : others) {
            if (other.backing() == vma.backing()) {
                return other;
            }
        }
        return null;
    }

    private int firstEndingAbove(long address) {
        int low = 0;
        int high = candidates.size();
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (Addresses.isAbove(candidates.get(middle).vma.end(), address)) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }
}
