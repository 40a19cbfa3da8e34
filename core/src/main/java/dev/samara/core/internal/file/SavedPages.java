// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The part of a page cache that reads, writes back and evicts pages that are also stored elsewhere, as those of a file
 * of the host are. Where a method excludes changes of the file, it takes {@link
 * FilePages#lock}. Thread-safe.
 */
public final class SavedPages {
    /** The maximum number of pages that scans of a file may leave in memory. */
    private static final int MOST_RECENT = 512;

    /** Is passed dirty pages. */
    @FunctionalInterface
    public interface DirtyPageVisitor {
        /** Called for each page, in ascending order, while the file is locked. */
        void visit(long page);
    }

    private final FilePages pages;
    private final CachedPages cached;
    private final ReadPages reads;
    private final WriteBack writeBack;
    private final Eviction eviction;
    private final EvictionCursor cursor;

    /**
     * Creates the cache of a file. No page is in memory. None is evicted where memory is short before {@link
     * #evictUrgentlyBy}.
     *
     * @param memory the machine's memory
     * @param size the size of the file in bytes, not negative
     * @param counter has the bytes of the pages in memory of this cache and others
     * @param most the number of pages of all these caches together up to which {@link #evict} is not called
     * @param spare the walk that the evictions of all these caches use in turn
     */
    public SavedPages(MachineMemory memory, long size, AtomicLong counter, long most, SpareWalk spare) {
        pages = FilePages.ofSaved(memory, size);
        PresentPages present = pages.present();
        ReverseMap mappings = pages.reverseMap();
        cached = present.cached;
        cursor = cached.evictBy(counter);
        mappings.whenUnlocked(cursor::noteUnlocked);
        PagesUnderEviction out = new PagesUnderEviction();
        RecentReads recent = new RecentReads((int) Math.min(MOST_RECENT, most / 8), most);
        reads = new ReadPages(pages, memory, cached, recent, out);
        EvictionBatch batch = new EvictionBatch(memory.frames(), cached, cursor, recent, out);
        eviction = new Eviction(memory, mappings, present.removals, batch, spare);
        writeBack = new WriteBack(memory, cached, mappings, present.removals);
    }

    /**
     * Has pages evicted where memory is short. Called before the first page.
     *
     * @param evictor calls {@link #evict} with true, if the conditions hold that it has; called by a reclaim, so it
     *     waits for no lock
     */
    public void evictUrgentlyBy(UrgentEviction evictor) {
        cached.evictUrgentlyBy(evictor);
    }

    /** Returns the page cache, which lookups and mappings use. */
    public FilePages pages() {
        return pages;
    }

    /**
     * Allocates frames with any content, for pages that are read from behind the cache. The caller {@linkplain
     * #freeRead frees} those that it does not insert.
     *
     * @see ReadPages#allocate
     */
    public int allocateForRead(long page, int[] fresh, int most) {
        return reads.allocate(page, fresh, most);
    }

    /**
     * Inserts pages that were read from behind the cache, all of their bytes.
     *
     * @see ReadPages#insert
     */
    public int insertRead(ReadsUnderWay.PageRead read, int[] fresh, boolean isScan) {
        return reads.insert(read, fresh, isScan);
    }

    /**
     * Begins a read past the cache.
     *
     * @see ReadPages#beginUncached
     */
    public ReadsUnderWay.@Nullable PageRead beginUncachedRead(long first, int least, int most) {
        return reads.beginUncached(first, least, most);
    }

    /**
     * Ends a read past the cache.
     *
     * @see ReadPages#endUncached
     */
    public int endUncachedRead(ReadsUnderWay.PageRead read) {
        return reads.endUncached(read);
    }

    /**
     * Ends a read past the cache, for a mapping.
     *
     * @see ReadPages#endUncachedUnchanged
     */
    public int endUncachedUnchanged(ReadsUnderWay.PageRead read) {
        return reads.endUncachedUnchanged(read);
    }

    /**
     * Begins a write past the cache, one write of the file at a time. The caller calls {@link #endWrite}, unless the
     * result is 0.
     *
     * @see ReadPages#beginUncachedWrite
     */
    public int beginUncachedWrite(long first, int most) {
        return reads.beginUncachedWrite(first, most);
    }

    /** Frees frames of {@link #allocateForRead} that were not inserted: those that are not {@link Frames#NONE}. */
    public void freeRead(int[] fresh, int count) {
        reads.free(fresh, count);
    }

    /**
     * Starts a write of pages behind the cache, one at a time. A read of one of these pages that is in progress at any
     * instant before {@link #endWrite} does not insert it. Pages in memory stay there until the write ends, unless a
     * caller removes them to have them read again.
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
     * Writes the dirty pages of a range by a writer. A page that is written stays mapped, and a concurrent store makes
     * it dirty again. A page whose write fails stays dirty. Waits for CPUs, and for other changes of the file.
     *
     * <p>The caller excludes truncations, holes and other write-backs of the file until this returns. Stores and
     * writes may be concurrent, and may make the file larger.
     *
     * @param first the first page
     * @param last the last page, inclusive
     * @param buffer receives copies of pages; of at least one page
     * @param writer writes the copies, without a lock of this cache
     * @return 0, or the first failure of the writer
     */
    public long writeBack(long first, long last, ByteBuffer buffer, PageWriter writer) {
        return writeBack.run(first, last, buffer, writer);
    }

    /** Returns whether evictions have found dirty pages that {@link #tryWriteBack} is to write. */
    public boolean hasDirtyToEvict() {
        return !cursor.dirty().isEmpty();
    }

    /**
     * Writes the dirty pages that evictions found since the last call, like {@link #writeBack}. Never waits for a
     * concurrent change of the file: the pages that are left then are written by the next call.
     */
    public long tryWriteBack(ByteBuffer buffer, PageWriter writer) {
        return writeBack.run(cursor.dirty(), buffer, writer);
    }

    /** Has later evictions try pages again that stayed before, and write all dirty ones first. Takes a short lock. */
    public void retryEviction() {
        cursor.retry();
    }

    /**
     * Scans the next pages, and frees some that are clean and not pinned, mapped or not. May wait for CPUs and for a
     * grace period. Reads of other pages may be concurrent; see {@link NoFrame#EVICTED}.
     *
     * @param isUrgent whether pages get no second chance, and this does not wait for other changes of the file
     * @return the number of freed pages; {@link dev.samara.core.internal.page.PageCaches#BUSY} if another thread
     *     changes the file
     */
    public int evict(boolean isUrgent) {
        return eviction.run(isUrgent);
    }

    /**
     * Frees the oldest pages of recent reads of several pages, with the conditions of {@link #evict}.
     *
     * @return the number of freed pages; {@link dev.samara.core.internal.page.PageCaches#BUSY} if no page-table context
     *     is free
     */
    public int evictRecent() {
        return eviction.runRecent();
    }

    /**
     * Frees the pages of a range that are clean and not pinned, mapped or not, with the conditions of {@link #evict}.
     *
     * @param first the first page
     * @param last the last page, inclusive
     */
    public void evictRange(long first, long last) {
        eviction.runRange(first, last);
    }

    /** Returns whether the next {@link #evict} begins with the first page. */
    public boolean isEvictionAtStart() {
        return cursor.isAtStart();
    }

    /** Waits for the eviction and the other changes of the file that are under way. */
    public void awaitChange() {
        // Holding the lock once is the wait; nothing is done under it.
        pages.lock();
        pages.unlock();
    }

    /**
     * Passes the dirty pages of a range to a visitor, in ascending order. Waits for other changes of the file; the
     * caller excludes write-backs, during which a page has no mark.
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

    /** Marks the pages of a range that are in memory as written. Waits for other changes of the file. */
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
