// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

import dev.samara.core.vma.Vma;
import java.util.List;

/**
 * One publication of an address space that changed its VMAs.
 *
 * <p>Outside the ranges of the VMAs in {@code before} and {@code after} the layout did not change. An operation that
 * merges VMAs at its completion produces two changes.
 *
 * <p>The sequence number counts the changes of the space since its creation, in the order in which the listener
 * receives them. A listener's first number is greater than the numbers of all changes that were published before the
 * listener was added, and each later change has the next number. A skipped number is a change that the listener lost.
 * The listener finds the gap before it receives a change that was published later in an overlapping range.
 *
 * <p>A listener with {@link ChangeOrder#TOTAL} receives the numbers of the publications. Two listeners with {@link
 * ChangeOrder#BY_RANGE} may receive the same change under different numbers, if calls in different places ran
 * concurrently.
 *
 * @param sequence the number of this change
 * @param before the VMAs that were removed, in ascending order
 * @param after the VMAs that were added, in ascending order
 */
public record LayoutChange(long sequence, List<Vma> before, List<Vma> after) {
    /**
     * Describes a change.
     *
     * @param sequence the number of this change
     * @param before the VMAs that were removed
     * @param after the VMAs that were added
     */
    public LayoutChange {
        before = List.copyOf(before);
        after = List.copyOf(after);
    }
}
