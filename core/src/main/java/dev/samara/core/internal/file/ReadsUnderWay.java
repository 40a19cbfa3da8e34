// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import org.jspecify.annotations.Nullable;

/**
 * The pages of one file that are being read into the cache without a lock of the library. An operation that changes the
 * stored content, or requires a new read, makes the read of the page stale. The bytes that were read may be older than
 * the change, so the page is not inserted. Reads of other pages are not affected. Two operations make reads stale:
 *
 * <ul>
 *   <li>A removal of pages makes stale all reads of these pages that are under way at that time.
 *   <li>A write of pages makes stale all reads of these pages that are under way at any time between its start and its
 *       end. There is one write at a time. The pages being written are either all pinned, or none of them is in memory.
 *       So a frame can be inserted for one of these pages only after the end of the write, or after a removal.
 * </ul>
 *
 * <p>Guarded by the content lock, except for {@link #endWrite}.
 */
public final class ReadsUnderWay {
    /** One read of consecutive pages. */
    public static final class PageRead {
        private final long first;
        private final long last;

        /**
         * The first of the stale pages; {@link #staleLast} is the last one. No page is stale if {@code staleLast} is
         * smaller.
         */
        private long staleFirst = Long.MAX_VALUE;

        private long staleLast = -1;
        private @Nullable PageRead next;

        PageRead(long first, int count) {
            this.first = first;
            last = first + count - 1;
        }

        /**
         * Returns whether a page was removed or written since the read started. May also return true for an unchanged
         * page between two changed ones, but never for an unchanged first page of the read.
         */
        boolean isStale(long page) {
            return page >= staleFirst && page <= staleLast;
        }

        /** Returns the first stale page, or {@link Long#MAX_VALUE} if there is none. */
        long firstStale() {
            return staleFirst;
        }

        long page() {
            return first;
        }

        /** Returns the number of pages. */
        public int count() {
            return (int) (last - first) + 1;
        }

        private void noteChange(long from, long to) {
            if (from <= last && to >= first) {
                staleFirst = Math.min(staleFirst, Math.max(from, first));
                staleLast = Math.max(staleLast, Math.min(to, last));
            }
        }
    }

    /**
     * The reads are linked by their own fields, so that a removal needs no memory. There are only few reads at a time.
     *
     * <p>Words: {@code first}, {@code writtenFirst}, and of a read {@code staleFirst}, {@code staleLast}, {@code next}.
     * Written: holder of {@code content} (plain).
     * Read: holder of {@code content} (plain).
     * Invariant: the reads under way, with the stale pages of each read; {@code writtenFirst} is valid only while
     *     {@code writtenLast} is not negative.
     */
    private @Nullable PageRead first;

    /** The first page that is being written, unless {@link #writtenLast} is negative. */
    private long writtenFirst;

    /**
     * The last page that is being written, or negative if no write is under way.
     *
     * <p>Written: the holder of {@code writeBack}, before a write of pages to the host under {@code content}, and after
     *     it (volatile).
     * Read: a thread that starts a read of pages into the cache, under {@code content}; the holder of {@code writeBack}
     *     in an assertion (volatile).
     * Pairs: a read that finds no write starts after the end of the last write, and sees the bytes that were written.
     * Invariant: the last page of the write under way; negative only if there is none.
     */
    private volatile long writtenLast = -1;

    void add(PageRead read) {
        read.next = first;
        first = read;
        long last = writtenLast;
        if (last >= 0) {
            read.noteChange(writtenFirst, last);
        }
    }

    void remove(PageRead read) {
        if (first == read) {
            first = read.next;
            return;
        }
        for (PageRead one = first; one != null; one = one.next) {
            if (one.next == read) {
                one.next = read.next;
                return;
            }
        }
    }

    /** Records a removal of the pages from {@code from} to {@code last}, inclusive. */
    void noteRemoval(long from, long last) {
        for (PageRead one = first; one != null; one = one.next) {
            one.noteChange(from, last);
        }
    }

    /**
     * Records the start of a write of the pages from {@code from} to {@code last}, inclusive. Writes of one file do not
     * overlap in time.
     */
    void beginWrite(long from, long last) {
        assert writtenLast < 0 : "two writes of one file at a time";
        writtenFirst = from;
        writtenLast = last;
        noteRemoval(from, last);
    }

    /**
     * Records the end of the write. It needs no lock, because a read that finds no write starts after the end. So it
     * cannot fail.
     */
    void endWrite() {
        writtenLast = -1;
    }
}
