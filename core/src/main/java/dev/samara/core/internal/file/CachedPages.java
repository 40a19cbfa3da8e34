// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.page.Caches;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.DiscardPages;
import dev.samara.core.internal.tlb.Memory;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntPredicate;
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

    /** Made before a removal, which allocates nothing for it. */
    private final IntPredicate isRemoved;

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

    /** The removal of all pages, if it has failed, for the next {@link #end}. Guarded by the content's lock. */
    private @Nullable Removal ending;

    CachedPages(FilePages cache, Memory memory, long size) {
        super(cache, memory.caches());
        this.memory = memory;
        this.size = size;
        frames = memory.frames();
        isRemoved = frames::isRemoved;
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

    /** Notes the frames that a removal takes out, and changes nothing. Caller holds the lock of the content. */
    void collect(Removal removal) {
        index.forEach(removal.first(), removal.last(), removal::add);
    }

    /**
     * Takes the frames out that a removal has noted. Called again after a failure: frames that have come into the range
     * meanwhile bear no mark and stay. Caller holds the lock of the content.
     */
    void takeOut(Removal removal) {
        if (!removal.isEmpty()) {
            beginRemoval();
            try {
                for (int i = 0; i < removal.count(); i++) {
                    frames.remove(removal.frame(i));
                }
                index.removeIf(removal.first(), removal.last(), isRemoved);
            } finally {
                endRemoval();
            }
        }
        removal.setOut();
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

    /** Caller holds the lock of the content, and takes all pages out. */
    void setClosed() {
        isClosed = true;
    }

    /** The caches forget this. Caller has taken out all pages of a closed cache. */
    void leaveCaches() {
        unregister();
    }

    /** Nothing maps these pages, so that only readers who have come to them by the index may still be there. */
    @Override
    protected int end() {
        // The worker first: without one nothing is changed.
        try (DiscardPages discarding = new DiscardPages(memory, Pte.NONE)) {
            int count = takeAll(discarding);
            // Last: what has failed above is done by the next call.
            unregister();
            discarding.settle();
            return count;
        }
    }

    /** Closes this, and hands all frames over; returns how many. */
    private int takeAll(DiscardPages discarding) {
        content.lock();
        try {
            Removal removal = ending;
            if (removal == null) {
                if (isClosed) {
                    return 0;
                }
                removal = new Removal(0, Long.MAX_VALUE, false);
                collect(removal);
                isClosed = true;
                ending = removal;
            }
            takeOut(removal);
            if (!removal.isEmpty()) {
                discarding.owe();
                removal.handOver(discarding);
            }
            ending = null;
            return removal.count();
        } finally {
            content.unlock();
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
