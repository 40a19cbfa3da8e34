// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import java.nio.ByteBuffer;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The dirty pages that evictions of one file have found since these were written last, as one range. So a write-back
 * for an eviction does not go over all pages of the file each time. Takes the lock of the content, for moments.
 */
final class DirtyFound {
    private final ReentrantLock content;

    /* Both guarded by the lock of the content. */

    private long first = Long.MAX_VALUE;
    private long last = -1;

    DirtyFound(ReentrantLock content) {
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
     * Writes the pages. Does not wait for a concurrent change of the file: the pages that are left then are written by
     * the next call. The caller excludes other write-backs.
     *
     * @return 0, or the first failure of the writer; the next call does not retry pages whose write failed
     */
    long write(WriteBack writeBack, ByteBuffer buffer, PageWriter writer) {
        long from;
        long to;
        content.lock();
        try {
            from = first;
            to = last;
            first = Long.MAX_VALUE;
            last = -1;
        } finally {
            content.unlock();
        }
        long left = from;
        try {
            long failure = writeBack.run(from, to, buffer, writer, false);
            left = writeBack.reached();
            return failure;
        } finally {
            if (left >= 0) {
                add(left, to);
            }
        }
    }
}
