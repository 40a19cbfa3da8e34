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
    private static final long[][] NO_LEAVES = {};
    private static final Object[][] NO_UPPERS = {};

    /** An empty reserve. Initialized after the arrays, because it uses them. */
    public static final TableReserve NONE = new TableReserve();

    private final @Nullable TableCharge charge;

    private long[][] leaves = NO_LEAVES;
    private int leavesLeft;

    private Object[][] uppers = NO_UPPERS;
    private int uppersLeft;

    private TableReserve() {
        charge = null;
    }

    private TableReserve(TableCharge charge) {
        this.charge = charge;
    }

    /**
     * Reserves tables; see {@link TableNeed#reserve}.
     *
     * @param charge the charge of the page table to which the tables will be linked
     * @param entries the number of entries of a table
     * @param leafCount the number of leaves
     * @param upperCount the number of tables above the leaves
     */
    static @Nullable TableReserve of(
            TableCharge charge, int entries, int leafCount, int upperCount, BooleanSupplier isStopped) {
        TableReserve made = new TableReserve(charge);
        if (!charge.charge(leafCount + upperCount)) {
            return null;
        }
        boolean done = false;
        try {
            done = made.allocate(entries, leafCount, upperCount, isStopped);
        } finally {
            if (!done) {
                charge.uncharge(leafCount + upperCount);
            }
        }
        return done ? made : null;
    }

    private boolean allocate(int entries, int leafCount, int upperCount, BooleanSupplier isStopped) {
        uppers = new Object[upperCount][];
        for (int i = 0; i < uppers.length; i++) {
            uppers[i] = UpperTable.make(entries);
        }
        leaves = new long[leafCount][];
        for (int i = 0; i < leaves.length; i++) {
            leaves[i] = Leaf.make(entries);
            if (isStopped.getAsBoolean()) {
                return false;
            }
        }
        leavesLeft = leaves.length;
        uppersLeft = uppers.length;
        return true;
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
        long[][] moreLeaves = Arrays.copyOf(leaves, leavesLeft + other.leavesLeft);
        Object[][] moreUppers = Arrays.copyOf(uppers, uppersLeft + other.uppersLeft);
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
        if (charge != null) {
            int left = leavesLeft + uppersLeft;
            leavesLeft = 0;
            uppersLeft = 0;
            leaves = NO_LEAVES;
            uppers = NO_UPPERS;
            charge.uncharge(left);
        }
    }
}
