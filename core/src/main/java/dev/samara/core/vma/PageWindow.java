// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

/**
 * Some pages of a file around one that is wanted, for {@link Backing#rcuMapPages} to offer frames for. It is used again
 * after the call.
 */
public interface PageWindow {
    /**
     * The pages that the mapping is of.
     *
     * @return what its backing had as its page cache when it was mapped
     */
    PageCache cache();

    /**
     * The first page of the window.
     *
     * @return its number in the file
     */
    long first();

    /**
     * How many pages the window has.
     *
     * @return positive
     */
    int count();

    /**
     * Whether the entry of a page is empty, so that an offer can be of use.
     *
     * @param at its place in the window, from 0 up
     * @return true if so
     */
    boolean isWanted(int at);

    /**
     * Offers the frame of a page. What is not the page cache's frame of that page is passed over.
     *
     * @param at the place of the page in the window, from 0 up
     * @param frame its frame
     */
    void offer(int at, int frame);

    /**
     * Offers all pages that are wanted and that are in a cache.
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
