// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The timeout only ends a run that hangs. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@DisplayName("the tasks of a machine, by an executor of the embedder")
final class MachineTasksTest {
    private final List<Throwable> reported = new CopyOnWriteArrayList<>();
    private final Background background = new Background(reported::add);

    @AfterEach
    void reportsNothing() {
        background.endWhenQuiet();
        assertEquals(List.of(), reported);
    }

    private MachineTasks tasks(Executor given, boolean isInvoked) {
        return new MachineTasks(background, given, isInvoked, null);
    }

    @Test
    @DisplayName("a task for which the executor has no memory is kept, and runs once there is some")
    void noMemory() {
        AtomicInteger refusals = new AtomicInteger(3);
        List<Thread> ranOn = new ArrayList<>();
        MachineTasks tasks = tasks(
                task -> {
                    if (refusals.getAndDecrement() > 0) {
                        throw new OutOfMemoryError("planted");
                    }
                    task.run();
                },
                true);
        tasks.execute(() -> ranOn.add(Thread.currentThread()));
        for (int i = 0; i < 3; i++) {
            assertEquals(0, tasks.housekeeping.doWork());
            assertEquals(-1, tasks.housekeeping.takenIfIdle(), "kept");
            assertEquals(List.of(), ranOn);
        }
        assertEquals(1, tasks.housekeeping.doWork());
        assertEquals(0, tasks.housekeeping.doWork());
        assertEquals(1, ranOn.size());
        assertSame(Thread.currentThread(), ranOn.get(0));
        assertTrue(tasks.isQuiet());
    }

    @Test
    @DisplayName("the machine is not quiet while a task of the executor runs")
    void running() {
        List<Runnable> given = new ArrayList<>();
        MachineTasks tasks = tasks(given::add, true);
        tasks.execute(() -> assertFalse(tasks.isQuiet()));
        tasks.housekeeping.doWork();
        assertFalse(tasks.isQuiet());
        given.remove(0).run();
        assertTrue(tasks.isQuiet());
    }

    @Test
    @DisplayName("a wait for quiescence does not pass a task that a task has given")
    void chains() throws InterruptedException {
        ExecutorService pool = Executors.newFixedThreadPool(2);
        try {
            MachineTasks tasks = tasks(pool, false);
            for (int round = 0; round < 200; round++) {
                AtomicInteger ended = new AtomicInteger();
                tasks.execute(() -> {
                    tasks.execute(() -> {
                        tasks.execute(ended::incrementAndGet);
                        ended.incrementAndGet();
                    });
                    ended.incrementAndGet();
                });
                tasks.awaitQuiescence();
                assertEquals(3, ended.get(), "round " + round);
            }
        } finally {
            pool.shutdown();
        }
    }
}
