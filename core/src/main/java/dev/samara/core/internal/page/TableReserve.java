// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import java.util.Arrays;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Tables that are charged and allocated before an operation publishes, and linked by its retire phase. So a retirement
 * cannot fail because a table is missing. Used by one thread at a time.
 *
 * <p>Other threads may change the page table after the missing tables were counted: they may unhook a table, or fault
 * in a page that is to be moved. If the reserve lacks a table for that reason, {@link PageTable#leafFromReserve}
 * creates one beyond the limits. There are at most as many of these tables as the other threads unhooked, or filled, in
 * the meantime.
 */
public final class TableReserve implements AutoCloseable {
    private static final Object[] NO_TABLES = {};

    /** An empty reserve. Initialized after the array, because it uses it. */
    public static final TableReserve NONE = new TableReserve(null);

    private final @Nullable PageTable table;

    private Object[] leaves = NO_TABLES;
    private int leavesLeft;

    private Object[] uppers = NO_TABLES;
    private int uppersLeft;

    /**
     * Counts the tables that are missing for entries of a page table, without a lock and without changing the page
     * table. Other threads may link or unhook tables concurrently. Not thread-safe.
     */
    public static final class Need {
        private final PageTable table;

        /** An address in the last leaf that was counted as missing. */
        private long last;

        private boolean isFirst = true;
        private int leaves;
        private int uppers;

        /** Counts the missing tables of a page table. */
        public Need(PageTable table) {
            this(table, null);
        }

        /** Continues another count. Its missing tables are reserved already, so they are not counted again. */
        public Need(PageTable table, @Nullable Need reserved) {
            this.table = table;
            if (reserved != null) {
                isFirst = reserved.isFirst;
                last = reserved.last;
            }
        }

        /**
         * Counts the missing tables on the path to an entry. Each table is counted once if the address of each call is
         * in the leaf of the previous call or in a later leaf.
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
            return tables() > table.mostTables();
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
            TableReserve made = new TableReserve(table);
            if (!table.charge(tables())) {
                return null;
            }
            boolean done = false;
            try {
                done = allocate(made, isStopped);
            } finally {
                if (!done) {
                    table.uncharge(tables());
                }
            }
            return done ? made : null;
        }

        private boolean allocate(TableReserve made, BooleanSupplier isStopped) {
            made.uppers = new Object[uppers];
            for (int i = 0; i < uppers; i++) {
                made.uppers[i] = table.make(false);
            }
            made.leaves = new Object[leaves];
            for (int i = 0; i < leaves; i++) {
                made.leaves[i] = table.make(true);
                if (isStopped.getAsBoolean()) {
                    return false;
                }
            }
            made.leavesLeft = leaves;
            made.uppersLeft = uppers;
            return true;
        }

        /** Returns the number of missing tables. */
        public int tables() {
            return leaves + uppers;
        }
    }

    private TableReserve(@Nullable PageTable table) {
        this.table = table;
    }

    /** Returns a leaf or an upper table, which is charged already; null if none is left. */
    @Nullable
    Object take(boolean isLeaf) {
        if (isLeaf) {
            return leavesLeft == 0 ? null : leaves[--leavesLeft];
        }
        return uppersLeft == 0 ? null : uppers[--uppersLeft];
    }

    /**
     * Takes back the table that was taken last, if it could not be linked.
     *
     * @return false if the table is not from this reserve
     */
    boolean giveBack(Object unlinked) {
        // A table that was taken is still in its array, so that the count alone returns it.
        if (leavesLeft < leaves.length && leaves[leavesLeft] == unlinked) {
            leavesLeft++;
            return true;
        }
        if (uppersLeft < uppers.length && uppers[uppersLeft] == unlinked) {
            uppersLeft++;
            return true;
        }
        return false;
    }

    /**
     * Takes over the remaining tables of another reserve of this page table, which is empty afterwards. If this throws,
     * nothing is changed.
     */
    public void absorb(TableReserve other) {
        Object[] moreLeaves = Arrays.copyOf(leaves, leavesLeft + other.leavesLeft);
        Object[] moreUppers = Arrays.copyOf(uppers, uppersLeft + other.uppersLeft);
        System.arraycopy(other.leaves, 0, moreLeaves, leavesLeft, other.leavesLeft);
        System.arraycopy(other.uppers, 0, moreUppers, uppersLeft, other.uppersLeft);
        leaves = moreLeaves;
        uppers = moreUppers;
        leavesLeft = leaves.length;
        uppersLeft = uppers.length;
        other.leavesLeft = 0;
        other.uppersLeft = 0;
    }

    /** Uncharges the remaining tables. Allocates nothing; a second call has no effect. */
    @Override
    public void close() {
        if (table != null) {
            int left = leavesLeft + uppersLeft;
            leavesLeft = 0;
            uppersLeft = 0;
            leaves = NO_TABLES;
            uppers = NO_TABLES;
            table.uncharge(left);
        }
    }
}
