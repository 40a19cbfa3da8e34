// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Await;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A spin lock")
final class SpinLockTest {
    private static final int THREADS = 4;
    private static final int SECTIONS = 50_000;

    private final SpinLock lock = new SpinLock();

    /** Guarded by the lock. */
    private int sections;

    private void count() {
        for (int i = 0; i < SECTIONS; i++) {
            lock.lock();
            try {
                sections++;
            } finally {
                lock.unlock();
            }
        }
    }

    @Test
    @DisplayName("excludes the sections of several threads from each other, and shows each what the last one did")
    void excludes() throws InterruptedException {
        Thread[] threads = new Thread[THREADS];
        for (int i = 0; i < THREADS; i++) {
            threads[i] = new Thread(this::count);
            threads[i].start();
        }
        for (Thread each : threads) {
            each.join();
        }
        assertEquals(THREADS * SECTIONS, sections);
    }

    @Test
    @DisplayName("parks a thread while another one holds it for long, and loses no interrupt")
    void parks() throws InterruptedException {
        AtomicBoolean isInside = new AtomicBoolean();
        AtomicBoolean isInterrupted = new AtomicBoolean();
        Thread waiting = new Thread(() -> {
            Thread.currentThread().interrupt();
            lock.lock();
            isInside.set(true);
            lock.unlock();
            isInterrupted.set(Thread.currentThread().isInterrupted());
        });
        lock.lock();
        try {
            waiting.start();
            Await.until("the thread parks", () -> waiting.getState() == Thread.State.TIMED_WAITING, List.of());
            assertFalse(isInside.get());
        } finally {
            lock.unlock();
        }
        waiting.join();
        assertTrue(isInside.get());
        assertTrue(isInterrupted.get());
    }
}
