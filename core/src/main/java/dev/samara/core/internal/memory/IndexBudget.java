// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.memory;

import java.util.concurrent.atomic.AtomicLong;

/**
 * The bytes of the nodes of all page indexes of one machine, and their limit (on Linux the nodes of an {@code xarray}
 * are charged to the memory cgroup). Thread-safe.
 *
 * <p>Nodes are charged when they are linked, even beyond the limit, so an insertion never fails because of the limit.
 * Beyond the limit no frame is allocated for a page that needs a further node, so the limit is exceeded by at most the
 * nodes of pages whose frames were allocated before.
 */
public final class IndexBudget {
    private final long limit;

    /**
     * Written: holder of a file's {@code content} lock that links or unlinks nodes of its index (get-and-add).
     * Read: any thread (volatile).
     * Invariant: the bytes of the nodes of all indexes with several nodes. A thread that reads less than the limit may
     *     afterwards link the nodes of a page.
     */
    private final AtomicLong used = new AtomicLong();

    /**
     * Creates an unused budget.
     *
     * @param limit the limit in bytes, not negative
     */
    public IndexBudget(long limit) {
        this.limit = limit;
    }

    /** Returns a budget without a limit. */
    public static IndexBudget unlimited() {
        return new IndexBudget(Long.MAX_VALUE);
    }

    /**
     * Charges bytes. Cannot fail.
     *
     * @param bytes the bytes; negative for nodes that are unlinked
     */
    public void charge(long bytes) {
        used.addAndGet(bytes);
    }

    /** Returns whether no frame may be allocated for a page that needs a further node. */
    public boolean isExceeded() {
        return used.get() > limit;
    }

    /** Returns the charged bytes. */
    public long used() {
        return used.get();
    }

    @Override
    public String toString() {
        return used + " of " + limit + " bytes of page indexes";
    }
}
