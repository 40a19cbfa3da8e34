// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import java.util.concurrent.locks.ReentrantLock;

/**
 * The dirty pages that evictions of one file have found since these were written last, as one range. So a write-back
 * for an eviction does not go over all pages of the file each time. Takes the lock of the content, for moments.
 */
final class EvictionDirtyRange {
    private final ReentrantLock content;

    /* Both guarded by the lock of the content. */

    /**
     * @words {@code first}, {@code last}
     * @written holder of {@code content} (plain)
     * @read holder of {@code content} (plain)
     * @invariant a range with every dirty page that an eviction has found since these were written last
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
     * Returns the first and the last page of the range, inclusive, and forgets them. The first is larger if there are
     * none.
     */
    long[] take() {
        // Before anything is forgotten: there may be no memory.
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
