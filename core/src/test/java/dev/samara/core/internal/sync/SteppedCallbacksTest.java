// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Await;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Callbacks after a grace period. The test makes their steps itself, so that each failure occurs where it is planted.
 */
final class SteppedCallbacksTest {
    private static final class Failure extends Error {
        private static final long serialVersionUID = 1L;
    }

    private final List<String> ran = new ArrayList<>();
    private final List<String> reports = new ArrayList<>();
    private final Housekeeping housekeeping = new Housekeeping(null, Runnable::run, null);

    private Rcu rcu(Executor executor, boolean reportThrows) {
        return new Rcu(new Rcu.Settings(executor, housekeeping, 1 << 10, Rcu.AtBound.WAIT, 0, report -> {
            reports.add(report);
            if (reportThrows && reports.size() == 1) {
                throw new Failure();
            }
        }));
    }

    private void stepUntilRan(int callbacks) {
        Await.until("callbacks", () -> {
            housekeeping.doWork();
            return ran.size() >= callbacks;
        });
    }

    @Test
    @DisplayName("a wait within an operation runs the prompt callbacks, and leaves out those that may wait")
    void withinAnOperation() {
        MachineTasks tasks =
                new MachineTasks(new Background(thrown -> reports.add(thrown.toString())), Runnable::run, true, null);
        Housekeeping steps = tasks.housekeeping;
        Rcu rcu = new Rcu(new Rcu.Settings(tasks, steps, 1 << 10, Rcu.AtBound.WAIT, 0, reports::add));
        Housekeeping.RetriedTask prompt = new Housekeeping.RetriedTask() {
            @Override
            public boolean attempt() {
                return ran.add("prompt");
            }
        };
        rcu.call(() -> ran.add("may wait"));
        rcu.call(prompt);
        Await.until("the prompt one", () -> {
            steps.stepWithin();
            return !ran.isEmpty();
        });
        while (steps.stepWithin()) {
            assertEquals(List.of(), reports);
        }
        assertEquals(List.of("prompt"), ran);
        Await.until("the other one", () -> {
            steps.step();
            return ran.size() == 2;
        });
        assertEquals(List.of("prompt", "may wait"), ran);
        assertEquals(List.of(), reports);
    }

    @Test
    @DisplayName("an Error while a grace period is asked for does not let a callback run before its end")
    void errorWhenAsked() {
        Rcu rcu = rcu(Runnable::run, true);
        Rcu.Reader reader = rcu.register("r");
        reader.readLock();
        rcu.call(() -> ran.add("callback"));
        for (int i = 0; i < 10; i++) {
            housekeeping.doWork();
        }
        assertTrue(reports.size() > 0, "the Error was thrown");
        assertEquals(List.of(), ran);
        reader.readUnlock();
        stepUntilRan(1);
        assertEquals(List.of("callback"), ran);
    }

    @Test
    @DisplayName("an Error of the executor does not let a later callback run with those that are tried again")
    void errorOfTheExecutor() {
        List<Error> planted = new ArrayList<>();
        Rcu rcu = rcu(
                task -> {
                    if (ran.size() == 1 && planted.isEmpty()) {
                        planted.add(new OutOfMemoryError("planted"));
                        throw planted.get(0);
                    }
                    task.run();
                },
                false);
        Rcu.Reader reader = rcu.register("r");
        rcu.call(() -> ran.add("first"));
        rcu.call(() -> ran.add("second"));
        Await.until("the Error", () -> {
            housekeeping.doWork();
            return !planted.isEmpty();
        });
        reader.readLock();
        rcu.call(() -> ran.add("later"));
        stepUntilRan(2);
        for (int i = 0; i < 10; i++) {
            housekeeping.doWork();
        }
        assertEquals(List.of("first", "second"), ran);
        reader.readUnlock();
        stepUntilRan(3);
        assertEquals(List.of("first", "second", "later"), ran);
    }
}
