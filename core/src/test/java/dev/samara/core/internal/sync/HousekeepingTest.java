// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Awake;
import dev.samara.core.fixture.FirstFailure;
import dev.samara.core.fixture.Rounds;
import dev.samara.testing.Share;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(FirstFailure.class)
@DisplayName("I9: the list of calls that wait")
final class HousekeepingTest {
    /** Keeps tasks until the test runs them, or fails as the test requests. */
    private static final class ByHand implements Executor {
        final Queue<Runnable> given = new ArrayDeque<>();
        final Queue<Error> failures = new ArrayDeque<>();

        @Override
        public void execute(Runnable task) {
            Error failure = failures.poll();
            if (failure != null) {
                throw failure;
            }
            given.add(task);
        }

        /** Makes the next calls fail with an OutOfMemoryError. */
        void lackMemory(int times) {
            for (int i = 0; i < times; i++) {
                failures.add(new OutOfMemoryError("planted"));
            }
        }
    }

    /** A call that is ready after it was asked a number of times, and counts its runs. */
    private static class Scripted extends Housekeeping.Waiter {
        final int asksBefore;
        final AtomicInteger asked = new AtomicInteger();
        final AtomicInteger ran = new AtomicInteger();

        Scripted(int asksBefore) {
            this.asksBefore = asksBefore;
        }

        @Override
        protected boolean isReady() {
            return asked.getAndIncrement() >= asksBefore;
        }

        @Override
        public void run() {
            ran.incrementAndGet();
        }
    }

    private final ByHand executor = new ByHand();
    private final Housekeeping calls = new Housekeeping(executor, executor, null);

    /** Runs an action, and converts an OutOfMemoryError, which would end the run of all tests without naming one. */
    private static void guarded(Runnable what) {
        try {
            what.run();
        } catch (OutOfMemoryError escaped) {
            throw new AssertionError("for want of memory a call was not listed, or not handed over", escaped);
        }
    }

    private void add(Housekeeping.Waiter call) {
        guarded(() -> calls.add(call));
    }

    /** Polls on this thread until no call waits. */
    private void poll() {
        assertSame(calls, executor.given.remove(), "the polling is one task");
        guarded(calls);
    }

    @Test
    @DisplayName("has a call that is ready run by the executor, once, and the list lets go of it")
    void ready() {
        Scripted call = new Scripted(0);
        add(call);
        assertEquals(0, call.asked.get(), "adding does not ask");
        poll();
        assertEquals(List.of(call), List.copyOf(executor.given));
        assertEquals(1, call.asked.get());
        assertEquals(0, call.ran.get(), "the thread that polls runs no call");
        assertNull(call.next);
    }

    @Test
    @DisplayName("asks one that is not ready again and again, and hands it over when it is; others pass it")
    void notReady() {
        Scripted late = new Scripted(20);
        Scripted early = new Scripted(1);
        Scripted atOnce = new Scripted(0);
        List.of(late, early, atOnce).forEach(this::add);
        poll();
        assertEquals(List.of(atOnce, early, late), List.copyOf(executor.given));
        assertEquals(21, late.asked.get());
        assertEquals(2, early.asked.get());
        assertEquals(1, atOnce.asked.get());
    }

    @Test
    @DisplayName("has the thread of the steps park where there is no strategy, while no call can continue")
    void parks() throws InterruptedException {
        Background background = new Background(thrown -> {});
        Housekeeping list = new Housekeeping(background, background, null);
        AtomicReference<@Nullable Thread> asking = new AtomicReference<>();
        AtomicBoolean isDone = new AtomicBoolean();
        list.add(new Scripted(0) {
            @Override
            protected boolean isReady() {
                asking.set(Thread.currentThread());
                return isDone.get();
            }
        });
        Await.until("the thread of the steps parks", () -> isParkedInIdle(asking.get()));
        isDone.set(true);
        background.awaitQuiescence();
    }

    /** Checks the method, too, because a long step parks in another one. */
    private static boolean isParkedInIdle(@Nullable Thread steps) {
        if (steps == null) {
            return false;
        }
        List<String> methods = Arrays.stream(steps.getStackTrace())
                .map(StackTraceElement::getMethodName)
                .toList();
        return methods.contains("parkNanos") && methods.contains("idle");
    }

    @Test
    @DisplayName("is idle only if no call is listed, waits, is ready or is being handed over")
    void idleOrNot() {
        List<Long> seen = new ArrayList<>();
        AtomicReference<@Nullable Housekeeping> self = new AtomicReference<>();
        Housekeeping list = new Housekeeping(
                null, task -> seen.add(Objects.requireNonNull(self.get()).takenIfIdle()), null);
        self.set(list);
        assertEquals(0, list.takenIfIdle());
        list.add(new Scripted(1));
        assertEquals(-1, list.takenIfIdle(), "listed");
        assertEquals(0, list.doWork());
        assertEquals(-1, list.takenIfIdle(), "waits");
        assertEquals(1, list.doWork());
        assertEquals(List.of(-1L), seen, "while it is handed over");
        assertEquals(1, list.takenIfIdle());
    }

    @Test
    @DisplayName("is polled by one task, which ends with the last call; the next call begins another one")
    void restarts() {
        for (int round = 0; round < 3; round++) {
            Scripted first = new Scripted(round);
            Scripted second = new Scripted(0);
            add(first);
            add(second);
            calls.attendAgain();
            assertEquals(1, executor.given.size());
            poll();
            assertEquals(2, executor.given.size());
            executor.given.clear();
            calls.attendAgain();
            assertTrue(executor.given.isEmpty(), "nothing is left");
        }
    }

    @Test
    @DisplayName("polls a call that is added beside those that wait already")
    void addedPasses() {
        Scripted added = new Scripted(0);
        Scripted waiting = new Scripted(100) {
            @Override
            protected boolean isReady() {
                if (asked.get() == 0) {
                    calls.add(added);
                }
                return super.isReady() || executor.given.contains(added);
            }
        };
        add(waiting);
        poll();
        assertEquals(List.of(added, waiting), List.copyOf(executor.given));
        assertEquals(3, waiting.asked.get());
    }

    @Test
    @DisplayName("takes over calls added while it polls, also by a call that goes on before the poll does")
    void addedMeanwhile() {
        List<Runnable> order = new ArrayList<>();
        Executor atOnce = task -> {
            // Runs the task immediately, like a thread that is faster than the polling one.
            order.add(task);
            task.run();
        };
        Housekeeping inPlace = new Housekeeping(atOnce, atOnce, null);
        Scripted other = new Scripted(7);
        Scripted added = new Scripted(2);
        Scripted again = new Scripted(1) {
            @Override
            protected boolean isReady() {
                if (asked.get() == 0) {
                    // The list is being polled. Afterwards it contains this call and another one.
                    inPlace.add(other);
                }
                return super.isReady();
            }

            @Override
            public void run() {
                super.run();
                if (ran.get() == 1) {
                    inPlace.add(added);
                }
                if (ran.get() < 5) {
                    inPlace.add(this);
                }
            }
        };
        inPlace.add(again);
        assertEquals(5, again.ran.get());
        assertEquals(1, other.ran.get());
        assertEquals(1, added.ran.get());
        assertEquals(7, order.stream().filter(task -> task != inPlace).count());
    }

    @Test
    @DisplayName("loses no call that is added just when the polling ends")
    void endingBesideAdding() {
        AtomicReference<@Nullable Runnable> polling = new AtomicReference<>();
        // Runs calls within the polling, which then finds no further call and is about to end.
        Housekeeping list = new Housekeeping(polling::set, Runnable::run, null);
        AtomicBoolean isOver = new AtomicBoolean();
        Thread poller = new Thread(() -> {
            while (!isOver.get()) {
                Runnable task = polling.getAndSet(null);
                if (task != null) {
                    task.run();
                }
                Awake.turn();
            }
        });
        poller.setDaemon(true);
        poller.start();
        Rounds rounds = new Rounds(30_000);
        while (rounds.next()) {
            Scripted call = new Scripted(0);
            list.add(call);
            Await.until("a call goes on", () -> call.ran.get() == 1);
        }
        isOver.set(true);
    }

    @Test
    @DisplayName("polls many calls of several threads, and each runs as often as it was listed")
    void many() throws InterruptedException {
        int each = 2_000;
        int times = 3;
        Background background = new Background(thrown -> {
            throw new AssertionError(thrown);
        });
        Housekeeping list = new Housekeeping(background, background, null);
        AtomicInteger runs = new AtomicInteger();
        List<Scripted> all = new CopyOnWriteArrayList<>();
        List<FutureTask<Integer>> adders = new ArrayList<>();
        for (int adder = 0; adder < 3; adder++) {
            FutureTask<Integer> task = new FutureTask<>(() -> {
                for (int i = 0; i < each; i++) {
                    Scripted call = new Scripted(i % 4) {
                        @Override
                        public void run() {
                            super.run();
                            if (ran.get() < times) {
                                list.add(this);
                            }
                            runs.incrementAndGet();
                        }
                    };
                    all.add(call);
                    list.add(call);
                }
                return 0;
            });
            adders.add(task);
            Thread thread = new Thread(task, "adder " + adder);
            thread.setDaemon(true);
            thread.start();
        }
        Await.all("the adding of calls", () -> all.size() + runs.get(), adders);
        int expected = adders.size() * each * times;
        for (int seen = runs.get(); seen != expected; seen = runs.get()) {
            int before = seen;
            Await.until("another call runs behind run " + seen, () -> runs.get() != before);
        }
        background.awaitQuiescence();
        assertEquals(expected, runs.get());
        all.forEach(call -> assertEquals(times, call.ran.get()));
    }

    @Test
    @DisplayName("hands over a call that throws when it is asked: it goes on, and throws again; the others are polled")
    void throwsWhenAsked() {
        Scripted before = new Scripted(3);
        Scripted behind = new Scripted(3);
        Scripted failing = new Scripted(0) {
            @Override
            protected boolean isReady() {
                throw asked.getAndIncrement() == 0 ? new StackOverflowError("planted") : new AssertionError("again");
            }
        };
        List.of(behind, failing, before).forEach(this::add);
        poll();
        assertEquals(3, executor.given.size());
        assertSame(failing, executor.given.remove());
        assertEquals(1, failing.asked.get());
    }

    @Test
    @DisplayName("goes on behind a call that throws when it runs")
    void throwsWhenRun() throws InterruptedException {
        List<Throwable> thrown = new CopyOnWriteArrayList<>();
        Background background = new Background(thrown::add);
        Housekeeping list = new Housekeeping(background, background, null);
        IllegalStateException planted = new IllegalStateException("planted");
        Scripted late = new Scripted(50);
        list.add(late);
        list.add(new Scripted(1) {
            @Override
            public void run() {
                throw planted;
            }
        });
        Await.until("the other call has run", () -> late.ran.get() == 1);
        background.awaitQuiescence();
        assertEquals(List.of(planted), thrown);
        Scripted next = new Scripted(0);
        list.add(next);
        Await.until("the next call has run", () -> next.ran.get() == 1);
    }

    @Test
    @DisplayName("waits for memory for its task: the call is listed once, and polled once there is some")
    void noMemoryForTheTask() {
        executor.lackMemory(5);
        Scripted call = new Scripted(0);
        add(call);
        assertTrue(executor.failures.isEmpty());
        assertEquals(1, executor.given.size());
        poll();
        assertEquals(List.of(call), List.copyOf(executor.given));
    }

    @Test
    @DisplayName("keeps a call for which there is no memory at the executor, and hands it over once there is some")
    void noMemoryForTheCall() {
        Scripted one = new Scripted(0);
        Scripted other = new Scripted(2);
        add(one);
        add(other);
        executor.lackMemory(3);
        poll();
        assertTrue(executor.failures.isEmpty());
        assertEquals(2, executor.given.size());
        assertTrue(executor.given.containsAll(List.of(one, other)), executor.given::toString);
    }

    @Test
    @DisplayName("keeps a call whose adding overflows the stack; the next one has it polled")
    void polledWithTheNext() {
        StackOverflowError planted = new StackOverflowError("planted");
        executor.failures.add(planted);
        Scripted first = new Scripted(0);
        assertSame(planted, assertThrows(StackOverflowError.class, () -> add(first)));
        assertTrue(executor.given.isEmpty());
        Scripted second = new Scripted(0);
        add(second);
        calls.attendAgain();
        poll();
        assertEquals(2, executor.given.size());
        assertTrue(executor.given.containsAll(List.of(first, second)), executor.given::toString);
    }

    @Test
    @DisplayName("has such a call polled without another one, as often as it takes")
    void attendedAgain() {
        for (int i = 0; i < 3; i++) {
            executor.failures.add(new StackOverflowError("planted"));
        }
        Scripted call = new Scripted(0);
        assertThrows(StackOverflowError.class, () -> add(call));
        assertThrows(StackOverflowError.class, calls::attendAgain);
        assertThrows(StackOverflowError.class, calls::attendAgain);
        assertTrue(executor.given.isEmpty());
        calls.attendAgain();
        poll();
        assertEquals(List.of(call), List.copyOf(executor.given));
        calls.attendAgain();
        assertEquals(1, executor.given.size());
    }

    @Test
    @DisplayName("does not keep an interrupt, with which its thread would pause no more")
    void interrupted() {
        List<Boolean> flags = new ArrayList<>();
        Scripted call = new Scripted(3) {
            @Override
            protected boolean isReady() {
                flags.add(Thread.currentThread().isInterrupted());
                Thread.currentThread().interrupt();
                return super.isReady();
            }
        };
        add(call);
        poll();
        assertEquals(List.of(false, false, false, false), flags);
        assertTrue(Thread.interrupted(), "the last one");
    }

    @Test
    @DisplayName("has another task poll the calls of one that fails, or that is just about to end")
    void addedToOneThatFails() {
        AssertionError planted = new AssertionError("planted");
        Scripted added = new Scripted(0);
        Scripted first = new Scripted(0) {
            @Override
            protected boolean isReady() {
                calls.add(added);
                executor.failures.add(planted);
                return super.isReady();
            }
        };
        add(first);
        executor.given.clear();
        assertSame(planted, assertThrows(AssertionError.class, calls::run));
        poll();
        assertEquals(List.of(first, added), List.copyOf(executor.given));
    }

    @Test
    @DisplayName("has another task hand over the calls that were ready when a hand-over has failed")
    void leftReady() {
        AssertionError planted = new AssertionError("planted");
        Scripted call = new Scripted(0);
        add(call);
        executor.given.clear();
        executor.failures.add(planted);
        assertSame(planted, assertThrows(AssertionError.class, calls::run));
        poll();
        assertEquals(List.of(call), List.copyOf(executor.given));
    }

    @Test
    @DisplayName("remembers that such a task could not be started either")
    void leftUnattended() {
        Scripted call = new Scripted(0);
        add(call);
        executor.given.clear();
        executor.failures.add(new AssertionError("of the hand-over"));
        executor.failures.add(new StackOverflowError("of the start"));
        assertThrows(StackOverflowError.class, calls::run);
        assertTrue(executor.given.isEmpty());
        calls.attendAgain();
        poll();
        assertEquals(List.of(call), List.copyOf(executor.given));
    }

    @Test
    @DisplayName("reports an idle strategy that throws once, and pauses without it from then on")
    void idleThrows() throws InterruptedException {
        IllegalStateException planted = new IllegalStateException("planted");
        List<Throwable> thrown = new CopyOnWriteArrayList<>();
        Background background = new Background(thrown::add);
        Housekeeping list = new Housekeeping(background, background, moved -> {
            throw planted;
        });
        Scripted late = new Scripted(20);
        list.add(late);
        Await.until("the call has run", () -> late.ran.get() == 1);
        Scripted next = new Scripted(20);
        list.add(next);
        Await.until("the next call has run", () -> next.ran.get() == 1);
        background.awaitQuiescence();
        assertEquals(List.of(planted), thrown);
    }

    @Test
    @DisplayName("loses no call, and runs none twice, where steps meet the end of the stack")
    void withoutStack() throws InterruptedException {
        Housekeeping list = new Housekeeping(null, Runnable::run, null);
        List<Scripted> all = new ArrayList<>();
        List<Throwable> thrown = new CopyOnWriteArrayList<>();
        int rounds = Share.of("steps at the end of the stack", 4).steps(12);
        for (int round = 0; round < rounds; round++) {
            for (int i = 0; i < 20; i++) {
                Scripted call = new Scripted(i % 3);
                all.add(call);
                list.add(call);
            }
            Thread deep = new Thread(null, () -> stepAtTheEnd(list), "deep", 1 << 18);
            deep.setUncaughtExceptionHandler((thread, uncaught) -> thrown.add(uncaught));
            deep.start();
            deep.join();
        }
        while (list.takenIfIdle() < 0) {
            list.doWork();
        }
        assertEquals(List.of(), thrown);
        all.forEach(call -> assertEquals(1, call.ran.get()));
    }

    /** Makes steps from the end of the stack upwards, each with one more stack frame of room. */
    @SuppressWarnings("InfiniteRecursion") // ends at the end of the stack
    private static void stepAtTheEnd(Housekeeping list) {
        try {
            stepAtTheEnd(list);
        } catch (StackOverflowError end) {
            // The caller makes the next step.
            return;
        }
        list.step();
    }
}
