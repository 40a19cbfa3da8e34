// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import java.lang.invoke.VarHandle;

/**
 * Frames that are kept for who needs their bytes outside of GUEST ({@code pin_user_pages}): not free before the pin
 * ends, whatever becomes of the mapping. For one thread.
 */
public final class GuestPins {
    private final GuestMemory memory;
    private final Frames frames;
    private final PageTableContext worker;

    GuestPins(GuestMemory memory, Frames frames, PageTableContext worker) {
        this.memory = memory;
        this.frames = frames;
        this.worker = worker;
    }

    /**
     * Pins the frame of a page.
     *
     * @param address an address of the page
     * @param writes whether it is to be written
     * @return the frame; or the negated {@link Fault}
     */
    public int pin(long address, boolean writes) {
        boolean entered = memory.enter();
        try {
            for (; ; ) {
                // By the entry and not by the TLB: it is compared after the pin.
                long handle = memory.find(address, writes ? Protection.WRITE : Protection.READ);
                if (handle < 0) {
                    return (int) handle;
                }
                int frame = memory.frameAt(handle);
                if (frame == Frames.ZERO) {
                    // Nobody counts it, and it is never free.
                    return frame;
                }
                // Not free before this CPU acknowledges, so the pin comes in time.
                if (!frames.pin(frame)) {
                    return -memory.fail(Fault.OOM, address);
                }
                // Between the pin and the look at the entry. Pairs with a fork, which clears rights and then
                // looks for pins.
                VarHandle.fullFence();
                long again = memory.walk(address, writes ? Pte.WRITE : Pte.READ);
                if (again >= 0 && memory.frameAt(again) == frame) {
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
    public void unpin(int frame, boolean written) {
        if (frame == Frames.ZERO) {
            return;
        }
        if (written && frames.isPinned(frame)) {
            frames.setDirty(frame);
        }
        frames.unpin(frame, worker.magazine());
    }
}
