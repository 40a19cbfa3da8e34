// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.interleave.planted.SyncScenariosTest.Bodies;
import dev.samara.core.internal.sync.Background;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.Rcu;
import dev.samara.interleave.schedule.Scenario;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** Waits at gates, polled grace periods, and the threads of a machine. */
final class SyncScenarios {
    private SyncScenarios() {}

    /** A body whose thread another thread can interrupt. */
    private static final class Waiter implements Scenario.Body {
        private final Scenario.Body body;
        private @Nullable Thread thread;

        Waiter(Scenario.Body body) {
            this.body = body;
        }

        @Override
        public void before() {
            thread = Thread.currentThread();
        }

        @Override
        public void run() throws Exception {
            body.run();
        }

        void interrupt() {
            Objects.requireNonNull(thread).interrupt();
        }
    }

    /** A wait that an interrupt does not end. */
    static final class InterruptedWait extends Bodies {
        private final Gate gate = new Gate();
        private boolean isDone;

        InterruptedWait() {
            Waiter waiter = new Waiter(() -> {
                gate.awaitUninterruptibly(new SyncScenariosTest.Patient());
                assertTrue(isDone, "the wait has ended before the gate was opened");
            });
            thread("waiter", waiter);
            thread("interrupter", waiter::interrupt);
            thread("opener", () -> {
                isDone = true;
                Gate.wake(gate.open());
            });
        }
    }

    private static Rcu rcu(Housekeeping housekeeping) {
        return new Rcu(
                new Rcu.Settings(Runnable::run, housekeeping, 8, Rcu.AtBound.WAIT, Long.MAX_VALUE, message -> {}));
    }

    /**
     * An updater unlinks an object while a grace period is in progress, concurrently with a reader that started after
     * that grace period did.
     */
    static final class UnlinkedLater extends Bodies {
        private final Rcu rcu = rcu(new Housekeeping(null, Runnable::run, moved -> {}));
        private final Rcu.Reader early = rcu.register("early");
        private final Rcu.Reader late = rcu.register("late");
        private volatile int @Nullable [] linked = {1};

        UnlinkedLater() {
            thread("early", () -> {
                early.readLock();
                assertTrue(early.isReading());
                early.readUnlock();
            });
            thread("updater", () -> {
                long first = rcu.startPoll();
                rcu.poll(first);
                Thread.onSpinWait();
                int[] old = linked;
                linked = null;
                long second = rcu.startPoll();
                while (!rcu.poll(first) || !rcu.poll(second)) {
                    LockSupport.parkNanos(1_000);
                }
                Objects.requireNonNull(old)[0] = 2;
            });
            thread("late", () -> {
                late.readLock();
                int[] seen = linked;
                if (seen != null) {
                    // This load is a step, before which the other threads may run.
                    assertTrue(linked == seen || linked == null);
                    assertEquals(1, seen[0]);
                }
                late.readUnlock();
            });
        }
    }

    /** Two threads submit one task each to a machine's threads. The first task waits for the second one. */
    static final class TwoTasks extends Bodies {
        private final Background background = new Background(thrown -> {});
        private volatile boolean hasRun;

        TwoTasks() {
            thread(
                    "one",
                    () -> background.execute(() -> {
                        while (!hasRun) {
                            LockSupport.parkNanos(1_000_000);
                        }
                    }));
            thread("two", () -> background.execute(() -> hasRun = true));
        }

        @Override
        public void end() {
            // Does not wait for quiescence, because a thread that does so searches for tasks without a thread.
            LockSupport.parkNanos(100_000_000);
            assertTrue(hasRun, "the second task has not run");
        }
    }
}
