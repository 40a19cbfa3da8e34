// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import org.jspecify.annotations.Nullable;

/**
 * The spaces that one CPU has left as their last user, until their teardowns are begun. For the CPU's thread, and for
 * the thread that takes the CPU offline once it is {@linkplain CpuOwner gone}.
 */
public final class PendingTeardowns {
    /** Linked by their own fields, the latest first. */
    private @Nullable SpaceUsers last;

    PendingTeardowns() {}

    void add(SpaceUsers of) {
        of.nextLeft = last;
        last = of;
    }

    /**
     * Tears the spaces down; or has a thread of the machine do so, if this thread may not wait. Called after each
     * transition of the CPU out of a space, once the CPU is complete in its new state.
     */
    public void end() {
        end(true);
    }

    /** Has a thread of the machine tear down what {@link #end} would. */
    public void endLater() {
        end(false);
    }

    private void end(boolean isNow) {
        for (SpaceUsers of = last; of != null; of = last) {
            // First: a callback of the teardown may move this CPU.
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
                    // No method call: at the end of the stack. The next transition begins it, unless it has begun.
                    of.nextLeft = last;
                    last = of;
                }
            }
        }
    }
}
