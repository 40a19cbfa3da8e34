// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.cache;

import dev.samara.core.page.Caches;
import dev.samara.core.page.Frames;
import dev.samara.core.page.Memory;
import dev.samara.core.page.Pte;
import dev.samara.core.tlb.Discarding;
import java.util.Arrays;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The pages of one file that are in memory, without what maps them. It is all that {@link Caches} hold of a page cache,
 * and it leads neither to the cache nor to a mapping: so a cache that nobody else holds can be collected, and its pages
 * freed after that.
 */
final class CachedPages extends Caches.Entry {
    private final Memory memory;
    private final Frames frames;
    private final long number;
    private final PageIndex index = new PageIndex();

    /** Guards changes of the index, of the size and of the end; held for moments. */
    private final ReentrantLock content = new ReentrantLock();

    private volatile long size;

    /** Never taken back; no page is put in after that. Written under the lock. */
    private volatile boolean isClosed;

    /**
     * Odd while pages are taken out, and more after that. Written under the lock: before the first frame is marked
     * removed, and after the last one.
     */
    private volatile long removals;

    /** It has had a page. Guarded by the content's lock. */
    private boolean isRegistered;

    /** The backing reads a page again if it is not in memory. Never taken back. */
    private volatile boolean mayReclaim;

    /** The first page that the next look for clean pages begins with. Guarded by the hand of the caches. */
    private long hand;

    /** Frames taken out of the index, each marked removed. */
    static final class Removed {
        private int[] frames = new int[16];
        private int count;

        void add(int frame) {
            if (count == frames.length) {
                frames = Arrays.copyOf(frames, 2 * count);
            }
            frames[count++] = frame;
        }

        boolean isEmpty() {
            return count == 0;
        }

        int count() {
            return count;
        }

        /**
         * Has them freed once that is settled, also if settling them fails first. Every entry that had one has been
         * taken.
         */
        void dropWhenSettled(Discarding discarding) {
            discarding.dropWhenSettled(frames, count);
        }
    }

    CachedPages(FilePages cache, Memory memory, long size) {
        super(cache, memory.caches());
        this.memory = memory;
        this.size = size;
        frames = memory.frames();
        number = memory.nextCache();
    }

    long number() {
        return number;
    }

    PageIndex index() {
        return index;
    }

    ReentrantLock content() {
        return content;
    }

    long size() {
        return size;
    }

    /** Caller holds the lock of the content. */
    void setSize(long bytes) {
        size = bytes;
    }

    boolean isClosed() {
        return isClosed;
    }

    void allowReclaim() {
        mayReclaim = true;
    }

    /**
     * Puts a frame in that has been assigned to the page. Caller holds the lock of the content, and the cache is not
     * closed.
     */
    void put(long page, int frame) {
        index.put(page, frame);
        if (!isRegistered) {
            isRegistered = true;
            register();
        }
    }

    /** Caller holds the lock of the content. */
    Removed takeOut(long first, long last) {
        Removed removed = new Removed();
        beginRemoval();
        try {
            index.removeAll(first, last, frame -> {
                frames.remove(frame);
                removed.add(frame);
            });
        } finally {
            endRemoval();
        }
        return removed;
    }

    /** Caller holds the lock of the content, up to {@link #endRemoval}, and is about to mark frames as removed. */
    void beginRemoval() {
        long before = removals;
        removals = before + 1;
    }

    void endRemoval() {
        long before = removals;
        removals = before + 1;
    }

    long removals() {
        return removals;
    }

    /** Takes all pages out for ever; null if that has been done. */
    @Nullable
    Removed close() {
        content.lock();
        try {
            if (isClosed) {
                return null;
            }
            isClosed = true;
            return takeOut(0, Long.MAX_VALUE);
        } finally {
            content.unlock();
            unregister();
        }
    }

    /** Nothing maps these pages, so that only readers who have come to them by the index may still be there. */
    @Override
    protected int end() {
        // The worker first: without one nothing is changed.
        try (Discarding discarding = new Discarding(memory, Pte.NONE)) {
            Removed removed = close();
            if (removed == null || removed.isEmpty()) {
                return 0;
            }
            discarding.owe();
            removed.dropWhenSettled(discarding);
            discarding.settle();
            return removed.count();
        }
    }

    @Override
    protected int reclaim() {
        FilePages cache = mayReclaim && !isClosed ? (FilePages) get() : null;
        if (cache == null) {
            hand = 0;
            return 0;
        }
        Reclaim batch = new Reclaim(frames);
        hand = batch.collect(index, hand);
        return cache.reclaim(batch);
    }

    @Override
    protected boolean isAtStart() {
        return hand == 0;
    }
}
