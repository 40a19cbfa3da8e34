// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.page;

import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A CPU's own small stock of free frames, in front of the pool that all share ({@code per_cpu_pages}; Bonwick's magazines).
 *
 * <p>Its owner alone uses it, but that who finds the pool empty empties the magazines too; so it has a lock, which nobody
 * else wants in the ordinary course.
 */
public final class Magazine {
    static final int CAPACITY = 64;

    private final AtomicBoolean locked = new AtomicBoolean();
    private final int[] frames = new int[CAPACITY];
    private int size;

    Magazine() {}

    void lock() {
        while (!locked.compareAndSet(false, true)) {
            Thread.onSpinWait();
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

    int take() {
        return frames[--size];
    }

    void put(int frame) {
        frames[size++] = frame;
    }
}
