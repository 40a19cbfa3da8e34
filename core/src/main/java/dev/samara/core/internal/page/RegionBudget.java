// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.lang.ref.PhantomReference;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.util.HashSet;
import java.util.Set;

/**
 * Counts the memory of regions that were not garbage-collected yet. A region releases its memory when its buffer is
 * collected. It uses almost no heap, so the JVM would see no need for a collection. So {@link Share#add} requests one
 * when the sum exceeds the limit, and again after each further quarter of the limit. Thread-safe.
 */
final class RegionBudget {
    /** The budget of all regions of the process, with the limit of direct memory. */
    static final RegionBudget ALL = new RegionBudget(DirectMemory.limit(), 1L << 26, System::gc);

    private final long limit;

    /** The number of bytes after which a collection is requested again. */
    private final long step;

    private final Runnable collector;
    private final ReferenceQueue<Object> unreachable = new ReferenceQueue<>();

    @GuardedBy("this")
    private final Set<Share> shares = new HashSet<>();

    /**
     * Words: {@code sum}, {@code nextCollection}, and {@code bytes} of a share.
     * Written: a thread that takes memory for a region, or finds a region collected (monitor).
     * Read: these threads (monitor).
     * Invariant: the bytes of the regions of the process that are not known to be collected.
     */
    @GuardedBy("this")
    private long sum;

    @GuardedBy("this")
    private long nextCollection;

    /**
     * Creates an unused budget.
     *
     * @param limit the limit in bytes
     * @param leastStep the minimum number of bytes between two collections
     * @param collector requests a collection
     */
    RegionBudget(long limit, long leastStep, Runnable collector) {
        this.limit = limit;
        step = Math.max(limit / 4, leastStep);
        this.collector = collector;
        nextCollection = limit;
    }

    /** The share of one region. */
    final class Share extends PhantomReference<Object> {
        private long bytes;

        private Share(Object buffer) {
            super(buffer, unreachable);
        }

        long bytes() {
            synchronized (RegionBudget.this) {
                return bytes;
            }
        }

        /** Counts memory that the region takes. May request a collection before it returns. */
        void add(long more) {
            if (isTooMuch(this, more)) {
                collector.run();
            }
        }
    }

    /** Returns a share of 0 bytes, which ends when the buffer is collected. */
    synchronized Share share(Object buffer) {
        Share share = new Share(buffer);
        shares.add(share);
        return share;
    }

    private synchronized boolean isTooMuch(Share share, long more) {
        for (Reference<?> ended = unreachable.poll(); ended != null; ended = unreachable.poll()) {
            if (shares.remove(ended)) {
                sum -= ((Share) ended).bytes;
            }
        }
        // After regions were collected, the next quarter is counted from the current sum.
        nextCollection = Math.max(limit, Math.min(nextCollection, sum + step));
        share.bytes += more;
        sum += more;
        if (sum <= nextCollection) {
            return false;
        }
        nextCollection = sum + step;
        return true;
    }

    /** Returns the number of bytes of all regions that are not known to be collected. */
    synchronized long sum() {
        return sum;
    }
}
