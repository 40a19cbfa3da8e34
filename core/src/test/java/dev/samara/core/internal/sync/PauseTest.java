// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A pause parks, whether its thread is interrupted or not")
final class PauseTest {
    private static final int PAUSES = 10;
    private static final long NANOS = 2_000_000;

    /** Returns the time of some pauses in nanoseconds. A park may end early, but not each of them does. */
    private long pauses() {
        long since = System.nanoTime();
        for (int i = 0; i < PAUSES; i++) {
            Pause.parkNanos(this, NANOS);
        }
        return System.nanoTime() - since;
    }

    @Test
    @DisplayName("an interrupted thread parks, again and again, and stays interrupted")
    void interrupted() {
        Thread.currentThread().interrupt();
        long nanos = pauses();
        assertTrue(Thread.interrupted(), "the interrupt flag is lost");
        assertTrue(nanos > PAUSES * NANOS / 2, () -> "pauses of an interrupted thread took " + nanos + " ns");
    }

    @Test
    @DisplayName("a thread without an interrupt parks, and has none afterwards")
    void notInterrupted() {
        assertTrue(pauses() > PAUSES * NANOS / 2);
        assertFalse(Thread.interrupted());
    }

    @Test
    @DisplayName("an interrupt during the park ends it, and its flag stays")
    void interruptedMeanwhile() {
        Thread parked = Thread.currentThread();
        Thread interrupter = new Thread(() -> {
            while (LockSupport.getBlocker(parked) != this) {
                Thread.onSpinWait();
            }
            parked.interrupt();
        });
        interrupter.start();
        while (!Thread.currentThread().isInterrupted()) {
            Pause.parkNanos(this, Long.MAX_VALUE);
        }
        assertTrue(Thread.interrupted());
    }
}
