// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.signal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@DisplayName("A timer of a process")
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class AlarmTimerTest {
    private static final long SECOND = 1_000_000_000;

    private final ScheduledThreadPoolExecutor executor = new ScheduledThreadPoolExecutor(1);
    private final CountDownLatch ringing = new CountDownLatch(1);
    private final CountDownLatch goOn = new CountDownLatch(1);
    private final AtomicInteger rung = new AtomicInteger();

    private final AlarmTimer timer = new AlarmTimer(() -> executor, this::ring);

    private void ring() {
        ringing.countDown();
        boolean isInterrupted = false;
        while (goOn.getCount() > 0) {
            try {
                goOn.await();
            } catch (InterruptedException e) {
                isInterrupted = true;
            }
        }
        if (isInterrupted) {
            Thread.currentThread().interrupt();
        }
        rung.incrementAndGet();
    }

    @AfterEach
    void end() throws InterruptedException {
        goOn.countDown();
        executor.shutdownNow();
        executor.awaitTermination(1, TimeUnit.MINUTES);
    }

    @Test
    @DisplayName("is set again when the signal that it is sending is sent, and sends no more")
    @SuppressWarnings("ThreadPriorityCheck") // with one processor, the other thread needs it
    void settingWaitsForTheSignal() throws InterruptedException {
        timer.set(1, 1);
        ringing.await();
        AtomicInteger seen = new AtomicInteger(-1);
        Thread setter = new Thread(() -> {
            timer.set(0, 0);
            seen.set(rung.get());
        });
        setter.start();
        while (setter.getState() != Thread.State.BLOCKED && setter.isAlive()) {
            Thread.yield();
        }
        goOn.countDown();
        setter.join();
        executor.shutdown();
        executor.awaitTermination(1, TimeUnit.MINUTES);
        assertTrue(seen.get() > 0, "the timer was set while it was sending a signal");
        assertEquals(seen.get(), rung.get());
    }

    @Test
    @DisplayName("that has sent its one signal has no time left")
    void noTimeLeft() throws InterruptedException {
        goOn.countDown();
        timer.set(1, 0);
        ringing.await();
        assertEquals(0, timer.left());
        assertEquals(0, timer.interval());
        timer.set(SECOND, SECOND);
        assertEquals(SECOND, timer.interval());
    }
}
