// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import org.jspecify.annotations.Nullable;

/**
 * The pages of one file that are being read from behind the cache without a lock of the library. What
 * changes the content behind the cache, or asks for a new read, makes the read of such a page stale: the bytes may be
 * older than the change, so the page is not inserted. Reads of other pages are not affected. There are two changes:
 *
 * <ul>
 *   <li>A removal of pages makes the reads stale that are under way at its instant.
 *   <li>A write of pages, of which there is one at a time, makes the reads stale that are under way at any instant
 *       between its start and its end. The pages being written are pinned, or none of them is in memory. So another
 *       page can only be inserted in their place after the end of the write, or after a removal.
 * </ul>
 *
 * <p>Guarded by the content's lock, but for {@link #endWrite}.
 */
public final class ReadsUnderWay {
    /** One read of consecutive pages. */
    public static final class PageRead {
        private final long first;
        private final long last;

        /** The pages that are stale: up to {@link #staleLast}, and none if that is smaller. */
        private long staleFirst = Long.MAX_VALUE;

        private long staleLast = -1;
        private @Nullable PageRead next;

        PageRead(long first, int count) {
            this.first = first;
            last = first + count - 1;
        }

        /**
         * Returns whether a page was removed or written since the read began. May be true of another page between two
         * such pages, too, but never of the first page of the read.
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
     * Linked by their own fields: a removal needs no memory for them, and the readers are few.
     *
     * @words {@code first}, {@code writtenFirst}, and of a read {@code staleFirst}, {@code staleLast}, {@code next}
     * @written holder of {@code content} (plain)
     * @read holder of {@code content} (plain)
     * @invariant the reads under way, with the pages of each that are stale; {@code writtenFirst} has a meaning only
     *     while {@code writtenLast} is not negative
     */
    private @Nullable PageRead first;

    /** The first page that is being written, unless {@link #writtenLast} is negative. */
    private long writtenFirst;

    /**
     * The last page that is being written; negative for none.
     *
     * @written the holder of {@code writeBack}, before a write of pages to the host under {@code content}, and after it
     *     (volatile)
     * @read a thread that starts a read of pages from behind the cache, under {@code content}; the holder of {@code
     *     writeBack} in an assertion (volatile)
     * @pairs a read that finds no write starts after the end of the last one, and sees its bytes
     * @invariant the last page of the write under way; negative only if there is none
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

    /** Notes a removal of the pages of a range, inclusive. */
    void noteRemoval(long from, long last) {
        for (PageRead one = first; one != null; one = one.next) {
            one.noteChange(from, last);
        }
    }

    /** Notes the start of a write of the pages of a range, inclusive. Writes of one file do not overlap in time. */
    void beginWrite(long from, long last) {
        assert writtenLast < 0 : "two writes of one file at a time";
        writtenFirst = from;
        writtenLast = last;
        noteRemoval(from, last);
    }

    /**
     * Notes the end of the write. Cannot fail, and so takes no lock: a read that finds no write starts after the end.
     */
    void endWrite() {
        writtenLast = -1;
    }
}
