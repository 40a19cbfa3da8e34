// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.pagewalk;

import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Pte;

/**
 * Chooses the pages that droppable memory may lose ({@code try_to_unmap_one} for {@code VM_DROPPABLE}): present pages
 * that no other mapping uses, and that are not pinned.
 */
public class DroppedPages implements DiscardPages.Choice {
    private final Frames frames;
    private int count;

    public DroppedPages(Frames frames) {
        this.frames = frames;
    }

    /** Returns the number of pages that were chosen and not spared. */
    public int count() {
        return count;
    }

    @Override
    public boolean takes(long pte, long address) {
        return Pte.has(pte, Pte.PRESENT | Pte.OWN | Pte.EXCLUSIVE);
    }

    /** Subclasses name further reasons in {@link #mustStay}. */
    @Override
    public final boolean spares(long pte) {
        // A volatile read, after the compare-and-set of the claim. Pairs with GuestPins, which pins and then reads the
        // entry: either this thread sees the pin, or GuestPins sees the busy entry.
        boolean isSpared = frames.isPinned(Pte.frame(pte)) || mustStay();
        count += isSpared ? 0 : 1;
        return isSpared;
    }

    /** Returns whether a claimed page is kept although it is not pinned. */
    protected boolean mustStay() {
        return false;
    }
}
