// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.StackReserve;

/**
 * Keeps the space of a CPU that has left it to borrow one, until the CPU is back. The reference by which the CPU had
 * come there may be closed meanwhile. The last close that asks borrowers to let go does not count this reference, since
 * only the borrower could close it.
 */
final class HomeRef {
    private final Layout layout;
    private final SpaceReferences.Entry entry;

    /** Takes over a user that the caller has taken. */
    private HomeRef(SpaceReferences references, Layout layout) {
        this.layout = layout;
        entry = references.add(this, layout, SpaceReference.Kind.HOME);
    }

    /** Keeps the space in which a CPU of the calling thread is. */
    static HomeRef of(SpaceReferences references, Layout layout) {
        StackReserve.check(SpaceReferences.DEPTH);
        if (!layout.lifetime().users().tryGetHome()) {
            throw new AssertionError(
                    "a CPU is in space " + layout.lifetime().identity().number() + ", which has no user");
        }
        boolean isKept = false;
        try {
            HomeRef made = new HomeRef(references, layout);
            isKept = true;
            return made;
        } finally {
            if (!isKept) {
                layout.lifetime().putHome();
            }
        }
    }

    /** Gives the space up. If that was the last user, tears the space down, and may wait. On a stack that suffices. */
    void close() {
        if (entry.end()) {
            layout.lifetime().putHome();
        }
    }

    /** Gives the space up for a CPU that is gone, and leaves a teardown to a thread of the machine. */
    void giveUpLater() {
        // Before a change: what this does not give up, the next call does.
        StackReserve.check(SpaceReferences.DEPTH);
        if (entry.end()) {
            layout.lifetime().putHomeLater();
        }
    }
}
