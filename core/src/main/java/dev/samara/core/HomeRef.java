// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.StackReserve;

/**
 * Keeps the space of a CPU that has left it to borrow another one, until the CPU returns. The reference by which the
 * CPU switched to that space may be closed during that time. The last close of a space asks the borrowers to end the
 * borrow. It does not count a {@code HomeRef} as an open reference, because only the borrower could close it.
 */
final class HomeRef {
    private final Layout layout;
    private final SpaceReferences.Entry entry;

    /** Takes over a user count that the caller acquired. */
    private HomeRef(SpaceReferences references, Layout layout) {
        this.layout = layout;
        entry = references.add(this, layout, SpaceReference.Kind.HOME);
    }

    /** Acquires a user count of the space in which a CPU of the calling thread is. */
    static HomeRef of(SpaceReferences references, Layout layout) {
        StackReserve.check(SpaceReferences.DEPTH);
        if (!layout.lifetime.context.tryGetHome()) {
            throw new AssertionError("a CPU is in space " + layout.lifetime.identity.number() + ", which has no user");
        }
        try {
            return new HomeRef(references, layout);
        } catch (Throwable thrown) {
            layout.lifetime.putHome();
            throw thrown;
        }
    }

    /**
     * Releases the space. If that was the last user, tears the space down, and may wait. The caller checked the stack.
     */
    void close() {
        if (entry.end()) {
            layout.lifetime.putHome();
        }
    }

    /** Releases the space for a CPU that is gone, and leaves a teardown to one of the machine's threads. */
    void giveUpLater() {
        // Checked before the first change, so that if the check throws, a later call can still release the space.
        StackReserve.check(SpaceReferences.DEPTH);
        if (entry.end()) {
            layout.lifetime.putHomeLater();
        }
    }
}
