// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.page.Frames;
import java.util.Arrays;

/**
 * The last reads of several consecutive pages of one file, the oldest of which are freed first: the small queue of
 * S3-FIFO. A long scan so uses few frames, which stay in the caches of a processor, and leaves the other pages in
 * memory. A read leaves the queue without being freed where the queue is full.
 *
 * <p>The queue remembers blocks of pages that it has freed ({@code mm/workingset.c}). A read of such a block does not
 * come into the queue: its pages are used more often than the queue is long. Guarded by the lock of the content.
 */
final class RecentReads {
    /** Binary logarithm of the number of pages of a block. */
    private static final int BLOCK_SHIFT = 5;

    private static final int COUNT_BITS = 16;

    /** The length of a queue of which no page was read again: its frames stay in the second cache of a processor. */
    private static final int FEWEST = 128;

    /**
     * The most pages that there can be.
     *
     * @words all fields of {@code RecentReads}, {@code PagesUnderEviction}
     * @written holder of {@code content} (plain)
     * @read holder of {@code content} (plain)
     * @invariant the recent reads of several pages; the pages of the eviction under way, in ascending order
     */
    private final int longest;

    /** The most pages. Doubled when freed pages are read again: several threads read the file, or one does in turns. */
    private int most;

    /** The reads as a ring: the first page of each, and their number in the low bits. */
    private long[] reads = new long[8];

    private int oldest;
    private int size;

    /** The number of pages of all reads. */
    private int pages;

    /** The most elements of {@link #freed}. */
    private final int mostFreed;

    /**
     * At the low bits of a block: the low bits of the last one that was freed, plus 1. Empty before the first one, and
     * no longer than the file has blocks. The length is a power of two.
     */
    private int[] freed = {};

    /**
     * Makes an empty queue.
     *
     * @param longest the most pages that there can be
     * @param horizon the number of pages of which the last freed ones are remembered
     */
    RecentReads(int longest, long horizon) {
        this.longest = longest;
        most = Math.min(longest, FEWEST);
        mostFreed = (int) Math.max(1, Math.min(1 << 20, horizon >>> BLOCK_SHIFT));
    }

    /**
     * Adds a read of some pages, unless it is of a block that was freed before, or of half of the most pages. Without
     * memory, nothing changes.
     *
     * @param length the size of the file in pages: the queue of a small file is short
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

    /** Removes the oldest read, which there must be, and returns it. */
    private long take() {
        long read = reads[oldest];
        oldest = (oldest + 1) & (reads.length - 1);
        size--;
        pages -= count(read);
        return read;
    }

    /**
     * Removes the oldest reads while more than half of the most pages stay, and collects their pages that are in
     * memory, in ascending order.
     *
     * @param length the size of the file in pages
     * @param found receives the page numbers
     * @param frames receives the frames; as long as {@code found}
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
