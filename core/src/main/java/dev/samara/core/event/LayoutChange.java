// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

import dev.samara.core.vma.Vma;
import java.util.List;

/**
 * One publication of an address space that changed its VMAs.
 *
 * <p>Outside the ranges of these VMAs the layout did not change. An operation that joins VMAs at its completion makes
 * two changes.
 *
 * @param sequence the number of this publication; the next one of the same space has the next number
 * @param before the VMAs that were removed, in ascending order
 * @param after the VMAs that were added, in ascending order
 */
public record LayoutChange(long sequence, List<Vma> before, List<Vma> after) {
    /**
     * Describes a change.
     *
     * @param sequence the number of this publication
     * @param before the VMAs that were removed
     * @param after the VMAs that were added
     */
    public LayoutChange {
        before = List.copyOf(before);
        after = List.copyOf(after);
    }
}
