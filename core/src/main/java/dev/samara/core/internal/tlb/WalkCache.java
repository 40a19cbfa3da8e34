// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The eighths of leaves that one CPU walked to last, like the paging-structure cache of x86. A walk that hits the cache
 * neither descends the page table nor sets a bit in a cpumask. Used only by the CPU's owner.
 *
 * <p>The cpumask of each cached eighth contains this CPU as long as the leaf exists. A leaf that is unhooked
 * concurrently stays empty forever. So a stale cache entry is at worst an empty leaf, and a fault drops the entry
 * before the CPU walks again.
 */
final class WalkCache {
    private static final int ENTRIES = 256;
    private static final long NONE = -1;

    private final int partShift;
    private long bit;
    private boolean sharesBit;
    private final long[] numbers = new long[ENTRIES];
    private final long[][] leaves = new long[ENTRIES][];

    /** Whether an entry was added since the last {@link #clear}. */
    private boolean isUsed;

    /**
     * Creates an empty cache, for a CPU that is not online yet.
     *
     * @param pageShift binary logarithm of the page size in bytes
     */
    WalkCache(int pageShift) {
        partShift = Leaf.partShift(pageShift);
        Arrays.fill(numbers, NONE);
    }

    /**
     * Starts to serve a CPU that came online. Allocates nothing.
     *
     * @param of the CPU's bit in cpumasks
     * @param isShared whether other CPUs may also have the bit
     */
    void serve(long of, boolean isShared) {
        bit = of;
        sharesBit = isShared;
    }

    /**
     * Returns the leaf of an address in the current table, after adding the CPU to the cpumask; null if there is no
     * leaf.
     */
    long @Nullable [] leaf(PageTable table, long address) {
        long number = address >>> partShift;
        int at = (int) number & ENTRIES - 1;
        return numbers[at] == number ? leaves[at] : walk(table, address, number, at);
    }

    /** Returns the leaf of an address in the current table if it is cached; null otherwise. */
    long @Nullable [] cached(long address) {
        long number = address >>> partShift;
        int at = (int) number & ENTRIES - 1;
        return numbers[at] == number ? leaves[at] : null;
    }

    private long @Nullable [] walk(PageTable table, long address, long number, int at) {
        long[] leaf = table.reaches(address) ? table.leaf(address) : null;
        if (leaf != null) {
            Leaf.addToCpumask(leaf, table.indexOf(address), bit, sharesBit);
            leaves[at] = leaf;
            numbers[at] = number;
            isUsed = true;
        }
        return leaf;
    }

    /** Drops the entry of an address. */
    void forget(long address) {
        numbers[(int) (address >>> partShift) & ENTRIES - 1] = NONE;
    }

    /** Drops all entries. Another table may become the current one after this. */
    void clear() {
        if (isUsed) {
            Arrays.fill(numbers, NONE);
            Arrays.fill(leaves, null);
            isUsed = false;
        }
    }
}
