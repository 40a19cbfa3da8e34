// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import java.lang.invoke.VarHandle;

/**
 * Pins frames whose bytes are needed outside of GUEST ({@code pin_user_pages}). A pinned frame is not freed before the
 * pin ends, even if the mapping goes. For one thread.
 */
final class GuestPins {
    private final TranslatedMemory memory;
    private final Frames frames;
    private final PageTableContext worker;

    GuestPins(TranslatedMemory memory, Frames frames, PageTableContext worker) {
        this.memory = memory;
        this.frames = frames;
        this.worker = worker;
    }

    /**
     * Pins the frame of a page. May fault, and wait like a fault.
     *
     * @param address an address of the page
     * @param writes whether the page is to be written
     * @return the frame, or the negated {@link Fault}
     */
    int pin(long address, boolean writes) {
        boolean entered = memory.enter();
        try {
            for (; ; ) {
                // By the entry and not by the TLB: the entry is compared after the pin.
                long physical = memory.find(address, writes ? Protection.WRITE : Protection.READ);
                if (physical < 0) {
                    return (int) physical;
                }
                int frame = memory.frameOf(physical);
                if (frame == Frames.ZERO) {
                    // The zero page is not counted and never freed.
                    return frame;
                }
                // The frame is not freed before this CPU acknowledges, so the pin comes in time.
                if (!frames.pin(frame)) {
                    return -Fault.OUT_OF_MEMORY;
                }
                // Orders the pin before the read of the entry. Pairs with a fork, which clears rights and then reads
                // the pins.
                VarHandle.fullFence();
                long again = memory.walk(address, writes ? Pte.WRITE : Pte.READ);
                if (again >= 0 && memory.frameOf(again) == frame) {
                    if (writes) {
                        frames.setDirty(frame);
                    }
                    return frame;
                }
                frames.unpin(frame, worker.magazine());
            }
        } finally {
            memory.leave(entered);
        }
    }

    /**
     * Ends a pin.
     *
     * @param frame a pinned frame
     * @param written whether it was written
     */
    void unpin(int frame, boolean written) {
        if (frame == Frames.ZERO) {
            return;
        }
        if (written && frames.isPinned(frame)) {
            frames.setDirty(frame);
        }
        frames.unpin(frame, worker.magazine());
    }
}
