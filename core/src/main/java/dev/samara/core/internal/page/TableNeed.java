// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Counts the tables that are missing for entries of a page table, without a lock and without changing the page table.
 * Other threads may link or unhook tables concurrently. Not thread-safe.
 */
public final class TableNeed {
    private final PageTable table;

    /** An address in the last leaf that was counted as missing. */
    private long last;

    private boolean isFirst = true;
    private int leaves;
    private int uppers;

    public TableNeed(PageTable table) {
        this.table = table;
    }

    /** Continues another count. Its missing tables are reserved already, so they are not counted again. */
    public TableNeed(PageTable table, @Nullable TableNeed reserved) {
        this(table);
        if (reserved != null) {
            isFirst = reserved.isFirst;
            last = reserved.last;
        }
    }

    /**
     * Counts the missing tables on the path to an entry. Each table is counted once if the address of each call is in
     * the leaf of the previous call or in a later leaf.
     *
     * @param address an address below the limit
     */
    public void add(long address) {
        int missing = table.missingTables(address);
        if (missing == 0) {
            return;
        }
        for (int level = 1; level < missing; level++) {
            if (isFirst || !table.shareTable(last, address, level)) {
                uppers++;
            }
        }
        if (isFirst || !table.shareTable(last, address, 0)) {
            leaves++;
        }
        isFirst = false;
        last = address;
    }

    /** Returns whether the missing tables would exceed the limits even if no other table were charged. */
    public boolean isTooMuch() {
        return tables() > table.charge().mostTables();
    }

    /**
     * Reserves the missing tables.
     *
     * @param isStopped is called after each table; true stops the reservation
     * @return the reserve; null if that would exceed the limit of the space or the machine, or if it was stopped.
     *     Nothing is charged then
     * @throws OutOfMemoryError if the heap has no memory for the tables; nothing is charged then
     */
    public @Nullable TableReserve reserve(BooleanSupplier isStopped) {
        return TableReserve.of(table.charge(), table.entries(), leaves, uppers, isStopped);
    }

    /** Returns the number of missing tables. */
    public int tables() {
        return leaves + uppers;
    }
}
