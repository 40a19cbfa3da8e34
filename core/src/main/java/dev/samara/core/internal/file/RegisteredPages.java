// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.PageCaches;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.DiscardPages;
import org.jspecify.annotations.Nullable;

/**
 * The registration of a page cache in its memory's list of caches. Reclaims the pages of the cache, and frees all of
 * them once the cache is unreachable. Refers weakly to the {@link CleanPageReclaim} of the cache, which is reachable as
 * long as the cache is.
 */
final class RegisteredPages extends PageCaches.RegisteredCache {
    private final CachedPages cached;

    /**
     * The page at which the next search for clean pages starts. Guarded by {@code PageCaches.hand}.
     *
     * <p>Written: holder of the lock {@code hand} of {@code PageCaches} (plain).
     * Read: holder of the lock {@code hand} of {@code PageCaches} (plain).
     * Invariant: the page at which the next search for clean pages starts.
     */
    private long hand;

    /**
     * The removal of all pages, if it has failed; the next {@link #end} continues it. Guarded by the content lock.
     *
     * <p>Written: holder of {@code content} (plain).
     * Read: holder of {@code content} (plain).
     * Invariant: the removal of all pages of a cache that no thread can reach, if it has failed.
     */
    private @Nullable Removal ending;

    /** Creates the entry of a cache, which is registered with its first page. */
    RegisteredPages(MachineMemory memory, CachedPages cached, CleanPageReclaim reclaim) {
        super(reclaim, memory.caches());
        this.cached = cached;
    }

    /**
     * Frees the pages of a garbage-collected cache. No VMA maps these pages, so only readers that found them in the
     * index may still use them.
     */
    @Override
    protected int end() {
        // Acquires the context first: if none is free, nothing is changed.
        try (DiscardPages discarding = new DiscardPages(cached.memory(), Pte.NONE)) {
            return end(discarding);
        }
    }

    private int end(DiscardPages discarding) {
        int count = takeAll(discarding);
        // Unregistered last, so that if a step above fails, the next call of this method does the rest. If no other
        // thread calls it, a reclaim does.
        unregister();
        discarding.finish();
        return count;
    }

    /** Ends a garbage-collected cache that is still registered, because its end has failed or has not started yet. */
    private int endLate() {
        hand = 0;
        try (DiscardPages discarding = DiscardPages.orNull(cached.memory(), Pte.NONE)) {
            return discarding == null ? 0 : end(discarding);
        }
    }

    /** Closes the cache, and hands over all frames. Returns their number. */
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
        // In the first call of a round the eviction retries all pages, because the access fails if no frame is found.
        return freed == 0 && evictor != null ? evictor.evict(isFirst) : freed;
    }

    @Override
    protected boolean isAtStart() {
        return hand == 0;
    }
}
