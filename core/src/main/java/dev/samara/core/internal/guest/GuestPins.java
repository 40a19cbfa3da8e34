// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.internal.page.Pte;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * Pins frames whose bytes are needed outside of GUEST ({@code pin_user_pages}). A pinned frame is not freed before the
 * pin is released, even if the mapping is removed. Not thread-safe.
 */
final class GuestPins {
    /** Why the last pin failed. */
    private int fault;

    /**
     * Pins the frame of a page. May fault, and wait like a fault.
     *
     * @param memory of the CPU's space
     * @param address an address of the page
     * @param writes whether the page is to be written
     * @return the pin; null if there is none, in which case {@link #fault} returns the reason
     */
    @Nullable
    FramePin pin(TranslatedMemory memory, long address, boolean writes) {
        boolean entered = memory.enter();
        try {
            for (; ; ) {
                // Translates through the entry and not the TLB, because the entry is compared after the pin.
                long physical = memory.walkOrFault(address, writes ? Protection.WRITE : Protection.READ);
                if (physical < 0) {
                    fault = (int) -physical;
                    return null;
                }
                // Created before the frame is pinned, because there may be no memory for the object.
                FramePin pin = new FramePin(
                        memory.frames(), memory.frameOf(physical), writes, memory.tracker(), memory.endsRuns());
                // The frame is not freed before this CPU acknowledges, so the pin is in time.
                if (!pin.take()) {
                    fault = Fault.OUT_OF_MEMORY;
                    return null;
                }
                if (isKept(memory, pin, address, memory.frameOf(physical), writes)) {
                    return pin;
                }
            }
        } finally {
            memory.leave(entered);
        }
    }

    /** Returns whether a page still has the frame that was just pinned. If not, releases the pin. */
    private static boolean isKept(TranslatedMemory memory, FramePin pin, long address, int frame, boolean writes) {
        boolean isKept = false;
        try {
            // Orders the pin before the read of the entry. Pairs with CopyPageTables, which clears rights and then
            // reads the pins, and with DroppedPages, which claims the entry and then reads the pins. The mark that is
            // set next pairs with Frames.clearDirty, which reads the pins and clears the mark in one compare-and-set.
            VarHandle.fullFence();
            long again = memory.walk(address, writes ? Pte.WRITE : Pte.READ);
            if (again >= 0 && memory.frameOf(again) == frame) {
                if (writes) {
                    // The mark stays until the frame is free, so the release of the pin need not set it again.
                    memory.frames().setDirty(frame);
                }
                pin.track();
                isKept = true;
            }
            return isKept;
        } finally {
            if (!isKept) {
                pin.giveUp();
            }
        }
    }

    /** Returns why the last pin failed, as a {@link Fault}. */
    int fault() {
        return fault;
    }
}
