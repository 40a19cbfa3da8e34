// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.fixture.Await;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Waiting until a background is quiescent. */
final class BackgroundQuiescenceTest extends BackgroundFixture {
    @Test
    @DisplayName("quiescence waits for tasks that other tasks give")
    void quiescenceIsTransitive() throws Exception {
        Background background = hasty();
        AtomicInteger generations = new AtomicInteger();
        Runnable task = new Runnable() {
            @Override
            public void run() {
                if (generations.incrementAndGet() < 1000) {
                    background.execute(this);
                }
            }
        };
        background.execute(task);
        background.awaitQuiescence();
        assertEquals(1000, generations.get());
        assertEquals(0, background.pending());
    }

    @Test
    @DisplayName("quiescence waits for a task that was overtaken")
    void quiescenceWaitsForOvertakenTasks() throws Exception {
        Background background = hasty();
        CountDownLatch hang = new CountDownLatch(1);
        background.execute(awaiting(hang));
        assertEquals("passed", ask(background, () -> "passed"));
        FutureTask<Integer> quiet = new FutureTask<>(() -> {
            background.awaitQuiescence();
            return background.pending();
        });
        Thread thread = new Thread(quiet);
        thread.setDaemon(true);
        thread.start();
        Await.until("quiescence is waited for", () -> thread.getState() == Thread.State.TIMED_WAITING, thread);
        assertFalse(quiet.isDone());
        hang.countDown();
        assertEquals(0, quiet.get());
    }

    @Test
    @DisplayName("a task that waits for quiescence would wait for itself: refused; of another background it may")
    void quiescenceFromATask() throws Exception {
        Background background = patient();
        Background other = patient();
        ask(background, () -> assertThrows(IllegalStateException.class, background::awaitQuiescence));
        other.execute(() -> {});
        assertEquals(0, ask(background, () -> {
            other.awaitQuiescence();
            return other.pending();
        }));
    }

    @Test
    @DisplayName("a wait for quiescence can be interrupted")
    void quiescenceIsInterruptible() throws Exception {
        Background background = patient();
        CountDownLatch hang = new CountDownLatch(1);
        background.execute(awaiting(hang));
        Thread.currentThread().interrupt();
        assertThrows(InterruptedException.class, background::awaitQuiescence);
        hang.countDown();
        background.awaitQuiescence();
    }
}
