// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.util.concurrent.locks.LockSupport;

/** Timed parks between the attempts of a thread that continues after an interrupt. */
public final class Pause {
    private Pause() {}

    /**
     * Parks the calling thread for at most the given time, even if its interrupt flag is set. {@link
     * LockSupport#parkNanos(Object, long)} returns immediately in that case, so a loop of parks would spin. An
     * interrupt during the park may end it. The interrupt flag is never lost. Allocates nothing.
     *
     * @param blocker the object for which the thread waits, for monitoring tools
     * @param nanos the time in nanoseconds
     */
    public static void parkNanos(Object blocker, long nanos) {
        if (!Thread.interrupted()) {
            LockSupport.parkNanos(blocker, nanos);
            return;
        }
        try {
            long since = System.nanoTime();
            LockSupport.parkNanos(blocker, nanos);
            // The interrupt also left a permit, which may have ended the first park immediately.
            LockSupport.parkNanos(blocker, nanos - (System.nanoTime() - since));
        } finally {
            Thread.currentThread().interrupt();
        }
    }
}
