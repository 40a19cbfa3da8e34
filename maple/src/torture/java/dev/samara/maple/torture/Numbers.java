// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * Numbers the states of places, each of which is changed by one thread at a time. So a reader knows which states it may
 * have seen: none older than {@link #done} before its read, and none newer than {@link #begun} after it.
 */
final class Numbers {
    private final AtomicIntegerArray begun;
    private final AtomicIntegerArray done;

    /** Creates places that are all in state 0. */
    Numbers(int places) {
        begun = new AtomicIntegerArray(places);
        done = new AtomicIntegerArray(places);
    }

    /** Records, before the edit, that a place is about to enter its next state; returns that state. */
    int begin(int place) {
        return begun.incrementAndGet(place);
    }

    /** Records, after the edit, that the place entered the state that {@link #begin} returned. */
    void end(int place) {
        done.set(place, begun.get(place));
    }

    /** Returns the oldest state that can be seen from now on. */
    int done(int place) {
        return done.get(place);
    }

    /** Returns the newest state that can have been seen until now. */
    int begun(int place) {
        return begun.get(place);
    }
}
