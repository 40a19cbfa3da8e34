// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.page.Frames;
import java.util.Arrays;

/**
 * A queue of the most recent multi-page reads of one file, whose oldest pages are freed first. It is the small queue of
 * S3-FIFO. So a long sequential read uses only few frames, which stay in the CPU caches, and does not displace the
 * other pages from memory. If the queue is full, its oldest read is removed from the queue, but its pages are not
 * freed.
 *
 * <p>The queue remembers blocks of pages that it freed ({@code mm/workingset.c}). A read of such a block is not added
 * to the queue, because its pages were read again soon after they were freed. Guarded by the content lock.
 */
final class RecentReads {
    /** Binary logarithm of the number of pages of a block. */
    private static final int BLOCK_SHIFT = 5;

    private static final int COUNT_BITS = 16;

    /**
     * The initial capacity of the queue in pages, which doubles when freed pages are read again. It is so small that
     * the frames stay in a processor's L2 cache.
     */
    private static final int FEWEST = 128;

    /**
     * The upper bound of {@link #most}.
     *
     * <p>Words: all fields of {@code RecentReads}.
     * Written: holder of {@code content} (plain).
     * Read: holder of {@code content} (plain).
     * Invariant: the recent reads of several pages.
     */
    private final int longest;

    /**
     * The current maximum number of pages in the queue. Doubled when freed pages are read again, e.g. because several
     * threads read the file, or one thread alternates between several parts of it.
     */
    private int most;

    /**
     * A ring buffer of the reads. An element contains the first page of the read, and the number of pages in its low
     * bits.
     */
    private long[] reads = new long[8];

    private int oldest;
    private int size;

    /** The number of pages of all reads. */
    private int pages;

    /** The maximum number of elements of {@link #freed}. */
    private final int mostFreed;

    /**
     * The blocks that were freed, as a hash table. The low bits of a block number are the index; the element is the low
     * 32 bits, plus 1, of the last freed block with this index. Empty before the first {@link #collect}, and at most as
     * long as the file has blocks. The length is a power of two.
     */
    private int[] freed = {};

    /**
     * Creates an empty queue.
     *
     * @param longest the upper bound of the queue's capacity in pages
     * @param horizon the number of freed pages whose blocks are remembered
     */
    RecentReads(int longest, long horizon) {
        this.longest = longest;
        most = Math.min(longest, FEWEST);
        mostFreed = (int) Math.max(1, Math.min(1 << 20, horizon >>> BLOCK_SHIFT));
    }

    /**
     * Adds a read, unless its first page is in a block that was freed before, or the read has more than half of the
     * maximum number of pages. If memory runs out, nothing changes.
     *
     * @param length the size of the file in pages, which also limits the queue
     */
    void add(long first, int count, long length) {
        if (wasFreed(first >>> BLOCK_SHIFT)) {
            most = Math.min(longest, 2 * most);
            return;
        }
        if (count > most / 2) {
            return;
        }
        if (size == reads.length && 2 * size <= most) {
            long[] longer = new long[2 * size];
            for (int i = 0; i < size; i++) {
                longer[i] = reads[(oldest + i) & (size - 1)];
            }
            reads = longer;
            oldest = 0;
        }
        while (size > 0 && (size == reads.length || pages + count > Math.min(most, length))) {
            take();
        }
        reads[(oldest + size++) & (reads.length - 1)] = first << COUNT_BITS | count;
        pages += count;
    }

    private boolean wasFreed(long block) {
        int at = (int) block & (freed.length - 1);
        if (freed.length == 0 || freed[at] != (int) block + 1) {
            return false;
        }
        freed[at] = 0;
        return true;
    }

    private void noteFreed(long block) {
        freed[(int) block & (freed.length - 1)] = (int) block + 1;
    }

    private static int count(long read) {
        return (int) read & (1 << COUNT_BITS) - 1;
    }

    /** Removes the oldest read and returns it. The queue must not be empty. */
    private long take() {
        long read = reads[oldest];
        oldest = (oldest + 1) & (reads.length - 1);
        size--;
        pages -= count(read);
        return read;
    }

    /**
     * Removes the oldest reads as long as at least half of the maximum number of pages stays, and collects the pages of
     * the removed reads that are in memory, in ascending order.
     *
     * @param length the size of the file in pages
     * @param found receives the page numbers
     * @param frames receives the frames; has the same length as {@code found}
     * @return the number of pages found
     */
    int collect(PageIndex index, long length, long[] found, int[] frames) {
        int blocks = Integer.highestOneBit((int) Math.max(1, Math.min(mostFreed, length >>> BLOCK_SHIFT)));
        if (freed.length < blocks) {
            freed = new int[blocks];
        }
        int taken = 0;
        while (size > 0 && pages - count(reads[oldest]) >= most / 2 && taken + count(reads[oldest]) <= found.length) {
            long read = take();
            long first = read >>> COUNT_BITS;
            noteFreed(first >>> BLOCK_SHIFT);
            for (int i = 0; i < count(read); i++) {
                found[taken++] = first + i;
            }
        }
        Arrays.sort(found, 0, taken);
        index.get(found, taken, frames);
        int kept = 0;
        for (int i = 0; i < taken; i++) {
            if (frames[i] != Frames.NONE && (kept == 0 || found[kept - 1] != found[i])) {
                found[kept] = found[i];
                frames[kept++] = frames[i];
            }
        }
        return kept;
    }
}
