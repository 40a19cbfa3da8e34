// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Await;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** Grace periods, with updaters that wait for the test's readers. */
abstract class RcuFixture {
    final List<Throwable> thrown = new CopyOnWriteArrayList<>();
    final List<String> reports = new CopyOnWriteArrayList<>();

    /** If a callback hangs, another thread is started soon. */
    final Background background = new Background(thrown::add, Duration.ofMillis(1), Duration.ofSeconds(1));

    Rcu rcu(Executor executor, long reportAfterNanos, Consumer<String> reporter) {
        Backlog backlog = new Backlog(3, Backlog.AtBound.WAIT, null);
        Housekeeping housekeeping = new Housekeeping(background, background, null);
        return new Rcu(new Rcu.Settings(executor, housekeeping, backlog, reportAfterNanos, reporter));
    }

    final Rcu rcu = rcu(background, TimeUnit.MINUTES.toNanos(5), reports::add);

    static Thread started(Runnable task) {
        Thread thread = new Thread(task);
        thread.start();
        return thread;
    }

    void awaitParked(Thread thread) {
        Await.until("a wait", () -> isParked(thread) || !thread.isAlive(), thread);
        assertTrue(thread.isAlive(), () -> "has not waited; reported: " + reports);
    }

    static boolean isParked(Thread thread) {
        return thread.getState() == Thread.State.TIMED_WAITING || thread.getState() == Thread.State.WAITING;
    }

    void join(Thread thread) {
        Await.until("the end of a thread", () -> !thread.isAlive(), thread);
    }
}
