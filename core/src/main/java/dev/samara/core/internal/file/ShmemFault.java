// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.page.Frames;
import dev.samara.core.mman.Fault;

/** Handles a fault on a file that initially contains only zeros ({@code shmem_fault}). */
public final class ShmemFault {
    private ShmemFault() {}

    /**
     * Returns the frame of a page; allocates it if the page is not in memory. May reclaim.
     *
     * @param page the index of the page in the file
     * @return the frame; negated, {@link Fault#ADRERR} beyond the end of the file, or {@link Fault#OUT_OF_MEMORY}
     */
    public static int answer(FilePages file, long page) {
        int frame = file.frameFor(page);
        return frame == NoFrame.NO_MEMORY ? -Fault.OUT_OF_MEMORY : frame == Frames.NONE ? -Fault.ADRERR : frame;
    }
}
