// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import org.jspecify.annotations.Nullable;

/**
 * Counts the tables that are missing for entries of a page table, without a lock and without a change. Other threads
 * may link or unhook tables meanwhile. For one thread.
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

    /** Continues another count, whose missing tables are reserved: they are not counted again. */
    public TableNeed(PageTable table, @Nullable TableNeed reserved) {
        this(table);
        if (reserved != null) {
            isFirst = reserved.isFirst;
            last = reserved.last;
        }
    }

    /**
     * Counts the missing tables on the path to an entry. Each is counted once, if the addresses of later calls are in
     * later leaves or in the last one.
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

    /** Returns whether the missing tables exceed the limits, even if no other table were charged. */
    public boolean isTooMuch() {
        return tables() > table.mostTables();
    }

    /** Returns the number of missing leaves. */
    int leaves() {
        return leaves;
    }

    /** Returns the number of missing tables above the leaves. */
    int uppers() {
        return uppers;
    }

    /** Returns the number of missing tables. */
    public int tables() {
        return leaves + uppers;
    }
}
