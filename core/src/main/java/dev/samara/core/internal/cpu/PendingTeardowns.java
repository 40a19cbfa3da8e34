// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import org.jspecify.annotations.Nullable;

/**
 * The spaces that one CPU left as their last user, until their teardowns are started. Used by the CPU's thread, and by
 * the thread that takes the CPU offline after it is {@linkplain CpuOwner gone}.
 */
public final class PendingTeardowns {
    /** The spaces, linked by their own fields, the latest first. */
    private @Nullable SpaceUsers last;

    PendingTeardowns() {}

    void add(SpaceUsers of) {
        of.nextLeft = last;
        last = of;
    }

    /**
     * Tears the spaces down; if this thread must not wait, makes a thread of the machine do so. Called after each
     * transition of the CPU out of a space, when the CPU is completely in its new state.
     */
    public void end() {
        end(true);
    }

    /** Makes a thread of the machine tear the spaces down. */
    public void endLater() {
        end(false);
    }

    private void end(boolean isNow) {
        for (SpaceUsers of = last; of != null; of = last) {
            // Removed first, because a callback of the teardown may move this CPU.
            last = of.nextLeft;
            boolean isBegun = false;
            try {
                if (isNow) {
                    of.end();
                } else {
                    of.endLater();
                }
                isBegun = true;
            } finally {
                if (!isBegun) {
                    // Calls no method, because the stack may be exhausted. The next transition starts the teardown,
                    // unless it was already started.
                    of.nextLeft = last;
                    last = of;
                }
            }
        }
    }
}
