// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Await;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A pause parks, whether its thread is interrupted or not")
final class PauseTest {
    private static final long FOR_EVER = Long.MAX_VALUE;

    private final AtomicBoolean flag = new AtomicBoolean();

    /**
     * Starts a thread that pauses once, and waits until it is parked. The thread is a daemon, because a failed test
     * leaves it behind.
     */
    private Thread parked(boolean isInterrupted) {
        Thread thread = new Thread(() -> {
            if (isInterrupted) {
                Thread.currentThread().interrupt();
            }
            Pause.parkNanos(this, FOR_EVER);
            flag.set(Thread.currentThread().isInterrupted());
        });
        thread.setDaemon(true);
        thread.start();
        Await.until("a pause parks", () -> thread.getState() == Thread.State.TIMED_WAITING, thread);
        return thread;
    }

    /** Ends each park of a thread. */
    private static void unpark(Thread thread) {
        Await.until(
                "the pause ends",
                () -> {
                    LockSupport.unpark(thread);
                    return !thread.isAlive();
                },
                thread);
    }

    @Test
    @DisplayName("an interrupted thread parks, and stays interrupted")
    void interrupted() {
        unpark(parked(true));
        assertTrue(flag.get(), "the interrupt flag is lost");
    }

    @Test
    @DisplayName("a thread without an interrupt parks, and has none afterwards")
    void notInterrupted() {
        unpark(parked(false));
        assertFalse(flag.get());
    }

    @Test
    @DisplayName("an interrupt during the park ends it, and its flag stays")
    void interruptedMeanwhile() {
        Thread thread = parked(false);
        thread.interrupt();
        Await.until("the pause ends", () -> !thread.isAlive(), thread);
        assertTrue(flag.get(), "the interrupt flag is lost");
    }

    @Test
    @DisplayName("an interrupt during the park of an interrupted thread ends it, and the flag stays")
    void interruptedAgain() {
        Thread thread = parked(true);
        Await.until(
                "the pause ends",
                () -> {
                    thread.interrupt();
                    return !thread.isAlive();
                },
                thread);
        assertTrue(flag.get(), "the interrupt flag is lost");
    }

    @Test
    @DisplayName("a pause ends by itself, and the flag stays")
    void ends() {
        Thread.currentThread().interrupt();
        Pause.parkNanos(this, TimeUnit.MILLISECONDS.toNanos(1));
        assertTrue(Thread.interrupted(), "the interrupt flag is lost");
    }
}
