// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.vma.Vma;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The event of a change for one listener, made before the change is published. It has no number yet, since changes of
 * other parts may be queued before it.
 */
public final class PreparedChange {
    final ChangeDelivery delivery;
    final List<Vma> before;
    final List<Vma> after;

    /** The event of this change for another listener. Of the publishing thread. */
    @Nullable
    PreparedChange next;

    /** The number of changes that the listener had lost before this one. Written before it is queued. */
    long lost;

    /**
     * Creates an event.
     *
     * @param before an unmodifiable list, ascending
     * @param after an unmodifiable list, ascending
     */
    PreparedChange(ChangeDelivery delivery, List<Vma> before, List<Vma> after, @Nullable PreparedChange next) {
        this.delivery = delivery;
        this.before = before;
        this.after = after;
        this.next = next;
    }
}
