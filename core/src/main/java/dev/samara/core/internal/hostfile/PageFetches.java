// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.file.FilePages;
import java.util.function.Consumer;

/** Finds pages of one host file, and reads pages that are not in memory. Thread-safe. */
final class PageFetches {
    /** The maximum number of attempts of a read or a write-back that finds that the host's file was truncated. */
    static final int ATTEMPTS = 8;

    private final PageReads reads;
    private final HostSize size;
    private final Consumer<FilePages> makeRoom;
    private final FilePages pages;

    /**
     * Creates the fetches of a file.
     *
     * @param makeRoom evicts pages of all files, to make room for a page of this file; see {@link CacheLimit#makeRoom}
     */
    PageFetches(PageReads reads, HostSize size, Consumer<FilePages> makeRoom, FilePages pages) {
        this.reads = reads;
        this.size = size;
        this.makeRoom = makeRoom;
        this.pages = pages;
    }

    /**
     * Returns the frame of a page; reads the page if it is not in memory.
     *
     * @param page the page
     * @param most the maximum number of pages that are read at once, from {@code page} on
     * @param isScan whether the pages after {@code page} are read ahead, because {@code page} is accessed
     * @return the frame; {@link PageReads#BEYOND}, {@link FilePages#NO_MEMORY} or {@link PageReads#UNREADABLE}
     */
    int fetch(long page, int most, boolean isScan) {
        makeRoom.accept(pages);
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            int frame = reads.fetch(page, most, isScan);
            while (frame == FilePages.EVICTED) {
                pages.awaitChange();
                frame = reads.fetch(page, most, isScan);
            }
            if (frame != PageReads.SHORT) {
                return frame;
            }
            // Another program has truncated the file, so its size is read again before the retry.
            if (size.revalidate() != 0) {
                return PageReads.UNREADABLE;
            }
        }
        return PageReads.UNREADABLE;
    }
}
