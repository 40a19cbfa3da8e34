// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.memory;

import java.util.concurrent.atomic.AtomicLong;

/**
 * The bytes of the nodes of all page indexes of one machine, and their limit (on Linux the nodes of an {@code xarray}
 * are charged to the memory cgroup). Thread-safe.
 *
 * <p>Nodes are charged when they exist, also beyond the limit: an insertion never fails for want of a node. Beyond the
 * limit no page gets a frame that needs another node. So the excess is at most the nodes of the pages whose frames were
 * allocated before.
 */
public final class IndexBudget {
    private final long limit;
    private final AtomicLong used = new AtomicLong();

    /**
     * Makes a budget of which nothing is used.
     *
     * @param limit bytes, not negative
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
     * @param bytes negative for nodes that are unlinked
     */
    public void charge(long bytes) {
        used.addAndGet(bytes);
    }

    /** Returns whether no page is to get a frame that needs another node. */
    public boolean isExceeded() {
        return used.get() > limit;
    }

    /** Returns the bytes that are charged. */
    public long used() {
        return used.get();
    }

    @Override
    public String toString() {
        return used + " of " + limit + " bytes of page indexes";
    }
}
