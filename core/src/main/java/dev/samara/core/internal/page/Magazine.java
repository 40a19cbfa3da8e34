// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;

/**
 * A CPU's own small stock of free frames, in front of the pool that all share ({@code per_cpu_pages}; Bonwick's
 * magazines).
 *
 * <p>Its owner alone uses it, but that who finds the pool empty empties the magazines too; so it has a lock, which
 * nobody else wants in the ordinary course.
 */
public final class Magazine {
    static final int CAPACITY = 64;

    private static final int SPINS = 64;
    private static final long PARK_NANOS = 10_000;

    private final AtomicBoolean locked = new AtomicBoolean();
    private final int[] frames = new int[CAPACITY];
    private int size;

    /** How many frames its owner has freed so far. */
    private long freed;

    Magazine() {}

    void lock() {
        // An exchange: where it is interpreted, it needs more stack than unlock.
        for (int spins = 0; locked.getAndSet(true); spins++) {
            if (spins < SPINS) {
                Thread.onSpinWait();
            } else {
                // Sections are a few loads and stores: the other does not run. Timed, since nobody wakes.
                LockSupport.parkNanos(this, PARK_NANOS);
            }
        }
    }

    void unlock() {
        locked.setRelease(false);
    }

    /* Below, the caller holds the lock. */

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
