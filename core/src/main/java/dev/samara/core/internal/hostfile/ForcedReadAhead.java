// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.page.Frames;

/**
 * Reads pages that will be needed soon, as far as they are not in memory ({@code force_page_cache_ra}). Ends at the end
 * of the file, and at a page that cannot be read, without an error: an access to that page reads again.
 *
 * @param inode the file, which is open until the end of the reads
 * @param first the first page
 * @param last the last page, inclusive
 * @param window the most pages that are read at once
 */
record ForcedReadAhead(HostInode inode, long first, long last, int window) implements Runnable {
    @Override
    public void run() {
        FilePages pages = inode.pages();
        for (long page = first; page <= last && page < pages.pages() && !pages.isClosed(); page++) {
            int most = (int) Math.min(window, last - page + 1);
            if (pages.frameAt(page) == Frames.NONE && inode.fetch(page, most, false) < 0) {
                return;
            }
        }
    }
}
