// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Latches;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Callbacks after a grace period. */
final class RcuCallbacksTest extends RcuFixture {
    private static final class Failure extends Error {
        private static final long serialVersionUID = 1L;
    }

    /** Hands tasks on, but refuses one of them with an Error, before or after it was accepted. */
    private final class Refusing implements Executor {
        private final AtomicInteger left;
        private final boolean takes;

        Refusing(int left, boolean takes) {
            this.left = new AtomicInteger(left);
            this.takes = takes;
        }

        @Override
        public void execute(Runnable task) {
            boolean refuses = left.getAndDecrement() == 0;
            if (!refuses || takes) {
                background.execute(task);
            }
            if (refuses) {
                throw new Failure();
            }
        }
    }

    @ParameterizedTest(name = "after {0} tasks, taken: {1}")
    @CsvSource({"0, false", "0, true", "1, false", "1, true", "2, true"})
    @DisplayName("an Error of the executor ends nothing: each callback runs once, and later ones do")
    void executorThrows(int after, boolean takes) throws InterruptedException {
        Rcu failing = rcu(new Refusing(after, takes), Long.MAX_VALUE, reports::add);
        RcuReader reader = failing.register("r");
        AtomicInteger ran = new AtomicInteger();
        reader.readLock();
        for (int i = 0; i < 3; i++) {
            failing.call(ran::incrementAndGet);
        }
        reader.readUnlock();
        // At the bound, this call waits until the other callbacks ran.
        Thread caller = started(() -> assertTrue(failing.backlog().awaitRoom()));
        join(caller);
        failing.call(ran::incrementAndGet);
        Await.until("the callbacks", () -> ran.get() == 4);
        background.awaitQuiescence();
        assertEquals(4, ran.get());
        assertEquals(0, failing.pending());
        assertTrue(reports.get(0).contains("Failure"), reports::toString);
    }

    @Test
    @DisplayName("a callback that found no thread runs with the next one")
    void startFails() throws InterruptedException {
        Housekeeping unattended = new Housekeeping(new Refusing(0, false), background, null);
        Backlog backlog = new Backlog(3, Backlog.AtBound.WAIT, null);
        Rcu failing = new Rcu(new Rcu.Settings(background, unattended, backlog, Long.MAX_VALUE, reports::add));
        AtomicInteger ran = new AtomicInteger();
        assertThrows(Failure.class, () -> failing.call(ran::incrementAndGet));
        assertEquals(1, failing.pending());
        failing.call(ran::incrementAndGet);
        Await.until("the callbacks", () -> ran.get() == 2);
        background.awaitQuiescence();
        assertEquals(0, failing.pending());
    }

    @Test
    @DisplayName("an Error within a grace period ends nothing: it is waited for again")
    void graceThrows() throws InterruptedException {
        AtomicBoolean isFirst = new AtomicBoolean(true);
        Rcu failing = rcu(background, 0, report -> {
            reports.add(report);
            if (isFirst.getAndSet(false)) {
                throw new Failure();
            }
        });
        RcuReader reader = failing.register("r");
        reader.readLock();
        AtomicInteger ran = new AtomicInteger();
        failing.call(ran::incrementAndGet);
        Await.until("a failure", () -> !isFirst.get());
        assertEquals(0, ran.get());
        reader.readUnlock();
        Await.until("the callback", () -> ran.get() == 1);
        background.awaitQuiescence();
        assertEquals(0, failing.pending());
        assertEquals(1, ran.get());
    }

    @Test
    @DisplayName("callbacks run after a grace period; one that throws or hangs stops no other")
    void callbacks() throws InterruptedException {
        RcuReader reader = rcu.register("r");
        reader.readLock();
        AtomicInteger ran = new AtomicInteger();
        CountDownLatch all = new CountDownLatch(20);
        CountDownLatch hang = new CountDownLatch(1);
        for (int i = 0; i < 20; i++) {
            int number = i;
            rcu.call(() -> {
                all.countDown();
                if (number == 3) {
                    throw new IllegalStateException("callback " + number);
                }
                if (number == 5) {
                    Latches.await(hang);
                }
                ran.incrementAndGet();
            });
        }
        assertEquals(20, rcu.pending());
        assertEquals(0, ran.get());
        reader.readUnlock();
        Await.until("the callbacks", () -> all.getCount() == 0);
        hang.countDown();
        background.awaitQuiescence();
        assertEquals(19, ran.get());
        assertEquals(0, rcu.pending());
        assertEquals(1, thrown.size());
        assertEquals("callback 3", thrown.get(0).getMessage());
    }
}
