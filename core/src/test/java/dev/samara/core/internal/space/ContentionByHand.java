// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.space.BorderSearch.LockContention;

/** Contention of threads that are represented by numbers, at times that a test sets. */
final class ContentionByHand extends LockContention {
    /** The number of meetings before a division. */
    static final int ENOUGH = 16;

    /** The time in nanoseconds. Not 0, which means that there was no meeting. */
    long now = 5_000_000_000L;

    private int caller;

    @Override
    int caller() {
        return caller;
    }

    @Override
    long now() {
        return now;
    }

    boolean meets(int thread, long start, long end) {
        caller = thread;
        return mayDivide(start, end);
    }

    /** Makes two threads meet a number of times, and returns the result of the last meeting. */
    boolean meet(int times) {
        boolean last = false;
        for (int i = 0; i < times; i++) {
            last = meets(i % 2, 0x1000L * (2 + i % 2), 0x1000L * (3 + i % 2));
        }
        return last;
    }
}
