// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.PageCaches;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.DiscardPages;
import org.jspecify.annotations.Nullable;

/**
 * The entry of a page cache among the caches of its memory: what a reclaim does with its pages, and how they are freed
 * when nobody reaches the cache any more. Refers weakly to the {@link CleanPageReclaim} of the cache, which is
 * reachable as long as the cache is.
 */
final class RegisteredPages extends PageCaches.RegisteredCache {
    private final CachedPages cached;

    /**
     * The page at which the next search for clean pages begins. Guarded by the hand of the caches.
     *
     * @written holder of the lock {@code hand} of {@code PageCaches} (plain)
     * @read holder of the lock {@code hand} of {@code PageCaches} (plain)
     * @invariant the page at which the next search for clean pages begins
     */
    private long hand;

    /**
     * The removal of all pages, if it has failed, for the next {@link #end}. Guarded by the content's lock.
     *
     * @written holder of {@code content} (plain)
     * @read holder of {@code content} (plain)
     * @invariant the removal of all pages of a cache that no thread can reach, if it has failed
     */
    private @Nullable Removal ending;

    /** Describes a cache, which the first page registers. */
    RegisteredPages(MachineMemory memory, CachedPages cached, CleanPageReclaim reclaim) {
        super(reclaim, memory.caches());
        this.cached = cached;
    }

    /**
     * Frees the pages of a collected cache. No VMA maps these pages, so only readers that came to them by the index may
     * still use them.
     */
    @Override
    protected int end() {
        // The context comes first: without one, nothing is changed.
        try (DiscardPages discarding = new DiscardPages(cached.memory(), Pte.NONE)) {
            return end(discarding);
        }
    }

    private int end(DiscardPages discarding) {
        int count = takeAll(discarding);
        // Last: after a failure above, the next call does the rest. A reclaim makes one if nothing else does.
        unregister();
        discarding.finish();
        return count;
    }

    /** Ends a collected cache that is registered still, because its end has failed or has not begun. */
    private int endLate() {
        hand = 0;
        try (DiscardPages discarding = DiscardPages.orNull(cached.memory(), Pte.NONE)) {
            return discarding == null ? 0 : end(discarding);
        }
    }

    /** Closes the cache, and hands all frames over; returns their number. */
    private int takeAll(DiscardPages discarding) {
        cached.content().lock();
        try {
            Removal removal = ending;
            if (removal == null) {
                if (cached.isClosed()) {
                    return 0;
                }
                removal = new Removal(0, Long.MAX_VALUE, false);
                cached.collect(removal);
                cached.setClosed();
                ending = removal;
            }
            cached.takeOut(removal);
            if (!removal.isEmpty()) {
                discarding.needGracePeriod();
                removal.handOver(discarding);
                cached.uncount(removal.count());
            }
            ending = null;
            return removal.count();
        } finally {
            cached.content().unlock();
        }
    }

    @Override
    protected int reclaim() {
        CleanPageReclaim reclaim = (CleanPageReclaim) get();
        if (reclaim == null) {
            return endLate();
        }
        if (!cached.mayReclaim() || cached.isClosed()) {
            hand = 0;
            return reclaim.isChangedByAnother() ? PageCaches.BUSY : 0;
        }
        boolean isFirst = hand == 0;
        ReclaimCandidates batch = new ReclaimCandidates(cached.memory().frames());
        hand = batch.collect(cached.index(), hand);
        int freed = reclaim.run(batch);
        UrgentEviction evictor = cached.evictor();
        // All pages are retried once per round, since the access fails if no frame is found.
        return freed == 0 && evictor != null ? evictor.evict(isFirst) : freed;
    }

    @Override
    protected boolean isAtStart() {
        return hand == 0;
    }
}
