// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Await;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class LayoutLockTest {
    private static final int THREADS = 4;
    private static final int HOLDS = 50_000;

    private final LayoutLock lock = new LayoutLock();

    /** Guarded by the lock. */
    private long held;

    @Test
    @DisplayName("threads that spin and threads that park exclude each other, and none is left behind")
    void excludes() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(THREADS);
        try {
            Callable<Boolean> work = () -> {
                for (int i = 0; i < HOLDS; i++) {
                    lock.lock();
                    try {
                        held++;
                    } finally {
                        lock.unlock();
                    }
                }
                return true;
            };
            for (Future<Boolean> future : threads.invokeAll(
                    IntStream.range(0, THREADS).mapToObj(unused -> work).toList())) {
                assertTrue(future.get());
            }
        } finally {
            threads.shutdownNow();
        }
        assertEquals((long) THREADS * HOLDS, held);
        assertFalse(lock.isLocked());
        assertFalse(lock.isSpunAt(), "the role of the spinning thread was not given up");
    }

    @Test
    @DisplayName("a spin is bounded: behind an owner that keeps the lock a thread parks, and has given up its role")
    void parks() throws Exception {
        CountDownLatch taken = new CountDownLatch(1);
        AtomicReference<Boolean> interrupted = new AtomicReference<>();
        Thread waiter = new Thread(
                () -> {
                    // The lock ignores interrupts, in whichever phase of the wait they arrive.
                    Thread.currentThread().interrupt();
                    lock.lock();
                    try {
                        interrupted.set(Thread.currentThread().isInterrupted());
                    } finally {
                        lock.unlock();
                    }
                    taken.countDown();
                },
                "waiter");
        lock.lock();
        try {
            waiter.start();
            Await.until("the thread waits", () -> lock.hasQueuedThread(waiter) || !waiter.isAlive(), waiter);
            assertTrue(waiter.isAlive(), "the lock was taken while another thread held it");
            assertFalse(lock.isSpunAt(), "a parked thread has the role of the spinning one");
        } finally {
            lock.unlock();
        }
        Await.until("the parked thread is woken", () -> taken.getCount() == 0, waiter);
        assertEquals(true, interrupted.get());
    }

    @Test
    @DisplayName("the owner takes the lock again at once")
    void reentrant() {
        lock.lock();
        try {
            lock.lock();
            try {
                assertEquals(2, lock.getHoldCount());
            } finally {
                lock.unlock();
            }
            assertTrue(lock.isHeldByCurrentThread());
        } finally {
            lock.unlock();
        }
        assertFalse(lock.isLocked());
        assertFalse(lock.isSpunAt());
    }

    @Test
    @DisplayName("a turn is long where threads met a moment ago, and short where they meet by chance")
    void turns() {
        assertEquals(LayoutLock.LONG_TURN, LayoutLock.turn(0));
        assertEquals(LayoutLock.LONG_TURN, LayoutLock.turn(LayoutLock.RECENT - 1));
        assertEquals(LayoutLock.SHORT_TURN, LayoutLock.turn(LayoutLock.RECENT));
        assertTrue(LayoutLock.SHORT_TURN < LayoutLock.LONG_TURN && LayoutLock.LONG_TURN < LayoutLock.RECENT);
    }
}
