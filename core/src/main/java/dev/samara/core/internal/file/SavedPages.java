// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The part of a page cache that reads, writes back and evicts pages that are also stored elsewhere, e.g. in a host
 * file. Methods that exclude changes of the file acquire {@link FilePages#lock}. Thread-safe.
 */
public final class SavedPages {
    /** The maximum number of pages that sequential reads of a file may leave in memory. */
    private static final int MOST_RECENT = 512;

    /** Receives dirty pages. */
    @FunctionalInterface
    public interface DirtyPageVisitor {
        /** Called for each page, in ascending order, while the file is locked. */
        void visit(long page);
    }

    private final FilePages pages;
    private final CachedPages cached;
    private final ReadPages reads;
    private final WriteBack writeBack;
    private final Removals removals;
    private final Eviction eviction;
    private final EvictionCursor cursor;

    /**
     * Creates the cache of a file, without pages. A shortage of memory evicts its pages only after {@link
     * #evictUrgentlyBy}.
     *
     * @param memory the machine's memory
     * @param size the size of the file in bytes, not negative
     * @param counter counts the bytes of the pages that this cache and others have in memory
     * @param most the total number of pages of all these caches up to which {@link #evict} is not called
     * @param spare the walk that the evictions of all these caches use in turn
     */
    public SavedPages(MachineMemory memory, long size, AtomicLong counter, long most, SpareWalk spare) {
        pages = FilePages.ofSaved(memory, size);
        PresentPages present = pages.present();
        ReverseMap mappings = pages.reverseMap();
        cached = present.cached;
        removals = present.removals;
        cursor = cached.evictBy(counter);
        mappings.whenUnlocked(cursor::noteUnlocked);
        PagesUnderEviction out = new PagesUnderEviction();
        RecentReads recent = new RecentReads((int) Math.min(MOST_RECENT, most / 8), most);
        reads = new ReadPages(pages, memory, cached, recent, out);
        EvictionBatch batch = new EvictionBatch(memory.frames(), cached, cursor, recent, out);
        eviction = new Eviction(memory, mappings, removals, batch, spare);
        writeBack = new WriteBack(memory, cached, mappings, removals);
    }

    /**
     * Sets the evictor to call when memory is short. Called before the first page is inserted.
     *
     * @param evictor calls {@link #evict} with true, if the evictor's own conditions are met; it is called by a
     *     reclaim, so it waits for no lock
     */
    public void evictUrgentlyBy(UrgentEviction evictor) {
        cached.evictUrgentlyBy(evictor);
    }

    /** Returns the page cache that lookups and mappings use. */
    public FilePages pages() {
        return pages;
    }

    /**
     * Allocates frames with arbitrary content, for pages to be read into the cache. The caller {@linkplain #freeRead
     * frees} the frames that it does not insert.
     *
     * @see ReadPages#allocate
     */
    public int allocateForRead(long page, int[] fresh, int most) {
        return reads.allocate(page, fresh, most);
    }

    /**
     * Inserts pages that were read completely.
     *
     * @see ReadPages#insert
     */
    public int insertRead(ReadsUnderWay.PageRead read, int[] fresh, boolean isScan) {
        return reads.insert(read, fresh, isScan);
    }

    /**
     * Starts a read that bypasses the cache.
     *
     * @see ReadPages#beginUncached
     */
    public ReadsUnderWay.@Nullable PageRead beginUncachedRead(long first, int least, int most) {
        return reads.beginUncached(first, least, most);
    }

    /**
     * Ends a read that bypasses the cache.
     *
     * @see ReadPages#endUncached
     */
    public int endUncachedRead(ReadsUnderWay.PageRead read) {
        return reads.endUncached(read);
    }

    /**
     * Ends a read that bypasses the cache, on behalf of a mapping.
     *
     * @see ReadPages#endUncachedUnchanged
     */
    public int endUncachedUnchanged(ReadsUnderWay.PageRead read) {
        return reads.endUncachedUnchanged(read);
    }

    /**
     * Starts a write that bypasses the cache. There is only one write of the file at a time. The caller calls {@link
     * #endWrite}, unless the result is 0.
     *
     * @see ReadPages#beginUncachedWrite
     */
    public int beginUncachedWrite(long first, int most) {
        return reads.beginUncachedWrite(first, most);
    }

    /** Frees the frames of {@link #allocateForRead} that were not inserted, i.e. that are not {@link Frames#NONE}. */
    public void freeRead(int[] fresh, int count) {
        reads.free(fresh, count);
    }

    /**
     * Starts a write of pages to the file's storage. There is only one write at a time. A read of one of these pages
     * that is in progress at any time before {@link #endWrite} does not insert the page. Pages in memory stay there
     * until the write ends, unless a caller removes them so that they are read again.
     */
    public void beginWrite(long first, long last) {
        cached.content().lock();
        try {
            cached.reads().beginWrite(first, last);
        } finally {
            cached.content().unlock();
        }
    }

    /** Ends a write. Cannot fail. */
    public void endWrite() {
        cached.reads().endWrite();
    }

    /**
     * Writes the dirty pages of a range with a writer. A page stays mapped while it is written, and a concurrent store
     * makes it dirty again. A page whose write fails stays dirty. Waits for CPUs, and for other changes of the file.
     *
     * <p>The caller excludes truncations, holes and other write-backs of the file until this returns. Stores and writes
     * may be concurrent, and may make the file larger.
     *
     * @param first the first page
     * @param last the last page, inclusive
     * @param alsoFailed whether to write also pages whose last write failed
     * @param buffer receives copies of pages; its capacity is at least one page
     * @param writer writes the copies, without a lock of this cache
     * @return 0, or the first failure of the writer
     */
    public long writeBack(long first, long last, boolean alsoFailed, ByteBuffer buffer, PageWriter writer) {
        return writeBack.run(first, last, alsoFailed, buffer, writer);
    }

    /** Returns whether evictions found dirty pages that {@link #tryWriteBack} should write. */
    public boolean hasDirtyToEvict() {
        return !cursor.dirty().isEmpty();
    }

    /**
     * Writes the dirty pages that evictions found since the last call, like {@link #writeBack}. Never waits for a
     * concurrent change of the file, but leaves the remaining pages to the next call.
     */
    public long tryWriteBack(ByteBuffer buffer, PageWriter writer) {
        return writeBack.run(cursor.dirty(), buffer, writer);
    }

    /**
     * Makes later evictions retry pages that earlier evictions left in memory, and makes the next {@link #tryWriteBack}
     * write all dirty pages. Acquires a lock that is held only briefly.
     */
    public void retryEviction() {
        cursor.retry();
    }

    /**
     * Scans the next pages, and frees some of the clean pages that are not pinned, whether they are mapped or not. May
     * wait for CPUs and for a grace period. Reads of other pages may be concurrent; see {@link NoFrame#EVICTED}.
     *
     * @param isUrgent whether pages get no second chance, and whether the call returns instead of waiting for other
     *     changes of the file
     * @return the number of freed pages; {@link dev.samara.core.internal.page.PageCaches#BUSY} if another thread
     *     changes the file
     */
    public int evict(boolean isUrgent) {
        return eviction.run(isUrgent);
    }

    /**
     * Frees the oldest pages of recent multi-page reads, under the conditions of {@link #evict}.
     *
     * @return the number of freed pages; {@link dev.samara.core.internal.page.PageCaches#BUSY} if no page-table context
     *     is free
     */
    public int evictRecent() {
        return eviction.runRecent();
    }

    /**
     * Frees the pages of a range that are clean and not pinned, whether they are mapped or not, under the conditions of
     * {@link #evict}.
     *
     * @param first the first page
     * @param last the last page, inclusive
     */
    public void evictRange(long first, long last) {
        eviction.runRange(first, last);
    }

    /** Returns whether the next {@link #evict} starts at page 0. */
    public boolean isEvictionAtStart() {
        return cursor.isAtStart();
    }

    /**
     * Returns whether no page of a range is in memory or about to be removed. Waits for other changes of the file, e.g.
     * an eviction that may put a page back.
     */
    public boolean areAbsent(long first, long last) {
        pages.lock();
        try {
            return removals.unfinished() == null && pages.countPages(first, last) == 0;
        } finally {
            pages.unlock();
        }
    }

    /** Waits for an eviction or another change of the file that is under way. */
    public void awaitChange() {
        // Acquiring the lock is the wait; nothing is done while it is held.
        pages.lock();
        pages.unlock();
    }

    /**
     * Passes the dirty pages of a range to a visitor, in ascending order. Waits for other changes of the file. The
     * caller excludes write-backs, because they clear the mark of a page while they write it.
     *
     * @param first the first page
     * @param last the last page, inclusive
     */
    public void findDirty(long first, long last, DirtyPageVisitor visitor) {
        pages.lock();
        try {
            new DirtyPageScan(pages.memory().frames(), cached, pages.reverseMap()).run(first, last, visitor);
        } finally {
            pages.unlock();
        }
    }

    /** Marks the pages of a range that are in memory as dirty. Waits for other changes of the file. */
    public void setDirty(long first, long last) {
        pages.lock();
        try {
            cached.index().forEach(first, last, pages.memory().frames()::setDirty);
        } finally {
            pages.unlock();
        }
    }

    @Override
    public String toString() {
        return pages.toString();
    }
}
