// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.HashSet;
import java.util.Set;

/**
 * A thread's spin-wait hints since another thread has changed anything. Each iteration of such a spin meets the state
 * of the first one. So a thread yields at a hint, or goes on to the end of its spin at once, but is not preempted at a
 * step that it repeats.
 */
final class Spin {
    /** The most hints without a yield: longer than the spins of the modules, which all end in a park. */
    private static final int LONGEST = 500;

    private final Set<Place> places = new HashSet<>();
    private boolean hasSpun;
    private boolean goesOn;
    private int hints;

    /** Notes a hint; returns whether the thread yields. */
    boolean hint() {
        hasSpun = true;
        if (goesOn && ++hints > LONGEST) {
            goesOn = false;
            hints = 0;
        }
        return !goesOn;
    }

    /** The thread goes on to the end of its spin. */
    void goOn() {
        goesOn = true;
    }

    /** Returns whether a step is no repetition within a spin. */
    boolean isNew(Access access) {
        return !hasSpun || places.add(new Place(access));
    }

    /** Another thread has changed something. */
    void changed() {
        places.clear();
        hasSpun = false;
        goesOn = false;
        hints = 0;
    }
}
