// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import java.util.concurrent.locks.ReentrantLock;

/**
 * One range that contains the dirty pages that evictions of one file found since the last write-back of such pages. So
 * a write-back for an eviction need not visit all pages of the file. Acquires the content lock briefly.
 */
final class EvictionDirtyRange {
    private final ReentrantLock content;

    /* Both guarded by the content lock. */

    /**
     * Words: {@code first}, {@code last}.
     * Written: holder of {@code content} (plain).
     * Read: holder of {@code content} (plain).
     * Invariant: a range that contains every dirty page that an eviction found since the last write-back of such pages.
     */
    private long first = Long.MAX_VALUE;

    private long last = -1;

    EvictionDirtyRange(ReentrantLock content) {
        this.content = content;
    }

    /** Adds pages of a range, inclusive. */
    void add(long from, long to) {
        content.lock();
        try {
            first = Math.min(first, from);
            last = Math.max(last, to);
        } finally {
            content.unlock();
        }
    }

    boolean isEmpty() {
        content.lock();
        try {
            return first > last;
        } finally {
            content.unlock();
        }
    }

    /**
     * Returns the first and the last page of the range, inclusive, and empties the range. If the range was empty, the
     * first page is larger than the last one.
     */
    long[] take() {
        // Allocated before the range is emptied, because there may be no memory.
        long[] taken = new long[2];
        content.lock();
        try {
            taken[0] = first;
            taken[1] = last;
            first = Long.MAX_VALUE;
            last = -1;
            return taken;
        } finally {
            content.unlock();
        }
    }
}
