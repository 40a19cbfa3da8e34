// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.tlb;

import dev.samara.core.page.PageTable;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The leaves of the page table that one CPU was at last, so that a walk need not come down to them again; the
 * paging-structure cache of x86. For its owner alone.
 *
 * <p>A leaf that is unhooked meanwhile is empty for ever. So what is remembered is at worst a table in which nothing is found, and
 * who has found nothing clears this before he looks again.
 */
final class TableCache {
    private static final int ENTRIES = 64;
    private static final long NONE = -1;

    private final int leafShift;
    private final long[] numbers = new long[ENTRIES];
    private final long[][] leaves = new long[ENTRIES][];

    /** Makes an empty one for pages of some size. */
    TableCache(int pageShift) {
        // A leaf fills a page with entries of 8 bytes.
        leafShift = 2 * pageShift - 3;
        Arrays.fill(numbers, NONE);
    }

    /** The leaf of an address, in the table that is loaded; null if there is none. */
    long @Nullable [] leaf(PageTable table, long address) {
        long number = address >>> leafShift;
        int at = (int) number & ENTRIES - 1;
        return numbers[at] == number ? leaves[at] : walk(table, address, number, at);
    }

    private long @Nullable [] walk(PageTable table, long address, long number, int at) {
        long[] leaf = table.reaches(address) ? table.leaf(address) : null;
        if (leaf != null) {
            leaves[at] = leaf;
            numbers[at] = number;
        }
        return leaf;
    }

    /** Forgets all; another table may be loaded after this. */
    void clear() {
        Arrays.fill(numbers, NONE);
        Arrays.fill(leaves, null);
    }
}
