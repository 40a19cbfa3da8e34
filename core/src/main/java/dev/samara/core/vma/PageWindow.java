// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

import dev.samara.core.annotation.Experimental;

/**
 * A window of pages of a file around the accessed page, for which {@link Backing#rcuMapPages} offers frames. The object
 * is reused after the call.
 */
@Experimental
public interface PageWindow {
    /**
     * Returns the page cache that the mapping uses.
     *
     * @return the page cache that the backing returned when it was mapped
     */
    PageCache cache();

    /**
     * Returns the first page of the window.
     *
     * @return its number in the file
     */
    long first();

    /**
     * Returns the number of pages in the window.
     *
     * @return positive
     */
    int count();

    /**
     * Returns whether the entry of a page is empty, so that an offer has an effect.
     *
     * @param at index of the page in the window, from 0 up
     * @return true if the entry is empty
     */
    boolean isWanted(int at);

    /**
     * Offers the frame of a page. A frame that is not the page cache's frame of that page is skipped.
     *
     * @param at index of the page in the window, from 0 up
     * @param frame its frame
     */
    void offer(int at, int frame);

    /**
     * Offers all wanted pages that a cache has in memory.
     *
     * @param cache the page cache of the file
     */
    default void offerFrom(PageCache cache) {
        for (int i = 0; i < count(); i++) {
            if (isWanted(i)) {
                offer(i, cache.frameAt(first() + i));
            }
        }
    }
}
