// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.util.HashSet;
import java.util.Set;

/**
 * A thread's spin-wait hints since the last change by another thread. Each iteration of a spin without such a change
 * finds the same state as the first one. So at a hint, the thread either yields or continues to the end of its spin,
 * and it is not preempted at a step that it repeats.
 */
final class Spin {
    /** The maximum number of hints without a yield. All spins of the modules are shorter, and end in a park. */
    private static final int LONGEST = 500;

    private final Set<Place> places = new HashSet<>();
    private boolean hasSpun;
    private boolean goesOn;
    private int hints;

    /** Records a hint; returns whether the thread yields. */
    boolean hint() {
        hasSpun = true;
        if (goesOn && ++hints > LONGEST) {
            goesOn = false;
            hints = 0;
        }
        return !goesOn;
    }

    /** Makes the thread continue to the end of its spin. */
    void goOn() {
        goesOn = true;
    }

    /** Returns whether a step does not repeat a step of the same spin. */
    boolean isNew(Access access) {
        return !hasSpun || places.add(new Place(access));
    }

    /** Called after another thread changed something. */
    void changed() {
        places.clear();
        hasSpun = false;
        goesOn = false;
        hints = 0;
    }
}
