// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

import dev.samara.core.vma.Vma;
import java.util.List;

/**
 * Is called for each change of an address space's layout that is published while its registration is open.
 *
 * <p>The machine's threads call it, one call at a time, some time after each publication. Changes of overlapping ranges
 * arrive in publication order; {@link Order} defines the order of other changes. No lock is held. The listener
 * may call into any address space and may block, which delays its later calls. The calls for the last changes may come
 * after the {@linkplain Registration#close close} of the registration.
 *
 * <p>When a listener has 65536 pending changes, further changes are lost until half of the pending ones are delivered.
 * The loss is reported to the machine's reporter, and appears as a gap in the {@linkplain Change#sequence
 * numbers}. A change is also lost if there is no memory to deliver it. An exception is reported, and the next change is
 * still delivered.
 */
@FunctionalInterface
public interface LayoutListener {
    /**
     * Is called after a change was published.
     *
     * @param change the change
     */
    void changed(Change change);

    /**
     * One publication of an address space that changed its VMAs.
     *
     * <p>Outside the ranges of the VMAs in {@code before} and {@code after} the layout did not change. An operation
     * that merges VMAs at its completion produces two changes.
     *
     * <p>The sequence number counts the changes of the space since its creation, in the order in which the listener
     * receives them. A listener's first number is greater than the numbers of all changes that were published before
     * the listener was added, and each later change has the next number. A skipped number is a change that the listener
     * lost. The listener finds the gap before it receives a change that was published later in an overlapping range.
     *
     * <p>A listener with {@link Order#TOTAL} receives the numbers of the publications. Two listeners with {@link
     * Order#BY_RANGE} may receive the same change under different numbers, if calls in different places ran
     * concurrently.
     *
     * @param sequence the number of this change
     * @param before the VMAs that were removed, in ascending order
     * @param after the VMAs that were added, in ascending order
     */
    record Change(long sequence, List<Vma> before, List<Vma> after) {
        /**
         * Describes a change.
         *
         * @param sequence the number of this change
         * @param before the VMAs that were removed
         * @param after the VMAs that were added
         */
        public Change {
            before = List.copyOf(before);
            after = List.copyOf(after);
        }
    }

    /** The order in which a {@link LayoutListener} receives the changes of a space. */
    enum Order {
        /**
         * Changes of overlapping ranges arrive in publication order, and the change of a call that has returned arrives
         * before the change of a call that starts later. The changes of two concurrent calls in different places may
         * arrive in another order than they were published. This is the default; operations on different ranges run
         * concurrently.
         */
        BY_RANGE,

        /**
         * All changes of the space arrive in publication order. While such a listener is registered, all operations of
         * the space contend for one lock.
         */
        TOTAL
    }
}
