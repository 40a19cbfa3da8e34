// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import java.util.concurrent.atomic.AtomicLong;

/**
 * The bytes of all page tables of one machine, and their limit (on Linux, page tables are charged to the memory
 * cgroup). A table counts as one page of its space, however much heap it uses. Thread-safe.
 */
public final class TableBudget {
    /** The minimum default limit, because small machines also need tables for sparse mappings. */
    private static final long LEAST_SHARE = 1L << 23;

    /** The budget of page tables that guests do not fill. */
    static final TableBudget UNLIMITED = new TableBudget(Long.MAX_VALUE);

    private final long limit;

    /**
     * Written: a thread that charges tables to the machine (compare-and-set); a thread that uncharges them, or charges
     *     them beyond the limit (get-and-add).
     * Read: any thread (volatile).
     * Invariant: the bytes of all tables, of all spaces, that are linked or reserved.
     */
    private final AtomicLong used = new AtomicLong();

    /**
     * Creates an unused budget.
     *
     * @param limit the limit in bytes, not negative
     */
    public TableBudget(long limit) {
        this.limit = limit;
    }

    /**
     * Returns the default limit of a machine: half of its memory, but at least 8 MiB. Tables are objects in the heap,
     * so the limit is at most a quarter of the maximum heap size.
     *
     * @param memory the size of the machine's memory in bytes
     * @param heap the maximum size of the heap in bytes
     */
    public static long share(long memory, long heap) {
        return Math.min(Math.max(memory / 2, LEAST_SHARE), heap / 4);
    }

    /** Charges bytes; returns false, with nothing charged, if that would exceed the limit. */
    boolean tryCharge(long bytes) {
        long now = used.get();
        while (bytes <= limit - now) {
            if (used.compareAndSet(now, now + bytes)) {
                return true;
            }
            now = used.get();
        }
        return false;
    }

    /** Charges bytes, even beyond the limit. */
    void charge(long bytes) {
        used.addAndGet(bytes);
    }

    void uncharge(long bytes) {
        used.addAndGet(-bytes);
    }

    /** Returns whether a number of bytes could be charged now. */
    boolean hasRoom(long bytes) {
        return bytes <= limit - used.get();
    }

    /** Returns the bytes that are charged. */
    public long used() {
        return used.get();
    }

    /** Returns the limit in bytes. */
    public long limit() {
        return limit;
    }

    @Override
    public String toString() {
        return used + " of " + limit + " bytes of page tables";
    }
}
