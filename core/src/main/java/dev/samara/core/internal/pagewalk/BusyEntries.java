// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.pagewalk;

import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.tlb.TlbGather;
import java.util.Arrays;

/** The entries that an operation made busy, with the busy values that it stored in them. Not thread-safe. */
final class BusyEntries {
    private long[][] leaves = new long[16][];
    private int[] indexes = new int[16];
    private long[] values = new long[16];
    private int size;

    int size() {
        return size;
    }

    /** Ensures capacity for one more entry, so that the next {@link #add} does not fail. */
    void ensureCapacity() {
        if (size == values.length) {
            long[] more = Arrays.copyOf(values, 2 * size);
            indexes = Arrays.copyOf(indexes, 2 * size);
            leaves = Arrays.copyOf(leaves, 2 * size);
            values = more;
        }
    }

    void add(long[] leaf, int index, long value) {
        leaves[size] = leaf;
        indexes[size] = index;
        values[size++] = value;
    }

    /**
     * Empties the entries, or makes them guards, and adds their pages to the gather. Skips entries that another
     * operation claimed in the meantime.
     */
    void release(TlbGather gather) {
        for (int i = 0; i < size; i++) {
            // Keeps the guard bit, because an earlier owner of the busy entry may have requested a guard.
            if (Leaf.empty(leaves[i], indexes[i], values[i], values[i] & Pte.GUARD)) {
                gather.take(values[i]);
            }
        }
        Arrays.fill(leaves, 0, size, null);
        size = 0;
    }
}
