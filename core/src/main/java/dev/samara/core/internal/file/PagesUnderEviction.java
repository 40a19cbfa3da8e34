// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import java.util.Arrays;

/**
 * The pages of the batch of an eviction of one file: it may have taken them out of the index, and may put them back. No
 * read inserts one of them meanwhile. Guarded by the lock of the content.
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

    boolean contains(long page) {
        return count > 0 && Arrays.binarySearch(pages, 0, count, page) >= 0;
    }
}
