// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Gate.WaitReporter;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.Rcu;
import dev.samara.interleave.SteppedScenarios;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Scenario;
import dev.samara.interleave.schedule.Strategy;
import dev.samara.testing.Explored;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@DisplayName("Gates and grace periods under the scheduler")
@Tag("interleave")
@Timeout(1200)
@Explored(16)
final class SyncScenariosTest {
    abstract static class Bodies implements Scenario {
        private final Map<String, Body> bodies = new LinkedHashMap<>();

        final void thread(String name, Body body) {
            bodies.put(name, body);
        }

        @Override
        public final Map<String, Body> operations() {
            return bodies;
        }
    }

    /** A reporter that fails the test, but only after a long wait. */
    static final class Patient implements WaitReporter {
        @Override
        public long reportAfterNanos() {
            return 10_000_000_000L;
        }

        @Override
        public void waitsLong(Object blocker, Thread waiter, long nanos) {
            throw new IllegalStateException("waits long");
        }
    }

    static class OneWaits extends Bodies {
        final Gate gate = new Gate();
        private boolean isDone;

        OneWaits() {
            thread("waiter", () -> {
                gate.awaitUninterruptibly(new Patient());
                assertTrue(isDone);
            });
            thread("opener", () -> {
                isDone = true;
                Gate.wake(gate.open());
            });
        }
    }

    static final class TwoWait extends OneWaits {
        TwoWait() {
            thread("other", () -> assertTrue(gate.await(new Patient())));
        }
    }

    /** One of two waiting threads is interrupted, and so leaves the stack while the gate opens. */
    static final class OneIsInterrupted extends OneWaits {
        private @Nullable Thread waiting;

        OneIsInterrupted() {
            thread("other", new Body() {
                @Override
                public void before() {
                    waiting = Thread.currentThread();
                }

                @Override
                public void run() {
                    boolean opened = gate.await(new Patient());
                    assertTrue(opened || Thread.currentThread().isInterrupted());
                }
            });
            thread("interrupter", () -> Objects.requireNonNull(waiting).interrupt());
        }
    }

    /** An object with the value 1, for a reader. After the object was unlinked, an updater may change the value. */
    static final class Linked {
        private final Rcu.Reader reader;
        private volatile int @Nullable [] link = {1};

        Linked(Rcu.Reader reader) {
            this.reader = reader;
        }

        void read() {
            reader.readLock();
            int[] seen = link;
            if (seen != null) {
                Thread.onSpinWait();
                assertEquals(1, seen[0]);
            }
            reader.readUnlock();
        }

        int[] unlink() {
            int[] old = link;
            link = null;
            return Objects.requireNonNull(old);
        }
    }

    /** A reader in a section, concurrently with an updater that unlinks an object, waits, and reuses the object. */
    static final class ReaderBesideUpdater extends Bodies {
        private final Rcu rcu = new Rcu(new Rcu.Settings(
                Runnable::run,
                new Housekeeping(null, Runnable::run, moved -> {}),
                8,
                Rcu.AtBound.WAIT,
                Long.MAX_VALUE,
                message -> {}));
        private final Linked linked = new Linked(rcu.register("reader"));

        ReaderBesideUpdater() {
            thread("reader", linked::read);
            thread("updater", () -> {
                int[] old = linked.unlink();
                rcu.synchronize();
                old[0] = 2;
            });
        }
    }

    private static Exploration.Result explore(Class<? extends Scenario> type, Strategy strategy) {
        return SteppedScenarios.result(type, SteppedScenarios.explore(type), strategy, 0);
    }

    private static void nothing(Class<? extends Scenario> type, Strategy strategy) {
        Exploration.Result result = explore(type, strategy);
        assertNull(result.failure(), result::toString);
    }

    @Test
    void gates() {
        nothing(OneWaits.class, Strategy.bounded(3));
        nothing(TwoWait.class, Strategy.bounded(2));
        nothing(OneIsInterrupted.class, Strategy.bounded(1));
        nothing(OneWaits.class, Strategy.reduced());
    }

    @Test
    void gracePeriods() {
        nothing(ReaderBesideUpdater.class, Strategy.bounded(3));
        nothing(ReaderBesideUpdater.class, Strategy.reduced());
    }
}
