// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * Numbers the states of places, each of which one thread at a time changes, so that a reader can tell which states it
 * may have seen: none older than {@link #done} before it looked, and none newer than {@link #begun} after.
 */
final class Numbers {
    private final AtomicIntegerArray begun;
    private final AtomicIntegerArray done;

    /** All places are in state 0. */
    Numbers(int places) {
        begun = new AtomicIntegerArray(places);
        done = new AtomicIntegerArray(places);
    }

    /** Says, before the edit, that a place will be in the next state; answers which that is. */
    int begin(int place) {
        return begun.incrementAndGet(place);
    }

    /** Says, after the edit, that the place is in the state begun. */
    void end(int place) {
        done.set(place, begun.get(place));
    }

    /** The oldest state that can be seen from now on. */
    int done(int place) {
        return done.get(place);
    }

    /** The newest state that can have been seen until now. */
    int begun(int place) {
        return begun.get(place);
    }
}
