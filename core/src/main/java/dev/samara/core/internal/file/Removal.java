// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.pagewalk.DiscardPages;
import java.util.Arrays;

/**
 * The record of one removal of pages from a file: the removed frames, and the progress of the removal. Every step can
 * be repeated after a failure, so another thread can continue the removal.
 *
 * <p>The frames are added before the first of them is removed from the index. Adding is the only step that needs memory
 * for the record, and a removal that fails in this step has changed nothing.
 */
final class Removal {
    private final long first;
    private final long last;
    private final boolean alsoCopies;
    private int[] frames;
    private int count;
    private boolean isOut;

    /**
     * Creates the record of a removal without frames.
     *
     * @param first the first page
     * @param last the last page, inclusive
     * @param alsoCopies whether private copies of the pages are also removed
     * @param room the number of frames that can be added without an allocation
     */
    Removal(long first, long last, boolean alsoCopies, int room) {
        this.first = first;
        this.last = last;
        this.alsoCopies = alsoCopies;
        frames = new int[room];
    }

    Removal(long first, long last, boolean alsoCopies) {
        this(first, last, alsoCopies, 16);
    }

    long first() {
        return first;
    }

    long last() {
        return last;
    }

    /** Returns whether all pages of the file are removed. */
    boolean isOfAll() {
        return first == 0 && last == Long.MAX_VALUE;
    }

    boolean alsoCopies() {
        return alsoCopies;
    }

    void add(int frame) {
        if (count == frames.length) {
            frames = Arrays.copyOf(frames, 2 * count);
        }
        frames[count++] = frame;
    }

    boolean isEmpty() {
        return count == 0;
    }

    int count() {
        return count;
    }

    int frame(int i) {
        return frames[i];
    }

    /** Returns whether all frames were removed from the index and marked removed. */
    boolean isOut() {
        return isOut;
    }

    void setOut() {
        isOut = true;
    }

    /**
     * Defers the drop of the frames until the pending flush is complete. If the flush fails, the close of {@code
     * discarding} drops them. The caller has already removed every entry that maps one of the frames. Immediately after
     * this call, it forgets this removal, because the frames must not be dropped twice.
     */
    void handOver(DiscardPages discarding) {
        discarding.dropWhenFinished(frames, count);
    }
}
