// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import java.util.Arrays;

/**
 * The pages of the current batch of an eviction of one file. The eviction may have removed them from the index and may
 * put them back, so no read inserts one of them before the batch has ended. Guarded by the content lock.
 */
final class PagesUnderEviction {
    /** The pages, in ascending order. */
    private long[] pages = {};

    private int count;

    /**
     * Replaces the recorded pages.
     *
     * @param out the pages in ascending order; the caller does not change the array until the next call
     */
    void set(long[] out, int size) {
        pages = out;
        count = size;
    }

    /** Returns the first recorded page at or after {@code page}, or {@link Long#MAX_VALUE} if there is none. */
    long atOrAfter(long page) {
        int at = count == 0 ? -1 : Arrays.binarySearch(pages, 0, count, page);
        int next = at >= 0 ? at : -1 - at;
        return next < count ? pages[next] : Long.MAX_VALUE;
    }

    boolean contains(long page) {
        return count > 0 && Arrays.binarySearch(pages, 0, count, page) >= 0;
    }
}
