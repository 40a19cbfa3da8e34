// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Await;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("I9: at the bound of the backlog")
final class BacklogTest {
    private static final int BOUND = 3;

    private final List<Throwable> thrown = new CopyOnWriteArrayList<>();
    private final Background background = new Background(thrown::add);
    private final Housekeeping housekeeping = new Housekeeping(background, background, moved -> {});
    private final AtomicInteger ran = new AtomicInteger();

    private Rcu rcu(Rcu.AtBound atBound) {
        return new Rcu(new Rcu.Settings(background, housekeeping, BOUND, atBound, Long.MAX_VALUE, thrown -> {}));
    }

    private void call(Rcu rcu, int times) {
        for (int i = 0; i < times; i++) {
            rcu.call(ran::incrementAndGet);
        }
    }

    @Test
    @DisplayName("callers are refused, if so configured, until callbacks have run; no callback is refused")
    void callbacksRefuse() throws InterruptedException {
        Rcu rcu = rcu(Rcu.AtBound.REFUSE);
        Rcu.Reader reader = rcu.register("r");
        reader.readLock();
        call(rcu, BOUND - 1);
        assertTrue(rcu.awaitRoom());
        call(rcu, 1);
        for (int i = 0; i < 100; i++) {
            assertFalse(rcu.awaitRoom());
            assertFalse(rcu.beginTask());
        }
        call(rcu, BOUND);
        assertEquals(2 * BOUND, rcu.pending());
        assertEquals(0, ran.get());
        reader.readUnlock();
        background.awaitQuiescence();
        assertEquals(2 * BOUND, ran.get());
        assertTrue(rcu.awaitRoom());
        assertTrue(rcu.beginTask());
        assertEquals(List.of(), thrown);
    }

    @Test
    @DisplayName("callers are refused, if so configured, until a task has ended")
    void tasksRefuse() {
        Rcu rcu = rcu(Rcu.AtBound.REFUSE);
        for (int i = 0; i < BOUND; i++) {
            assertTrue(rcu.awaitRoom());
            assertTrue(rcu.beginTask());
        }
        assertFalse(rcu.awaitRoom());
        assertFalse(rcu.beginTask());
        rcu.endTask();
        assertTrue(rcu.awaitRoom());
        assertTrue(rcu.beginTask());
        assertFalse(rcu.awaitRoom());
    }

    @Test
    @DisplayName("callbacks and tasks count alike")
    void together() throws InterruptedException {
        Rcu rcu = rcu(Rcu.AtBound.REFUSE);
        Rcu.Reader reader = rcu.register("r");
        reader.readLock();
        call(rcu, 1);
        assertTrue(rcu.beginTask());
        assertTrue(rcu.beginTask());
        assertFalse(rcu.awaitRoom());
        reader.readUnlock();
        background.awaitQuiescence();
        assertTrue(rcu.awaitRoom());
        call(rcu, 1);
        background.awaitQuiescence();
        assertTrue(rcu.beginTask());
        assertFalse(rcu.awaitRoom());
    }

    @Test
    @DisplayName("callers wait, if so configured, until there is room; no more of them go on than have room")
    void waits() {
        Rcu rcu = rcu(Rcu.AtBound.WAIT);
        Rcu.Reader reader = rcu.register("r");
        reader.readLock();
        AtomicInteger begun = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        List<Thread> callers = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            Thread caller = new Thread(() -> {
                for (int task = 0; task < 20; task++) {
                    assertTrue(rcu.beginTask());
                    most.accumulateAndGet(begun.incrementAndGet(), Math::max);
                    rcu.synchronize();
                    begun.decrementAndGet();
                    ran.incrementAndGet();
                    rcu.endTask();
                }
            });
            callers.add(caller);
            caller.start();
        }
        Await.until("tasks", () -> begun.get() == BOUND);
        for (Thread caller : callers) {
            Await.until("a wait", () -> isParked(caller), caller);
        }
        assertEquals(BOUND, most.get());
        assertEquals(0, ran.get());
        reader.readUnlock();
        for (Thread caller : callers) {
            Await.until("the end of a thread", () -> !caller.isAlive(), caller);
        }
        assertEquals(100, ran.get());
        assertEquals(BOUND, most.get());
    }

    private static boolean isParked(Thread thread) {
        return thread.getState() == Thread.State.TIMED_WAITING || thread.getState() == Thread.State.WAITING;
    }
}
