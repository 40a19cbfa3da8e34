// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The page caches of one memory that have had pages: where pages are reclaimed before memory is used up, and where the
 * pages of a cache that nobody can reach any more are given back. Thread-safe.
 *
 * <p>A cache is reachable as long as a VMA maps its file, through the backing. So one that is unreachable is mapped
 * nowhere.
 */
public final class Caches {
    /** After a whole turn in vain, one call looks at no more pages than this until something has been unmapped. */
    static final int LOOKS_WHEN_FUTILE = 1 << 12;

    /** What this knows of a cache: all of its pages, and no reference to the cache itself but this weak one. */
    public abstract static class Entry extends WeakReference<Object> {
        private final Caches caches;

        /** Its place in the ring, or -1. Guarded by the caches. */
        private int place = -1;

        /**
         * Describes a cache, without registering it.
         *
         * @param cache the object that users of the cache hold
         * @param caches those of its memory
         */
        protected Entry(Object cache, Caches caches) {
            super(cache, caches.unreachable);
            this.caches = caches;
        }

        /**
         * Has pages of the cache reclaimed, and given back once it is unreachable, from now on. Takes no lock that
         * waits.
         */
        protected final void register() {
            caches.add(this);
        }

        /** Ends what {@link #register} began; nothing happens if it has been ended, or was never begun. */
        protected final void unregister() {
            caches.remove(this);
        }

        /**
         * Looks at some pages more, from where the last call has stopped. Called by one thread at a time, which may
         * wait.
         *
         * @return how many pages were given back
         */
        protected abstract int reclaim();

        /**
         * Whether the next look begins with the first page.
         *
         * @return true also if there is nothing to be reclaimed
         */
        protected abstract boolean isAtStart();

        /**
         * Gives all pages back. Called for a cache that is unreachable, or at the end of its machine; may wait.
         *
         * @return how many there were
         */
        protected abstract int end();
    }

    /** Pages that one call of {@link Entry#reclaim} looks at, at most. */
    public static final int BATCH = 64;

    private final ReferenceQueue<Object> unreachable = new ReferenceQueue<>();

    /** In no order. Guarded by this. */
    private final List<Entry> ring = new ArrayList<>();

    /**
     * One reclaims at a time. Taken before everything that an entry takes, while nothing is held that an entry waits
     * for.
     */
    private final ReentrantLock hand = new ReentrantLock();

    /** Which entry of the ring is next. Guarded by the hand. */
    private int next;

    /**
     * A whole turn has found nothing, and nothing was unmapped since. Racy: a late store costs a short look, or a long
     * one.
     */
    private volatile boolean isFutile;

    private synchronized void add(Entry entry) {
        if (entry.place < 0) {
            entry.place = ring.size();
            ring.add(entry);
        }
    }

    private synchronized void remove(Entry entry) {
        int place = entry.place;
        if (place >= 0) {
            Entry last = ring.remove(ring.size() - 1);
            if (last != entry) {
                ring.set(place, last);
                last.place = place;
            }
            entry.place = -1;
        }
    }

    private synchronized List<Entry> all() {
        return List.copyOf(ring);
    }

    /** The entry at a place, or at the first one if there are not so many. */
    private synchronized Entry at(int place) {
        return ring.get(place < ring.size() ? place : 0);
    }

    /**
     * How many caches are registered.
     *
     * @return those that have had pages, and are neither closed nor known to be unreachable
     */
    public synchronized int size() {
        return ring.size();
    }

    /** Notes that pages were unmapped: those that could not be reclaimed before may be now. */
    public void noteUnmapped() {
        if (isFutile) {
            isFutile = false;
        }
    }

    /**
     * Gives frames back that nobody misses: those of caches that are unreachable, else some of those that are clean,
     * unpinned and unmapped in caches that can read them again. A clock hand goes on from where it stopped last; one
     * call stops at the first batch in which it has found something, and after one turn at the latest.
     *
     * <p>Waits for CPUs and for a grace period. Caller is in no reader section, has no CPU in GUEST, and holds no lock
     * of a leaf, of a cache's content or of a layout.
     *
     * @return how many frames were given back
     */
    public int reclaim() {
        hand.lock();
        try {
            int ended = endUnreachable();
            return ended > 0 ? ended : turn();
        } finally {
            hand.unlock();
        }
    }

    private int turn() {
        int left = isFutile ? LOOKS_WHEN_FUTILE / BATCH : Integer.MAX_VALUE;
        isFutile = true;
        // Where the hand is now it may be in the middle, so that this one comes last again.
        int entries = size() + 1;
        while (entries > 0 && left > 0 && size() > 0) {
            Entry entry = at(next);
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
        }
        return 0;
    }

    /**
     * Has what unreachable caches have left given back, if there is any.
     *
     * @param background does it; may be made to wait
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
        return ((Entry) gone).end();
    }

    /** Gives the pages of all caches back, at the end of the machine. */
    public void endAll() {
        all().forEach(Entry::end);
    }
}
