// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import java.util.Arrays;

/**
 * The pages of one file that an eviction works on in its present batch. It may have removed them from the index and may
 * put them back, so no read inserts one of them before the batch has ended. Guarded by the lock of the content.
 */
final class PagesUnderEviction {
    /** In ascending order. */
    private long[] pages = {};

    private int count;

    /**
     * Notes pages in place of others.
     *
     * @param out in ascending order; not changed until the next call
     */
    void set(long[] out, int size) {
        pages = out;
        count = size;
    }

    /** Returns the first of the pages at or after this one, or {@link Long#MAX_VALUE} if there is none. */
    long atOrAfter(long page) {
        int at = count == 0 ? -1 : Arrays.binarySearch(pages, 0, count, page);
        int next = at >= 0 ? at : -1 - at;
        return next < count ? pages[next] : Long.MAX_VALUE;
    }

    boolean contains(long page) {
        return count > 0 && Arrays.binarySearch(pages, 0, count, page) >= 0;
    }
}
