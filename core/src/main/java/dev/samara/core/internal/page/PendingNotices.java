// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import org.jspecify.annotations.Nullable;

/**
 * The notices of first writes ({@code page_mkwrite}) that backings are being given in one space. A fault asks the
 * backing without any lock, for as long as that takes, and then makes the page writable; a notice from before the page
 * or the right was taken away must not serve for the write after that.
 *
 * <p>Two events make a notice stale, and each is detected by another word:
 *
 * <ul>
 *   <li>The VMA is narrowed, guarded, moved, replaced or unmapped: it is detached before its entries change, and the
 *       fault looks at that.
 *   <li>The page is taken away and the VMA stays, by an advice or because the page leaves its cache: {@link #expire}
 *       marks the notices of the range before the walk that takes pages.
 * </ul>
 *
 * <p>The fault looks at both under the lock of the leaf, after it has linked that. So either it sees the event, or the
 * walk that follows the event finds the leaf, takes its lock later, and takes the page or the right away again.
 *
 * <p>A collection of written pages takes no right away, so it makes no notice stale. Thread-safe.
 */
public final class PendingNotices {
    /** One notice, from before the backing is asked to the end of the fault's attempt. */
    public static final class Notice {
        private final long address;
        private volatile boolean isStale;

        /* Guarded by the list. */
        private @Nullable Notice previous;
        private @Nullable Notice next;

        private Notice(long address) {
            this.address = address;
        }

        /**
         * Whether the page has been taken away since the notice began. Caller holds the lock of the leaf that has the
         * entry.
         *
         * @return true if the backing must be asked again
         */
        public boolean isStale() {
            return isStale;
        }
    }

    /** Written under the monitor, read without it: an operation that takes pages away passes by where there is none. */
    private volatile int count;

    /* Guarded by this. */
    private @Nullable Notice first;

    /** Made by a page table. */
    PendingNotices() {}

    /**
     * Begins a notice. Caller asks the backing after this.
     *
     * @param address of the access
     * @return the notice, to be ended
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
     * @param notice one that was begun here and has not been ended
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
     * Makes the notices of a range stale. Caller is about to walk the range and to take pages away, with a full fence
     * between this and the walk.
     *
     * @param start the first address
     * @param end behind the last
     */
    public void expire(long start, long end) {
        if (count != 0) {
            expireAny(start, end);
        }
    }

    private synchronized void expireAny(long start, long end) {
        for (Notice notice = first; notice != null; notice = notice.next) {
            // Unsigned, also for a range that ends with the last address.
            if (Long.compareUnsigned(notice.address - start, end - start) < 0) {
                notice.isStale = true;
            }
        }
    }
}
