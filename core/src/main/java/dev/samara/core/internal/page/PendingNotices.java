// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.internal.sync.Addresses;
import org.jspecify.annotations.Nullable;

/**
 * The pending notices of first writes ({@code page_mkwrite}) to backings in one space. A fault calls the backing
 * without a lock, for as long as the backing takes, and then makes the page writable. A notice that started before the
 * page or the right was removed must not permit a later write.
 *
 * <p>Two kinds of events make a notice stale, and for each kind there is a word that detects it:
 *
 * <ul>
 *   <li>The VMA is narrowed, guarded, moved, replaced or unmapped. The VMA is detached before its entries change, and
 *       the fault checks for that.
 *   <li>The page is removed while the VMA stays, by an advice or because the page is removed from its cache. {@link
 *       #expire} marks the notices of the range before the walk that removes pages.
 * </ul>
 *
 * <p>The fault checks both words under the lock of the leaf, after it linked the leaf. Either it sees the event, or the
 * walk after the event finds the leaf, takes its lock later, and removes the page or the right again.
 *
 * <p>A scan for written pages removes no right, so it makes no notice stale. Thread-safe.
 */
public final class PendingNotices {
    /** One notice. It lasts from before the backing is called to the end of the fault's attempt. */
    public static final class Notice {
        private final long address;

        /**
         * Written: a thread that is about to remove pages (volatile).
         * Read: the fault, holding the lock of the leaf that it has linked (volatile).
         * Pairs: a thread that removes pages sets the word, then walks; a fault links the leaf, then reads the word.
         *     Either the fault calls the backing again, or the walk acquires the leaf's lock later.
         * Invariant: never reset.
         */
        private volatile boolean isStale;

        /* Guarded by the monitor of the list. */
        private @Nullable Notice previous;
        private @Nullable Notice next;

        private Notice(long address) {
            this.address = address;
        }

        /**
         * Returns whether the page was removed since the notice started, so that the fault must call the backing again.
         * The caller holds the lock of the leaf that contains the entry.
         */
        public boolean isStale() {
            return isStale;
        }
    }

    /**
     * The number of notices. Written under the monitor and read without it, so that an operation that removes pages
     * does not enter the monitor if this is 0.
     *
     * <p>Written: faults, before a backing is called for a first write and after the fault's attempt, with the list of
     *     notices (monitor, volatile).
     * Read: a thread that is about to remove pages, before it takes the monitor (volatile).
     * Pairs: a thread that removes pages reads {@code count}, makes notices stale, fences (full), then walks. A fault
     *     begins a notice, and then calls the backing. A notice that the thread does not find was begun later than the
     *     call that removes pages.
     * Invariant: every notice in progress is in the list.
     */
    private volatile int count;

    /**
     * Words: {@code first}, and {@code previous} and {@code next} of a notice.
     * Written: faults, before a backing is called for a first write and after the fault's attempt (monitor).
     * Read: these faults; a thread that is about to remove pages (monitor).
     * Invariant: the list that {@code count} counts.
     */
    @GuardedBy("this")
    private @Nullable Notice first;

    PendingNotices() {}

    /**
     * Starts a notice. After this, the caller calls the backing, and then {@link #end}.
     *
     * @param address the address of the access
     */
    public synchronized Notice begin(long address) {
        Notice notice = new Notice(address);
        notice.next = first;
        if (first != null) {
            first.previous = notice;
        }
        first = notice;
        count++;
        return notice;
    }

    /**
     * Ends a notice. Allocates nothing.
     *
     * @param notice a notice that was started here and not ended yet
     */
    public synchronized void end(Notice notice) {
        Notice before = notice.previous;
        Notice behind = notice.next;
        if (before == null) {
            first = behind;
        } else {
            before.next = behind;
        }
        if (behind != null) {
            behind.previous = before;
        }
        count--;
    }

    /**
     * Makes the notices of a range stale. After this call, the caller executes a full fence, walks the range and
     * removes pages.
     *
     * @param start the first address
     * @param end the end of the range, exclusive
     */
    public void expire(long start, long end) {
        if (count != 0) {
            expireAny(start, end);
        }
    }

    private synchronized void expireAny(long start, long end) {
        for (Notice notice = first; notice != null; notice = notice.next) {
            // Compared unsigned and relative to the start, so that a range may end with the last address.
            if (Addresses.contains(start, end, notice.address)) {
                notice.isStale = true;
            }
        }
    }
}
