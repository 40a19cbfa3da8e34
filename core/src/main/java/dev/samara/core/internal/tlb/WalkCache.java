// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The eighths of leaves at which one CPU was last, so that a walk need neither come down to them again nor note there
 * who may have translations; the paging-structure cache of x86. For its owner alone.
 *
 * <p>What is remembered here has this CPU in its mask, for as long as there is the leaf. A leaf that is unhooked
 * meanwhile is empty for ever. So what is remembered is at worst a table in which nothing is found, and who then
 * handles a fault forgets it before he looks again.
 */
final class WalkCache {
    private static final int ENTRIES = 256;
    private static final long NONE = -1;

    private final int partShift;
    private final long bit;
    private final boolean sharesBit;
    private final long[] numbers = new long[ENTRIES];
    private final long[][] leaves = new long[ENTRIES][];

    /** Something may have to be forgotten. */
    private boolean isUsed;

    /**
     * Makes an empty one.
     *
     * @param pageShift binary logarithm of the page size
     * @param bit the CPU's, in masks
     * @param sharesBit whether others have the same
     */
    WalkCache(int pageShift, long bit, boolean sharesBit) {
        partShift = Leaf.partShift(pageShift);
        this.bit = bit;
        this.sharesBit = sharesBit;
        Arrays.fill(numbers, NONE);
    }

    /** The leaf of an address, in the table that is loaded, with the CPU in the mask; null if there is none. */
    long @Nullable [] leaf(PageTable table, long address) {
        long number = address >>> partShift;
        int at = (int) number & ENTRIES - 1;
        return numbers[at] == number ? leaves[at] : walk(table, address, number, at);
    }

    private long @Nullable [] walk(PageTable table, long address, long number, int at) {
        long[] leaf = table.reaches(address) ? table.leaf(address) : null;
        if (leaf != null) {
            Leaf.hold(leaf, table.indexOf(address), bit, sharesBit);
            leaves[at] = leaf;
            numbers[at] = number;
            isUsed = true;
        }
        return leaf;
    }

    /** Forgets where an address is. */
    void forget(long address) {
        numbers[(int) (address >>> partShift) & ENTRIES - 1] = NONE;
    }

    /** Forgets all; another table may be loaded after this. */
    void clear() {
        if (isUsed) {
            Arrays.fill(numbers, NONE);
            Arrays.fill(leaves, null);
            isUsed = false;
        }
    }
}
