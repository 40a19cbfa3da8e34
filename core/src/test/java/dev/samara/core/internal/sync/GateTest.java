// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.FirstFailure;
import dev.samara.core.fixture.Latches;
import dev.samara.core.internal.sync.Gate.Waiter;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.ExtendWith;

/** The guarantees of one gate to one or a few threads. */
@ExtendWith(FirstFailure.class)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
final class GateTest {
    private static final Gate.WaitReporter PATIENT = new Reports(Long.MAX_VALUE, () -> {});

    /** A reporter that counts its calls. */
    private static final class Reports implements Gate.WaitReporter {
        final AtomicInteger count = new AtomicInteger();
        private final long after;
        private final Runnable then;

        Reports(long after, Runnable then) {
            this.after = after;
            this.then = then;
        }

        @Override
        public long reportAfterNanos() {
            return after;
        }

        @Override
        public void waitsLong(Object blocker, Thread waiter, long waitedNanos) {
            assertSame(Thread.currentThread(), waiter);
            assertTrue(waitedNanos >= after);
            count.incrementAndGet();
            then.run();
        }
    }

    private static void start(Thread thread) {
        thread.setDaemon(true);
        thread.start();
    }

    /** Waits until the thread parked; no other thread wakes it. */
    private static void untilParkedAt(Gate gate, Thread thread) {
        Await.until("a thread parks at the gate", () -> LockSupport.getBlocker(thread) == gate, thread);
    }

    /** Returns the result of a wait that ended with a wake. */
    private static boolean ended(FutureTask<Boolean> wait) {
        return Await.result("the wait ends", wait, List.of());
    }

    private static void open(Gate gate) {
        Gate.wake(gate.open());
    }

    private static int length(@Nullable Waiter stack) {
        int length = 0;
        for (Waiter waiter = stack; waiter != null; waiter = waiter.next) {
            length++;
        }
        return length;
    }

    @Test
    @DisplayName("an open gate lets every thread pass, an interrupted one too")
    void openLetsPass() {
        Gate gate = new Gate();
        assertFalse(gate.isOpen());
        assertNull(gate.open());
        Gate.wake(null);
        assertTrue(gate.isOpen());
        assertTrue(gate.await(PATIENT));
        gate.awaitUninterruptibly(PATIENT);
        Thread.currentThread().interrupt();
        assertTrue(gate.await(PATIENT));
        gate.awaitUninterruptibly(PATIENT);
        assertTrue(Thread.interrupted());
    }

    @Test
    @DisplayName("a gate opens once; a second opening is refused and changes nothing")
    void opensOnce() {
        Gate gate = new Gate();
        open(gate);
        assertThrows(IllegalStateException.class, () -> open(gate));
        assertTrue(gate.isOpen());
        assertTrue(gate.await(PATIENT));
    }

    /** Runs first, because at a gate that fails this test, other tests would wait for lost threads. */
    @Order(1)
    @Test
    @DisplayName("a gate is open before the first thread is woken: opening it wakes none")
    void openBeforeWoken() {
        Gate gate = new Gate();
        CountDownLatch reported = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        // During the report, the thread is registered and cannot remove itself.
        FutureTask<Boolean> wait = new FutureTask<>(() -> gate.await(new Reports(0, () -> {
            reported.countDown();
            Latches.await(goOn);
        })));
        start(new Thread(wait));
        Await.until("the wait is reported", () -> reported.getCount() == 0);
        Waiter waiting = Objects.requireNonNull(gate.open());
        assertTrue(gate.isOpen());
        assertFalse(waiting.hasLeft());
        Gate.wake(waiting);
        assertTrue(waiting.hasLeft());
        goOn.countDown();
        assertTrue(ended(wait));
    }

    @Test
    @DisplayName("waking takes each thread out of its node, so that a second call finds none")
    void wokenOnce() throws Exception {
        Gate gate = new Gate();
        List<FutureTask<Boolean>> waits = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            waits.add(parkedAt(gate));
        }
        Waiter waiting = gate.open();
        Gate.wake(waiting);
        for (Waiter waiter = waiting; waiter != null; waiter = waiter.next) {
            assertTrue(waiter.hasLeft());
        }
        Gate.wake(waiting);
        for (FutureTask<Boolean> wait : waits) {
            assertTrue(ended(wait));
        }
    }

    @Test
    @DisplayName("a thread that is interrupted already does not wait, and its flag stays set")
    void interruptedBefore() {
        Gate gate = new Gate();
        Thread.currentThread().interrupt();
        assertFalse(gate.await(PATIENT));
        assertTrue(Thread.interrupted());
        assertNull(gate.open());
    }

    @Test
    @DisplayName("an interrupt ends a wait; the flag stays set, and the thread is not woken later")
    void interruptedWhileWaiting() throws Exception {
        Gate gate = new Gate();
        FutureTask<Boolean> wait = new FutureTask<>(
                () -> !gate.await(PATIENT) && Thread.currentThread().isInterrupted());
        Thread thread = new Thread(wait);
        start(thread);
        untilParkedAt(gate, thread);
        thread.interrupt();
        assertTrue(ended(wait));
        assertNull(gate.open());
    }

    @Test
    @DisplayName("an uninterruptible wait outlasts an interrupt, before it or in it, and sets the flag again")
    void interruptIsRemembered() throws Exception {
        Gate gate = new Gate();
        List<Thread> threads = new ArrayList<>();
        List<FutureTask<Boolean>> waits = new ArrayList<>();
        for (boolean before : new boolean[] {true, false}) {
            FutureTask<Boolean> wait = new FutureTask<>(() -> {
                if (before) {
                    Thread.currentThread().interrupt();
                }
                gate.awaitUninterruptibly(PATIENT);
                return gate.isOpen() && Thread.currentThread().isInterrupted();
            });
            Thread thread = new Thread(wait);
            start(thread);
            untilParkedAt(gate, thread);
            thread.interrupt();
            threads.add(thread);
            waits.add(wait);
        }
        for (Thread thread : threads) {
            Await.until("the interrupt is noticed", () -> !thread.isInterrupted(), thread);
            untilParkedAt(gate, thread);
        }
        open(gate);
        for (FutureTask<Boolean> wait : waits) {
            assertTrue(ended(wait));
        }
    }

    @Test
    @DisplayName("waiters that left do not pile up: from the top of the stack")
    void leaversLeaveNothing() throws Exception {
        Gate gate = new Gate();
        FutureTask<Boolean> stays = parkedAt(gate);
        Reports leave = new Reports(0, Thread.currentThread()::interrupt);
        for (int i = 0; i < 10_000; i++) {
            assertFalse(gate.await(leave));
            assertTrue(Thread.interrupted());
        }
        assertEquals(10_000, leave.count.get());
        Waiter waiting = gate.open();
        assertEquals(1, length(waiting));
        Gate.wake(waiting);
        assertTrue(ended(stays));
    }

    @Test
    @DisplayName("waiters that left do not pile up: from the middle of the stack")
    void leaversAreTakenOutOfTheMiddle() throws Exception {
        Gate gate = new Gate();
        List<FutureTask<Boolean>> stay = new ArrayList<>();
        Reports leave = new Reports(0, () -> {
            stay.add(parkedAt(gate));
            Thread.currentThread().interrupt();
        });
        for (int i = 0; i < 50; i++) {
            assertFalse(gate.await(leave));
            assertTrue(Thread.interrupted());
        }
        Waiter waiting = gate.open();
        assertEquals(50, length(waiting));
        Gate.wake(waiting);
        for (FutureTask<Boolean> wait : stay) {
            assertTrue(ended(wait));
        }
    }

    @Test
    @DisplayName("a long wait is reported once, by the thread that waits, and goes on")
    void reportedOnce() throws Exception {
        Gate gate = new Gate();
        CountDownLatch reported = new CountDownLatch(1);
        Reports reports = new Reports(1, reported::countDown);
        FutureTask<Boolean> wait = new FutureTask<>(() -> gate.await(reports));
        Thread thread = new Thread(wait);
        start(thread);
        Await.until("the wait is reported", () -> reported.getCount() == 0, thread);
        for (int i = 0; i < 100; i++) {
            untilParkedAt(gate, thread);
            LockSupport.unpark(thread);
        }
        assertFalse(wait.isDone());
        open(gate);
        assertTrue(ended(wait));
        assertEquals(1, reports.count.get());
    }

    @Test
    @DisplayName("each wait has its own report")
    void reportedPerWait() {
        Reports reports = new Reports(0, () -> {});
        for (int i = 1; i <= 3; i++) {
            Gate gate = new Gate();
            Reports opens = new Reports(0, () -> {
                reports.waitsLong(gate, Thread.currentThread(), 0);
                open(gate);
            });
            gate.awaitUninterruptibly(opens);
            assertEquals(i, reports.count.get());
        }
    }

    @Test
    @DisplayName("a reporter that parks may use up the permit of the waking; the wait still ends")
    void watchUsesUpThePermit() {
        Gate gate = new Gate();
        assertTrue(gate.await(new Reports(0, () -> {
            open(gate);
            LockSupport.park();
        })));
    }

    @Test
    @DisplayName("an exception of a reporter goes to the thread's handler, and the wait goes on")
    void watchThrows() throws Exception {
        Error late = new AssertionError("late");
        Error early = new AssertionError("early");
        Gate.WaitReporter throwsLate = new Reports(0, () -> {
            throw late;
        });
        Gate.WaitReporter throwsEarly = new Gate.WaitReporter() {
            @Override
            public long reportAfterNanos() {
                throw early;
            }

            @Override
            public void waitsLong(Object blocker, Thread waiter, long waitedNanos) {}
        };
        for (Gate.WaitReporter reporter : List.of(throwsLate, throwsEarly)) {
            Gate gate = new Gate();
            List<Throwable> handed = new ArrayList<>();
            FutureTask<Boolean> wait = new FutureTask<>(() -> gate.await(reporter));
            Thread thread = new Thread(wait);
            thread.setUncaughtExceptionHandler((where, thrown) -> {
                handed.add(thrown);
                throw new IllegalStateException("the handler throws too");
            });
            start(thread);
            untilParkedAt(gate, thread);
            open(gate);
            assertTrue(ended(wait));
            assertEquals(List.of(reporter == throwsLate ? late : early), handed);
        }
    }

    @Test
    @DisplayName("a reporter attends again to what the wait may depend on, as long as the wait lasts")
    void attendsAgain() {
        Gate gate = new Gate();
        AtomicInteger calls = new AtomicInteger();
        Gate.WaitReporter attends = new Gate.WaitReporter() {
            @Override
            public long reportAfterNanos() {
                return Long.MAX_VALUE;
            }

            @Override
            public void waitsLong(Object blocker, Thread waiter, long waitedNanos) {
                throw new AssertionError("reported");
            }

            @Override
            public void attendAgain() {
                calls.incrementAndGet();
                open(gate);
            }

            @Override
            public long attendEveryNanos() {
                return 1_000_000;
            }
        };
        assertTrue(gate.await(attends));
        assertEquals(1, calls.get());
    }

    /** Starts a thread that waits, and returns once it parked. */
    private static FutureTask<Boolean> parkedAt(Gate gate) {
        FutureTask<Boolean> wait = new FutureTask<>(() -> gate.await(PATIENT));
        Thread thread = new Thread(wait);
        start(thread);
        untilParkedAt(gate, thread);
        return wait;
    }
}
