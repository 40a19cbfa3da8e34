// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.internal.sync.CheckedLock;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The page caches of one machine memory that ever contained a page. Reclaims pages of these caches before memory is
 * exhausted, and frees the pages of caches that are unreachable. Thread-safe.
 *
 * <p>As long as a VMA maps a file, the file's cache is reachable through the backing. So no VMA maps an unreachable
 * cache.
 */
public final class PageCaches {
    /**
     * The maximum number of pages that one call checks after a whole round has freed nothing, until a page is unmapped.
     */
    static final int CHECKS_WHEN_FUTILE = 1 << 12;

    /** A registered cache. It has access to the cache's pages, but refers to the cache object itself only weakly. */
    public abstract static class RegisteredCache extends WeakReference<Object> {
        private final PageCaches caches;

        /** The index of this cache in the ring, or -1. Guarded by the monitor of the caches. */
        private int place = -1;

        /**
         * Describes a cache, without registering it.
         *
         * @param cache the object through which users reach the cache
         * @param caches the caches of its memory
         */
        protected RegisteredCache(Object cache, PageCaches caches) {
            super(cache, caches.unreachable);
            this.caches = caches;
        }

        /**
         * Registers the cache. From then on, its pages may be reclaimed, and they are freed once it is unreachable.
         * Acquires only a lock under which no thread waits.
         */
        public final void register() {
            caches.add(this);
        }

        /** Undoes {@link #register}; does nothing if the cache is not registered. */
        public final void unregister() {
            caches.remove(this);
        }

        /**
         * Checks the next pages, at most {@link PageCaches#BATCH}, starting where the last call ended, and frees as
         * many of them as it can. Called by one thread at a time, which may wait.
         *
         * @return the number of pages that were freed; {@link PageCaches#BUSY} if another thread is changing the cache
         */
        protected abstract int reclaim();

        /**
         * Returns whether the next {@link #reclaim} starts with the first page; also true if there is nothing to
         * reclaim.
         */
        protected abstract boolean isAtStart();

        /**
         * Frees all pages. Called for a cache that is unreachable, or at the end of its machine; may wait.
         *
         * @return the number of pages that were freed
         */
        protected abstract int end();
    }

    /** Nothing was freed, but another thread is changing a cache, and may be about to free pages. */
    public static final int BUSY = -1;

    /** The maximum number of pages that one call of {@link RegisteredCache#reclaim} checks. */
    public static final int BATCH = 64;

    private final ReferenceQueue<Object> unreachable = new ReferenceQueue<>();

    /**
     * The registered caches, unordered.
     *
     * <p>Words: {@code ring}, and {@code place} in it.
     * Written: a thread that registers or ends a cache (monitor).
     * Read: a thread that registers or ends a cache, or reclaims (monitor).
     * Invariant: every cache that ever contained a page and was not ended.
     */
    @GuardedBy("this")
    private final List<RegisteredCache> ring = new ArrayList<>();

    /**
     * Held by the one thread that reclaims. Acquired before every lock that a registered cache acquires, by a thread
     * that holds no lock for which a registered cache waits.
     */
    private final ReentrantLock hand = new CheckedLock();

    /**
     * The index of the next cache in the ring.
     *
     * <p>Written: holder of the lock {@code hand} of {@code PageCaches} (plain).
     * Read: holder of the lock {@code hand} of {@code PageCaches} (plain).
     * Invariant: the index in {@code ring} of the cache in which the next search for clean pages starts.
     */
    @GuardedBy("hand")
    private int next;

    /**
     * Whether the last round freed no page, and no page was unmapped since. A benign race, because a late store only
     * makes one round too short or too long.
     *
     * <p>Written: a thread that reclaims; a thread that unlinks a VMA from its file (volatile).
     * Read: a thread that reclaims (volatile).
     * Invariant: a hint: racy, benign because it only decides how far one call searches.
     */
    private volatile boolean isFutile;

    /**
     * Whether a file that can be sealed was ever created.
     *
     * <p>Written: the thread that creates a file that can be sealed (volatile).
     * Read: a fork, holding the parent's layout lock (volatile).
     * Pairs: by the lock: the file was created before it was mapped, so a fork that finds its mapping also finds true
     *     here.
     * Invariant: final once true.
     */
    private volatile boolean hasSealable;

    private synchronized void add(RegisteredCache entry) {
        if (entry.place < 0) {
            // Added before the index is set, so that the index stays -1 if the ring has no memory for the entry.
            ring.add(entry);
            entry.place = ring.size() - 1;
        }
    }

    private synchronized void remove(RegisteredCache entry) {
        int place = entry.place;
        if (place >= 0) {
            RegisteredCache last = ring.remove(ring.size() - 1);
            if (last != entry) {
                ring.set(place, last);
                last.place = place;
            }
            entry.place = -1;
        }
    }

    private synchronized List<RegisteredCache> all() {
        return List.copyOf(ring);
    }

    /** Returns the entry at an index, or the first entry if the ring is shorter. */
    private synchronized RegisteredCache at(int place) {
        return ring.get(place < ring.size() ? place : 0);
    }

    /**
     * Returns the number of registered caches: those that ever contained a page, and are neither closed nor known to be
     * unreachable.
     */
    public synchronized int size() {
        return ring.size();
    }

    /** Records that there is a file that can be sealed. */
    public void noteSealable() {
        hasSealable = true;
    }

    /** Returns whether there ever was a file that can be sealed. If not, a fork need not search for one. */
    public boolean hasSealable() {
        return hasSealable;
    }

    /** Records that pages were unmapped. Pages that could not be reclaimed before may be reclaimable now. */
    public void noteUnmapped() {
        if (isFutile) {
            isFutile = false;
        }
    }

    /**
     * Frees pages that are not needed: all pages of unreachable caches if there are any. Otherwise, frees some clean,
     * unpinned and unmapped pages of caches that can read them again. A clock hand continues from its last position.
     * One call stops after the first batch with a freed page, and after one round at the latest.
     *
     * <p>Waits for another thread that reclaims, for CPUs and for a grace period. The caller is not in a reader
     * section, has no CPU in GUEST, and holds no lock of a leaf, no content lock of a cache, and no lock of a layout.
     *
     * @return the number of frames that were freed, or {@link #BUSY}
     */
    public int reclaim() {
        hand.lock();
        try {
            int ended = endUnreachable();
            return ended > 0 ? ended : round();
        } finally {
            hand.unlock();
        }
    }

    @GuardedBy("hand")
    private int round() {
        int left = isFutile ? CHECKS_WHEN_FUTILE / BATCH : Integer.MAX_VALUE;
        isFutile = true;
        // One more, because the hand may be in the middle of a cache, which is therefore visited again at the end.
        int entries = size() + 1;
        boolean isBusy = false;
        while (entries > 0 && left > 0 && size() > 0) {
            RegisteredCache entry = at(next);
            int freed = entry.reclaim();
            if (entry.isAtStart()) {
                entries--;
                next = next + 1 < size() ? next + 1 : 0;
            }
            left--;
            if (freed > 0) {
                isFutile = false;
                return freed;
            }
            isBusy |= freed == BUSY;
        }
        return isBusy ? BUSY : 0;
    }

    /**
     * Frees the pages of unreachable caches, if there are any, on another thread.
     *
     * @param background runs the task, which may wait
     */
    public void endUnreachable(Executor background) {
        Reference<?> first = unreachable.poll();
        if (first != null) {
            background.execute(() -> {
                end(first);
                endUnreachable();
            });
        }
    }

    private int endUnreachable() {
        int ended = 0;
        for (Reference<?> gone = unreachable.poll(); gone != null; gone = unreachable.poll()) {
            ended += end(gone);
        }
        return ended;
    }

    private static int end(Reference<?> gone) {
        return ((RegisteredCache) gone).end();
    }

    /** Frees the pages of all caches, at the end of the machine. */
    public void endAll() {
        all().forEach(RegisteredCache::end);
    }
}
