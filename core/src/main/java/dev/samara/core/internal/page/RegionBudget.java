// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import java.lang.ref.PhantomReference;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.util.HashSet;
import java.util.Set;

/**
 * Counts the memory of regions that were not collected yet. A region gives its memory back when its buffer is
 * collected, but it takes almost nothing of the heap, so that the JVM would see no need for a collection. As for direct
 * memory, one is asked for when the sum exceeds a limit; and then again after each quarter of the limit. Thread-safe.
 */
final class RegionBudget {
    /** The sum of all regions of the process, with the limit of direct memory. */
    static final RegionBudget ALL = new RegionBudget(DirectMemory.limit(), System::gc);

    private final long limit;
    private final Runnable collector;
    private final ReferenceQueue<Object> unreachable = new ReferenceQueue<>();

    /* Guarded by this object's monitor. */
    private final Set<Share> shares = new HashSet<>();
    private long sum;
    private long nextCollection;

    /**
     * Makes a budget that nothing is taken from.
     *
     * @param limit bytes
     * @param collector asks for a collection
     */
    RegionBudget(long limit, Runnable collector) {
        this.limit = limit;
        this.collector = collector;
        nextCollection = limit;
    }

    /** The part of one region. */
    final class Share extends PhantomReference<Object> {
        private long bytes;

        private Share(Object buffer) {
            super(buffer, unreachable);
        }

        /** Counts memory that the region takes. May ask for a collection before it returns. */
        void add(long more) {
            if (isTooMuch(this, more)) {
                collector.run();
            }
        }
    }

    /** Returns a part of 0 bytes, which ends when a buffer is collected. */
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
        share.bytes += more;
        sum += more;
        if (sum <= limit) {
            nextCollection = limit;
            return false;
        }
        if (sum <= nextCollection) {
            return false;
        }
        nextCollection = sum + limit / 4;
        return true;
    }

    /** Returns the bytes of all regions, as far as ended ones were noticed. */
    synchronized long sum() {
        return sum;
    }
}
