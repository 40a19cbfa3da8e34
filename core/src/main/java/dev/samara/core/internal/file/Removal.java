// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.pagewalk.DiscardPages;
import java.util.Arrays;

/**
 * The note of one removal of pages from a file: which frames leave it, and how far the removal is. Every step can be
 * repeated after a failure, so that another thread can go on with the removal.
 *
 * <p>The frames are added before the first of them is taken out of the index. Adding is the only step that needs memory
 * for the note itself, and a removal that fails there has changed nothing.
 */
final class Removal {
    private final long first;
    private final long last;
    private final boolean alsoCopies;
    private int[] frames;
    private int count;
    private boolean isOut;

    /**
     * Makes the note of a removal of no frames.
     *
     * @param first the first page
     * @param last the last page
     * @param alsoCopies whether private copies of the pages go too
     * @param room how many frames can be added without memory
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

    /** Whether the index has none of the frames, and each is marked removed. */
    boolean isOut() {
        return isOut;
    }

    void setOut() {
        isOut = true;
    }

    /**
     * Has the frames dropped once the operation is settled, also if settling fails first. Caller has taken every entry
     * that had one, and forgets the removal at once: no other operation must drop the frames again.
     */
    void handOver(DiscardPages discarding) {
        discarding.dropWhenSettled(frames, count);
    }
}
