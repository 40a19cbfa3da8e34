// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.space.InFlightOperation.PageMove;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.AnonVma;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmaFlags;
import dev.samara.maple.MapleTree;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Assigns a VMA its {@link AnonVma} after the VMA's creation: at its first private page, or from a VMA that it
 * replaces.
 */
public final class AnonVmas {
    private AnonVmas() {}

    /**
     * Sets the {@code anon_vma} of a VMA that has none ({@code anon_vma_prepare}): to the anon_vma of a neighbour with
     * which the VMA may merge later, or to a new one. Takes no lock, so it may miss a concurrent change of the
     * neighbours.
     */
    public static void prepare(Layout layout, VmArea vma) {
        if (vma.anonVma() == null) {
            VmArea next = layout.find(vma.end());
            VmArea previous = vma.start() == 0 ? null : layout.find(vma.start() - 1);
            AnonVma anonVma =
                    VmaMerge.anonVmaFor(previous, vma, next, layout.geometry().pageShift());
            vma.adoptAnonVma(anonVma);
        }
    }

    /**
     * Copies the anon_vma of each detached VMA to its successors, if the VMA received the anon_vma after the successors
     * were created.
     *
     * @param tree the tree of the district; the caller has held the district's lock since it published the successors
     * @param gone VMAs that were removed from the layout and had no anon_vma when their successors were created
     * @param moves the page moves, in ascending order of source; the anon_vma moves with the pages
     */
    static void handOn(MapleTree<VmArea> tree, List<VmArea> gone, List<PageMove> moves) {
        for (int i = 0; i < gone.size(); i++) {
            // Read after DETACHED was set, so a thread that sets the anon_vma later finds the VMA detached, and sets
            // the successor's anon_vma itself.
            AnonVma anonVma = gone.get(i).anonVma();
            if (anonVma != null) {
                VmArea from = gone.get(i);
                handOn(tree, anonVma, from, from.start(), from.end());
                for (int j = firstFrom(moves, from.start()); j < moves.size(); j++) {
                    PageMove move = moves.get(j);
                    if (!from.contains(move.from())) {
                        break;
                    }
                    handOn(tree, anonVma, from, move.to(), move.to() + move.length());
                }
            }
        }
    }

    /** Returns the index of the first move whose source is at an address or above it, or the number of moves. */
    private static int firstFrom(List<PageMove> moves, long address) {
        int low = 0;
        int high = moves.size();
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (Addresses.isBelow(moves.get(middle).from(), address)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    /**
     * Passes on an anon_vma that a VMA received after its successors were created and before it was taken out. The list
     * of VMAs taken out without an anon_vma does not contain such a VMA.
     *
     * @param gone a VMA that is taken out, or null
     * @param fresh its successors
     */
    static void handOn(@Nullable VmArea gone, VmArea[] fresh) {
        AnonVma anonVma = gone == null ? null : gone.anonVma();
        if (gone == null || anonVma == null) {
            return;
        }
        for (VmArea to : fresh) {
            if (to.anonVma() == null && overlaps(to, gone.start(), gone.end()) && isPrivateOf(gone.backing(), to)) {
                to.adoptAnonVma(anonVma);
            }
        }
    }

    private static void handOn(MapleTree<VmArea> tree, AnonVma anonVma, VmArea from, long start, long end) {
        VmArea to = tree.atOrAfter(start);
        while (to != null && Addresses.isBelow(to.start(), end)) {
            if (to.anonVma() == null && isPrivateOf(from.backing(), to)) {
                to.adoptAnonVma(anonVma);
            }
            to = tree.atOrAfter(to.end());
        }
    }

    private static boolean overlaps(VmArea vma, long start, long end) {
        return Addresses.overlap(vma.start(), vma.end(), start, end);
    }

    private static boolean isPrivateOf(@Nullable Object backing, VmArea vma) {
        return vma.backing() == backing && !vma.has(VmaFlags.SHARED);
    }
}
