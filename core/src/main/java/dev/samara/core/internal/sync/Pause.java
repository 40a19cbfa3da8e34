// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.util.concurrent.locks.LockSupport;

/** Timed parks between the attempts of a thread that no interrupt stops. */
public final class Pause {
    private Pause() {}

    /**
     * Parks the calling thread for at most the given time, also if its interrupt flag is set. {@link
     * LockSupport#parkNanos(Object, long)} returns at once in that case, so that a loop of parks is a spin. An
     * interrupt during the park may end it. The interrupt flag is never lost. Allocates nothing.
     *
     * @param blocker the object for which the thread waits, for displays
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
            // The interrupt has left a permit too, which may have ended the first park at once.
            LockSupport.parkNanos(blocker, nanos - (System.nanoTime() - since));
        } finally {
            Thread.currentThread().interrupt();
        }
    }
}
