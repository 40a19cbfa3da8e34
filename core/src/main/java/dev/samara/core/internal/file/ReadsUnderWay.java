// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import org.jspecify.annotations.Nullable;

/**
 * The pages of one file that are being read from behind the cache by code that no lock of the library excludes. The
 * removal of such a page marks its read as stale: the content may be older than the removal, so it is not inserted.
 * Guarded by the content's lock.
 */
public final class ReadsUnderWay {
    /** One read. */
    public static final class PageRead {
        private final long page;
        private boolean isStale;
        private @Nullable PageRead next;

        PageRead(long page) {
            this.page = page;
        }

        /** Returns whether the page was removed since the read began. */
        boolean isStale() {
            return isStale;
        }

        long page() {
            return page;
        }
    }

    /** Linked by their own fields: a removal needs no memory for them, and the readers are few. */
    private @Nullable PageRead first;

    void add(PageRead read) {
        read.next = first;
        first = read;
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
            one.isStale |= one.page >= from && one.page <= last;
        }
    }
}
