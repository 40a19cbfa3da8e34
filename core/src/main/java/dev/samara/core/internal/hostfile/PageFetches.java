// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.file.NoFrame;
import dev.samara.core.internal.file.SavedPages;
import java.util.function.Consumer;

/** Finds pages of one file of the host, and reads those that are not in memory. Thread-safe. */
final class PageFetches {
    /** How often a read or a write-back tries again that has found the file of the host shorter. */
    static final int ATTEMPTS = 8;

    private final PageReads reads;
    private final HostSize size;
    private final Consumer<SavedPages> makeRoom;
    private final SavedPages pages;

    /**
     * Describes the pages of a file.
     *
     * @param makeRoom evicts pages of all files, for one of these; see {@link CacheLimit#makeRoom}
     */
    PageFetches(PageReads reads, HostSize size, Consumer<SavedPages> makeRoom, SavedPages pages) {
        this.reads = reads;
        this.size = size;
        this.makeRoom = makeRoom;
        this.pages = pages;
    }

    /**
     * Returns the frame of a page, and reads the page if it is not in memory.
     *
     * @param page the page
     * @param most the most pages that are read at once, the page and those after it
     * @param isScan whether the others are those after an access
     * @return the frame; {@link PageReads#BEYOND}, {@link NoFrame#NO_MEMORY} or {@link PageReads#UNREADABLE}
     */
    int fetch(long page, int most, boolean isScan) {
        makeRoom.accept(pages);
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            int frame = reads.fetch(page, most, isScan);
            while (frame == NoFrame.EVICTED) {
                pages.awaitChange();
                frame = reads.fetch(page, most, isScan);
            }
            if (frame != PageReads.SHORT) {
                return frame;
            }
            // Made shorter by another program.
            if (size.revalidate() != 0) {
                return PageReads.UNREADABLE;
            }
        }
        return PageReads.UNREADABLE;
    }
}
