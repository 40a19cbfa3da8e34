// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.sync.Ranges;
import dev.samara.core.internal.vma.VmArea;
import java.util.List;

/**
 * The seams of a layout: addresses at which two mergeable VMAs stay separate only because of an operation in flight.
 * The operation splits the VMA there before it publishes, and merges the halves at completion ({@link
 * VmaMerge#joinLate}).
 */
final class InFlightSeams {
    private final EditedLayout edit;
    private final InFlightOperation range;

    /**
     * The position, among the VMAs taken out, after the VMA that was put back last. The next VMA to be put back is
     * usually near it.
     */
    private int near;

    private InFlightSeams(EditedLayout edit, InFlightOperation range) {
        this.edit = edit;
        this.range = range;
    }

    /**
     * Cuts the VMAs that cross an end of the edit's range in flight, so that the operation does not own the parts
     * outside.
     */
    static void cut(EditedLayout edit, InFlightOperation range) {
        new InFlightSeams(edit, range).cut();
        edit.lists.forgetPutBack();
    }

    private void cut() {
        Ranges occupied = range.occupied();
        // Starts after the ranges of earlier batches, whose VMAs are already split.
        int first = occupied.sealed();
        for (int i = first; i < occupied.size(); i++) {
            if (i > first || !continues(occupied.start(i))) {
                cut(occupied.start(i), false);
            }
            cut(occupied.end(i), true);
        }
    }

    /** Returns whether an earlier batch of the operation occupies the range that ends at an address. */
    private boolean continues(long address) {
        return range.isBatched() && range.occupies(address - 1);
    }

    private void cut(long address, boolean upperIsOutside) {
        VmArea whole = edit.at(address);
        if (whole == null || whole.start() == address) {
            return;
        }
        int pageShift = edit.geometry.pageShift();
        VmArea lower = VmaCut.part(whole, whole.start(), address, whole.flags(), pageShift);
        VmArea upper = VmaCut.part(whole, address, whole.end(), whole.flags(), pageShift);
        if (upperIsOutside) {
            upper = asBefore(upper);
        } else {
            lower = asBefore(lower);
        }
        edit.replace(whole, null, null, lower, upper);
        range.addSeam(address);
    }

    /**
     * If the edit took out an equal VMA only because it joined that VMA with a VMA in flight, returns the VMA that was
     * taken out; otherwise returns the given VMA.
     */
    private VmArea asBefore(VmArea outside) {
        if (range.occupied().overlap(outside.start(), outside.end())) {
            // Two ranges of this operation meet here, so this VMA also needs the gate.
            return outside;
        }
        List<VmArea> gone = edit.gone;
        for (int i = 0; i < gone.size(); i++) {
            int position = near + i < gone.size() ? near + i : near + i - gone.size();
            VmArea vma = gone.get(position);
            if (vma.start() == outside.start()
                    && vma.end() == outside.end()
                    && vma.backing() == outside.backing()
                    && vma.pageOffset() == outside.pageOffset()
                    && MergeRules.haveSameFlags(vma, outside)) {
                near = position + 1;
                return vma;
            }
        }
        return outside;
    }
}
