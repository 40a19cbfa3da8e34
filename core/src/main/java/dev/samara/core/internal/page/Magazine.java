// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.internal.sync.SpinLock;

/**
 * A stock of free frames in front of the shared pool ({@code per_cpu_pages}; Bonwick's magazines).
 *
 * <p>In the magazine of a page table context, only the owner allocates and frees. ({@link NearMagazines} have different
 * rules.) But a thread that finds the pool empty drains all magazines, so each magazine has a lock, which is seldom
 * contended. In one magazine, any thread frees and no thread allocates: it receives frames that are freed with their
 * last pin.
 */
public final class Magazine extends SpinLock {
    /** No frame. */
    static final int NONE = -1;

    static final int CAPACITY = 64;

    /**
     * The number of frames that are moved together to and from other magazines and the pool. Frames that were allocated
     * and freed together thus mostly stay together, so that one read of a file fills several.
     */
    static final int BLOCK = CAPACITY / 2;

    private final int[] frames = new int[CAPACITY];

    /**
     * Words: {@code size}, {@code freed}.
     * Written: a thread that has locked the magazine, which is a {@code SpinLock} (plain).
     * Read: a thread that has locked it (plain).
     * Invariant: {@code size} is the number of frames in the magazine; {@code freed} counts the frames that its owner
     *     has freed so far, and never decreases.
     */
    private int size;

    /** The number of frames that its owner has freed so far. */
    private long freed;

    Magazine() {}

    /* For the methods below, the caller holds the lock. */

    boolean isEmpty() {
        return size == 0;
    }

    boolean isFull() {
        return size == CAPACITY;
    }

    int size() {
        return size;
    }

    void noteFreed() {
        freed++;
    }

    long freed() {
        return freed;
    }

    int take() {
        return frames[--size];
    }

    void put(int frame) {
        frames[size++] = frame;
    }
}
