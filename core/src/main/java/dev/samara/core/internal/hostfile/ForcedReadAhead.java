// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.page.Frames;

/**
 * Reads the pages of a range that are not in memory, because they will be needed soon ({@code force_page_cache_ra}).
 * Ends at the end of the file, at a page that cannot be read, and when the machine is closed. It reports no error,
 * because an access to the page reads it again.
 *
 * @param inode the file, which stays open until the end of the reads
 * @param first the first page
 * @param last the last page, inclusive
 * @param window the maximum number of pages that are read at once
 */
record ForcedReadAhead(HostInode inode, long first, long last, int window) implements Runnable {
    @Override
    public void run() {
        FilePages pages = inode.pages();
        for (long page = first; page <= last && page < pages.pages() && !pages.isClosed(); page++) {
            int most = (int) Math.min(window, last - page + 1);
            if (pages.frameAt(page) == Frames.NONE && !isRead(page, most)) {
                return;
            }
        }
    }

    private boolean isRead(long page, int most) {
        try {
            return inode.fetch(page, most, false) >= 0;
        } catch (IllegalStateException closed) {
            if (!inode.pages().isClosed()) {
                throw closed;
            }
            // The close of the machine waits for no read-ahead, and has closed the page cache during this read.
            return false;
        }
    }
}
