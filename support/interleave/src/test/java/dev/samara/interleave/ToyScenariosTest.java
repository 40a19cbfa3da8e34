// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Finding;
import dev.samara.interleave.schedule.Scenario;
import dev.samara.interleave.schedule.Schedule;
import dev.samara.interleave.schedule.Strategy;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Checks that the scheduler finds the bug in each of these small scenarios, and reports nothing for correct ones. */
@DisplayName("The scheduler, on scenarios of a few lines")
@Tag("interleave")
@Timeout(1200)
final class ToyScenariosTest {
    static Map<String, Scenario.Body> both(Scenario.Body one, Scenario.Body other) {
        Map<String, Scenario.Body> bodies = new LinkedHashMap<>();
        bodies.put("a", one);
        bodies.put("b", other);
        return bodies;
    }

    /** Two threads add 1 by a read and a write. */
    static class LostUpdate implements Scenario {
        volatile int count;

        @Override
        public Map<String, Body> operations() {
            return both(this::add, this::add);
        }

        void add() {
            int seen = count;
            count = seen + 1;
        }

        @Override
        public void end() {
            assertEquals(2, count);
        }
    }

    static final class AtomicUpdate implements Scenario {
        private final AtomicInteger count = new AtomicInteger();

        @Override
        public Map<String, Body> operations() {
            return both(count::incrementAndGet, count::incrementAndGet);
        }

        @Override
        public void end() {
            assertEquals(2, count.get());
        }
    }

    static final class LockedUpdate extends LostUpdate {
        private final ReentrantLock lock = new ReentrantLock();

        @Override
        void add() {
            lock.lock();
            try {
                super.add();
            } finally {
                lock.unlock();
            }
        }
    }

    static final class SynchronizedUpdate extends LostUpdate {
        @Override
        synchronized void add() {
            super.add();
        }
    }

    /** Acquires two locks in two orders. */
    static final class Deadlock implements Scenario {
        private final ReentrantLock one = new ReentrantLock();
        private final Object other = new Object();

        @Override
        @SuppressWarnings("LockNotBeforeTry") // The order is the point, and nothing throws.
        public Map<String, Body> operations() {
            return both(
                    () -> {
                        one.lock();
                        synchronized (other) {
                            one.unlock();
                        }
                    },
                    () -> {
                        synchronized (other) {
                            one.lock();
                            one.unlock();
                        }
                    });
        }
    }

    /** Checks a flag, then registers; a wake-up in between is lost. */
    static final class LostWakeUp implements Scenario {
        private static final VarHandle WAITER;

        static {
            try {
                WAITER = MethodHandles.lookup().findVarHandle(LostWakeUp.class, "waiter", Thread.class);
            } catch (ReflectiveOperationException impossible) {
                throw new ExceptionInInitializerError(impossible);
            }
        }

        private volatile boolean isOpen;

        @SuppressWarnings("UnusedVariable") // Accessed through WAITER.
        private @Nullable Thread waiter;

        @Override
        public Map<String, Body> operations() {
            return both(
                    () -> {
                        if (!isOpen) {
                            WAITER.setVolatile(this, Thread.currentThread());
                            LockSupport.park(this);
                        }
                    },
                    () -> {
                        isOpen = true;
                        LockSupport.unpark((Thread) WAITER.getVolatile(this));
                    });
        }
    }

    static final class GuardedWait implements Scenario {
        private final ReentrantLock lock = new ReentrantLock();
        private final Condition opened = lock.newCondition();
        private boolean isOpen;

        @Override
        public Map<String, Body> operations() {
            return both(
                    () -> {
                        lock.lock();
                        try {
                            while (!isOpen) {
                                opened.await();
                            }
                        } finally {
                            lock.unlock();
                        }
                    },
                    () -> {
                        lock.lock();
                        try {
                            isOpen = true;
                            opened.signal();
                        } finally {
                            lock.unlock();
                        }
                    });
        }
    }

    /** Spins briefly, then parks. Tests that the scheduler finds a wake-up that is lost after the spin. */
    static final class SpinThenPark implements Scenario {
        private volatile boolean isOpen;
        private volatile @Nullable Thread waiter;

        @Override
        public Map<String, Body> operations() {
            return both(
                    () -> {
                        for (int i = 0; i < 100; i++) {
                            if (isOpen) {
                                return;
                            }
                            Thread.onSpinWait();
                        }
                        waiter = Thread.currentThread();
                        LockSupport.park(this);
                    },
                    () -> {
                        isOpen = true;
                        LockSupport.unpark(waiter);
                    });
        }
    }

    static final class EndlessSpin implements Scenario {
        private volatile boolean a;
        private volatile boolean b;

        @Override
        public Map<String, Body> operations() {
            return both(
                    () -> {
                        while (!b) {
                            Thread.onSpinWait();
                        }
                        a = true;
                    },
                    () -> {
                        while (!a) {
                            Thread.onSpinWait();
                        }
                        b = true;
                    });
        }
    }

    /** Three threads each write their own cell and nothing else, so all runs are equivalent. */
    static final class Independent implements Scenario {
        private final AtomicInteger[] cells = {new AtomicInteger(), new AtomicInteger(), new AtomicInteger()};

        @Override
        public Map<String, Body> operations() {
            Map<String, Body> bodies = new LinkedHashMap<>();
            for (AtomicInteger cell : cells) {
                bodies.put("t" + bodies.size(), () -> {
                    cell.incrementAndGet();
                    cell.incrementAndGet();
                });
            }
            return bodies;
        }
    }

    /** Uses a class that cannot be initialized. */
    static final class Unusable implements Scenario {
        static final class Broken {
            static final int NUMBER = Integer.parseInt("none");
        }

        @Override
        public Map<String, Body> operations() {
            return both(() -> assertEquals(1, Broken.NUMBER), () -> {});
        }
    }

    private static Exploration.Failure found(
            Class<? extends Scenario> type, Strategy strategy, Finding.Kind kind, int mostChoices) {
        Exploration exploration = SteppedScenarios.explore(type);
        Exploration.Result result = SteppedScenarios.result(type, exploration, strategy, 0);
        Exploration.Failure failure = result.failure();
        assertNotNull(failure);
        assertEquals(kind, failure.finding().kind(), failure::toString);
        assertTrue(failure.schedule().choices().size() <= mostChoices, failure::toString);
        Exploration.Failure again =
                exploration.replay(Schedule.parse(failure.schedule().toString()));
        assertNotNull(again);
        assertEquals(failure.toString(), again.toString());
        return failure;
    }

    private static Exploration.Result nothing(Class<? extends Scenario> type, Strategy strategy) {
        Exploration.Result result = SteppedScenarios.result(type, SteppedScenarios.explore(type), strategy, 0);
        assertNull(result.failure(), result::toString);
        assertTrue(result.isComplete());
        return result;
    }

    @Test
    void lostUpdate() {
        found(LostUpdate.class, Strategy.bounded(1), Finding.Kind.THROWN, 1);
        found(LostUpdate.class, Strategy.reduced(), Finding.Kind.THROWN, 2);
        found(LostUpdate.class, Strategy.random(1, 2, 1000), Finding.Kind.THROWN, 2);
        nothing(AtomicUpdate.class, Strategy.reduced());
        nothing(LockedUpdate.class, Strategy.reduced());
        nothing(SynchronizedUpdate.class, Strategy.reduced());
        nothing(LockedUpdate.class, Strategy.bounded(2));
        nothing(SynchronizedUpdate.class, Strategy.bounded(2));
    }

    @Test
    void deadlock() {
        Exploration.Failure failure = found(Deadlock.class, Strategy.bounded(1), Finding.Kind.STUCK, 1);
        assertTrue(failure.finding().message().contains("waits for SteppedLock of a"), failure::toString);
        found(Deadlock.class, Strategy.reduced(), Finding.Kind.STUCK, 2);
    }

    @Test
    void lostWakeUp() {
        found(LostWakeUp.class, Strategy.bounded(1), Finding.Kind.STUCK, 1);
        found(LostWakeUp.class, Strategy.reduced(), Finding.Kind.STUCK, 2);
        nothing(GuardedWait.class, Strategy.reduced());
        nothing(GuardedWait.class, Strategy.bounded(3));
    }

    @Test
    void spins() {
        found(SpinThenPark.class, Strategy.bounded(1), Finding.Kind.STUCK, 2);
        found(EndlessSpin.class, Strategy.bounded(0), Finding.Kind.ENDLESS, 0);
    }

    @Test
    void independentStepsAreNotReordered() {
        Exploration.Result result = nothing(Independent.class, Strategy.reduced());
        assertEquals(1, result.runs() - result.repetitions());
    }

    @Test
    void saysWhyAClassCouldNotBeInitialized() {
        Exploration.Failure failure = SteppedScenarios.explore(Unusable.class)
                .explore(Strategy.bounded(1), 10)
                .failure();
        assertNotNull(failure);
        assertInstanceOf(ExceptionInInitializerError.class, failure.finding().thrown());
    }

    @Test
    void repeats() {
        Exploration exploration = SteppedScenarios.explore(LostUpdate.class);
        Schedule schedule = Schedule.parse("a:2>b");
        assertEquals(exploration.steps(schedule), exploration.steps(schedule));
        assertTrue(exploration.steps(schedule).size() > 4);
    }
}
