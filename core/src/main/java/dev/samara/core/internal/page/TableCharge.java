// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.internal.sync.Addresses;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The charge of the tables of one {@link PageTable} against the limits of their space and of the machine. A table is
 * charged before it is linked or reserved. The topmost table always counts against the limit of the space, and counts
 * against the limit of the machine once it is {@linkplain #chargeRoot charged}. Thread-safe.
 */
public final class TableCharge {
    /** The budget of the machine, which includes these tables. */
    private final TableBudget budget;

    private final int pageShift;

    /**
     * The number of tables that are linked or reserved, not counting the root.
     *
     * <p>Written: a thread that is about to link a table, or reserves tables (compare-and-set); a thread that unhooks a
     *     table or gives a reserve back, or links one beyond the limit (get-and-add).
     * Read: any thread (volatile).
     * Invariant: the number of tables that are linked or reserved: never more than the limit allows, except for tables
     *     that a retirement creates because it reserved too few.
     */
    private final AtomicInteger tables = new AtomicInteger();

    /**
     * The maximum number of bytes of tables, unsigned; -1 for no limit.
     *
     * <p>Written: the thread that creates the space; a call that sets the limit (volatile, under the layout lock).
     * Read: a thread that charges a table (volatile).
     * Invariant: none; a table that is charged concurrently with the call is checked against either limit.
     */
    private volatile long most = -1;

    /** Whether the root is charged. Written by the thread that creates the space, and by {@link #unchargeRoot}. */
    private boolean isRootCharged;

    TableCharge(TableBudget budget, int pageShift) {
        this.budget = budget;
        this.pageShift = pageShift;
    }

    /**
     * Charges tables to the space and to the machine.
     *
     * @return false, with nothing charged, if that would exceed the limit of the space or of the machine
     */
    boolean charge(int more) {
        int now;
        do {
            now = tables.get();
            if (exceeds(now, more)) {
                return false;
            }
        } while (!tables.compareAndSet(now, now + more));
        if (budget.tryCharge((long) more << pageShift)) {
            return true;
        }
        tables.getAndAdd(-more);
        return false;
    }

    /** Charges a table, even beyond the limits. */
    void chargeBeyond() {
        tables.getAndIncrement();
        budget.charge(1L << pageShift);
    }

    /**
     * Returns whether {@code count} tables, not counting the root, and {@code more} tables together exceed the limit of
     * the space.
     */
    private boolean exceeds(int count, int more) {
        return Addresses.isBelow(most, ((long) count + more + 1) << pageShift);
    }

    void uncharge(int fewer) {
        tables.getAndAdd(-fewer);
        budget.uncharge((long) fewer << pageShift);
    }

    /**
     * Charges the topmost table to the machine, until {@link PageTable#free}. Called once, by the thread that creates
     * the space.
     *
     * @return false if that would exceed the limit of the machine
     */
    public boolean chargeRoot() {
        isRootCharged = budget.tryCharge(1L << pageShift);
        return isRootCharged;
    }

    /** Uncharges the topmost table, if it is charged. */
    void unchargeRoot() {
        if (isRootCharged) {
            isRootCharged = false;
            budget.uncharge(1L << pageShift);
        }
    }

    /** Returns whether the machine has room for one more table. */
    public boolean hasRoom() {
        return budget.hasRoom(1L << pageShift);
    }

    /** Returns whether one more table would exceed the limit of this space, whatever the machine has left. */
    public boolean isAtLimit() {
        return exceeds(tables.get(), 1);
    }

    /** Returns the maximum number of tables, including the topmost, under the limits of the space and the machine. */
    long mostTables() {
        return Addresses.lower(most, budget.limit()) >>> pageShift;
    }

    /**
     * Limits the tables, including the topmost. Existing tables beyond the limit stay.
     *
     * @param bytes the limit, unsigned; -1 for no limit
     */
    public void limitTo(long bytes) {
        most = bytes;
    }

    /** Returns the budget of the machine, which includes these tables. */
    public TableBudget budget() {
        return budget;
    }

    /** Returns the number of tables, linked or reserved, at some instant of this call, not counting the topmost. */
    int tables() {
        return tables.get();
    }
}
