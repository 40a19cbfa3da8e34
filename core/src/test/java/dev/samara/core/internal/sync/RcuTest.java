// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Awake;
import dev.samara.core.fixture.FlightRecording;
import dev.samara.core.fixture.Latches;
import dev.samara.core.fixture.Rounds;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import jdk.jfr.consumer.RecordedEvent;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Readers, waits for grace periods, their events, and callbacks after them. */
final class RcuTest {
    private final List<Throwable> thrown = new CopyOnWriteArrayList<>();
    private final List<String> reports = new CopyOnWriteArrayList<>();

    /** If a callback hangs, another thread is started soon. */
    private final Background background = new Background(thrown::add, Duration.ofMillis(1), Duration.ofSeconds(1));

    private Rcu rcu(Executor executor, long reportAfterNanos, Consumer<String> reporter) {
        Housekeeping housekeeping = new Housekeeping(background, background, null);
        return new Rcu(new Rcu.Settings(executor, housekeeping, 3, Rcu.AtBound.WAIT, reportAfterNanos, reporter));
    }

    private final Rcu rcu = rcu(background, TimeUnit.MINUTES.toNanos(5), reports::add);

    private static Thread started(Runnable task) {
        Thread thread = new Thread(task);
        thread.start();
        return thread;
    }

    private void awaitParked(Thread thread) {
        Await.until("a wait", () -> isParked(thread) || !thread.isAlive(), thread);
        assertTrue(thread.isAlive(), () -> "has not waited; reported: " + reports);
    }

    private static boolean isParked(Thread thread) {
        return thread.getState() == Thread.State.TIMED_WAITING || thread.getState() == Thread.State.WAITING;
    }

    private void join(Thread thread) {
        Await.until("the end of a thread", () -> !thread.isAlive(), thread);
    }

    @Test
    @DisplayName("a poll waits for sections from before, not for later ones, nor for those ofothers")
    void polled() {
        Rcu.Reader first = rcu.register("first");
        Rcu.Reader second = rcu.register("second");
        first.readLock();
        long before = rcu.startPoll();
        assertFalse(rcu.poll(before));
        second.readLock();
        long between = rcu.startPoll();
        assertFalse(rcu.poll(between), "the one under way has begun before");
        first.readUnlock();
        assertTrue(rcu.poll(before), "the second section has begun after that");
        assertFalse(rcu.poll(between));
        first.readLock();
        second.readUnlock();
        assertTrue(rcu.poll(between));
        assertTrue(rcu.poll(before));
        long last = rcu.startPoll();
        assertFalse(rcu.poll(last));
        rcu.unregister(Set.of(first));
        assertTrue(rcu.poll(last), "a reader that was given up is not waited for");
    }

    @Test
    @DisplayName("without a reader in a section nothing is waited for")
    void nothingToWaitFor() {
        rcu.synchronize();
        Rcu.Reader reader = rcu.register("r");
        rcu.synchronize();
        reader.readLock();
        reader.readUnlock();
        rcu.synchronize();
        assertFalse(reader.isReading());
        assertEquals("r", reader.toString());
    }

    @Test
    @DisplayName(
            "a section that had begun is waited for, to the end of its outermost level; one that begins later is not")
    void waitsForWhatHadBegun() throws InterruptedException {
        Rcu.Reader early = rcu.register("early");
        Rcu.Reader late = rcu.register("late");
        early.readLock();
        early.readLock();
        AtomicBoolean over = new AtomicBoolean();
        Thread updater = started(() -> {
            rcu.synchronize();
            over.set(true);
        });
        awaitParked(updater);
        late.readLock();
        early.readUnlock();
        assertTrue(early.isReading());
        awaitParked(updater);
        assertFalse(over.get());
        early.readUnlock();
        join(updater);
        assertTrue(over.get(), "though the late one is inside");
        assertTrue(late.isReading());
        late.readUnlock();
    }

    @Test
    @DisplayName("a section within another one is part of it, also for a wait that began between the two")
    void nested() {
        Rcu.Reader reader = rcu.register("r");
        reader.readLock();
        long section = reader.sectionVolatile();
        Thread updater = started(rcu::synchronize);
        awaitParked(updater);
        reader.readLock();
        assertEquals(section, reader.sectionVolatile(), "entered within it");
        awaitParked(updater);
        reader.readUnlock();
        assertEquals(section, reader.sectionVolatile(), "left within it");
        awaitParked(updater);
        reader.readUnlock();
        assertEquals(0, reader.sectionVolatile());
        join(updater);
    }

    @Test
    @DisplayName("all sections are left at once, and none if there is none")
    void readUnlockAll() {
        Rcu.Reader reader = rcu.register("r");
        reader.readUnlockAll();
        reader.readLock();
        reader.readLock();
        reader.readUnlockAll();
        assertFalse(reader.isReading());
        assertEquals(0, reader.sectionVolatile());
        rcu.synchronize();
        reader.readLock();
        assertTrue(reader.sectionVolatile() != 0);
        reader.readUnlock();
    }

    @Test
    @DisplayName("leaving a section that was not entered is refused")
    void unlockWithoutLock() {
        Rcu.Reader reader = rcu.register("r");
        assertThrows(IllegalStateException.class, reader::readUnlock);
        reader.readLock();
        reader.readUnlock();
        assertThrows(IllegalStateException.class, reader::readUnlock);
        reader.readLock();
        assertTrue(reader.isReading());
        assertTrue(reader.sectionVolatile() != 0);
        reader.readUnlock();
        assertEquals(0, reader.sectionVolatile());
    }

    @Test
    @DisplayName("an interrupt does not end the wait, and is kept")
    void interruptIsKept() throws InterruptedException {
        Rcu.Reader reader = rcu.register("r");
        reader.readLock();
        AtomicBoolean kept = new AtomicBoolean();
        AtomicBoolean over = new AtomicBoolean();
        Thread updater = started(() -> {
            Thread.currentThread().interrupt();
            rcu.synchronize();
            over.set(true);
            kept.set(Thread.currentThread().isInterrupted());
        });
        Await.until("the end of an interrupt", () -> !updater.isInterrupted());
        awaitParked(updater);
        updater.interrupt();
        Await.until("the end of an interrupt", () -> !updater.isInterrupted());
        awaitParked(updater);
        assertFalse(over.get());
        reader.readUnlock();
        join(updater);
        assertTrue(kept.get());
    }

    private static final int CELLS = 8;

    /** The places where readers find numbers. Each number has a cell that records whether it is free. */
    private final AtomicIntegerArray places = new AtomicIntegerArray(CELLS);

    /** The number of updates, from which the test sees that the updaters make progress. */
    private final AtomicInteger updates = new AtomicInteger();

    private final AtomicIntegerArray isFree = new AtomicIntegerArray(4 * CELLS);

    @Test
    @DisplayName(
            "I3: readers of many threads, which come and go, never use a number that was freed after a grace period")
    void stress() throws InterruptedException {
        AtomicBoolean stop = new AtomicBoolean();
        AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        for (int i = 0; i < 4 * CELLS; i++) {
            isFree.set(i, i < CELLS ? 0 : 1);
        }
        for (int i = 0; i < CELLS; i++) {
            places.set(i, i);
        }
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            threads.add(started(() -> caught(failure, () -> read(stop))));
        }
        List<Thread> updaters = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            int number = i;
            updaters.add(started(() -> caught(failure, () -> update(number))));
        }
        for (Thread updater : updaters) {
            while (updater.isAlive()) {
                int seen = updates.get();
                Await.until("an update after " + seen, () -> updates.get() != seen || !updater.isAlive(), updater);
            }
        }
        stop.set(true);
        for (Thread thread : threads) {
            join(thread);
        }
        background.awaitQuiescence();
        assertNull(failure.get());
        assertEquals(List.of(), thrown);
    }

    private static void caught(AtomicReference<@Nullable Throwable> failure, Runnable task) {
        try {
            task.run();
        } catch (Throwable e) {
            failure.compareAndSet(null, e);
        }
    }

    private void read(AtomicBoolean stop) {
        Rcu.Reader reader = rcu.register("reader");
        for (int i = 0; !stop.get(); i++) {
            reader.readLock();
            int found = places.getPlain(i % CELLS);
            for (int use = 0; use < 20; use++) {
                assertEquals(0, isFree.getPlain(found), "used after it was freed");
            }
            reader.readUnlock();
            if (i % 1000 == 0) {
                rcu.unregister(Set.of(reader));
                reader = rcu.register("reader");
            }
        }
        rcu.unregister(Set.of(reader));
    }

    /** Makes the updates of one updater, which has its own numbers and places. */
    private void update(int updater) {
        AtomicInteger pending = new AtomicInteger();
        Rounds rounds = new Rounds(1500);
        for (int i = 0; rounds.next(); i++) {
            int place = 2 * (i % (CELLS / 2)) + updater;
            int fresh = take(updater);
            int old = places.getAndSet(place, fresh);
            updates.incrementAndGet();
            if (i % 3 == 0) {
                pending.incrementAndGet();
                rcu.call(() -> {
                    isFree.set(old, 1);
                    pending.decrementAndGet();
                });
            } else {
                rcu.synchronize();
                isFree.set(old, 1);
            }
        }
        Await.until("the callbacks", () -> pending.get() == 0);
    }

    private int take(int updater) {
        for (; ; ) {
            for (int number = updater; number < 4 * CELLS; number += 2) {
                if (isFree.compareAndSet(number, 1, 0)) {
                    return number;
                }
            }
            Awake.turn();
        }
    }

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
        Rcu.Reader reader = failing.register("r");
        AtomicInteger ran = new AtomicInteger();
        reader.readLock();
        for (int i = 0; i < 3; i++) {
            failing.call(ran::incrementAndGet);
        }
        reader.readUnlock();
        // At the bound, this call waits until the other callbacks ran.
        Thread caller = started(() -> assertTrue(failing.awaitRoom()));
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
        Rcu failing =
                new Rcu(new Rcu.Settings(background, unattended, 3, Rcu.AtBound.WAIT, Long.MAX_VALUE, reports::add));
        AtomicInteger ran = new AtomicInteger();
        assertThrows(Failure.class, () -> failing.call(ran::incrementAndGet));
        assertEquals(1, failing.pending());
        failing.call(ran::incrementAndGet);
        Await.until("the callbacks", () -> ran.get() == 2);
        background.awaitQuiescence();
        assertEquals(0, failing.pending());
    }

    @Test
    @DisplayName("callbacks run after a grace period; one that throws or hangs stops no other")
    void callbacks() throws InterruptedException {
        Rcu.Reader reader = rcu.register("r");
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

    private void assertRecorded(FlightRecording recording, boolean isPolled) throws IOException {
        RecordedEvent event = recording.event("GracePeriod");
        assertEquals(1, event.getInt("readers"));
        assertEquals("a reader", event.getString("last"));
        assertEquals(isPolled, event.getBoolean("polled"));
        assertTrue(FlightRecording.hasDuration(event));
        assertEquals(List.of(), reports);
    }

    @Test
    @DisplayName(
            "the flight recorder has an event of a grace period for which a thread waits, and none without a reader")
    void eventOfAWait() throws IOException {
        Rcu.Reader reader = rcu.register("a reader");
        rcu.register("an idle reader");
        try (FlightRecording recording = new FlightRecording()) {
            rcu.synchronize();
            reader.readLock();
            Thread updater = started(rcu::synchronize);
            awaitParked(updater);
            reader.readUnlock();
            join(updater);
            assertRecorded(recording, false);
        }
    }

    @Test
    @DisplayName("the flight recorder has one event of a polled grace period, though a later one has begun")
    void eventOfAPoll() throws IOException {
        Rcu.Reader reader = rcu.register("a reader");
        try (FlightRecording recording = new FlightRecording()) {
            long free = rcu.startPoll();
            assertTrue(rcu.poll(free));
            reader.readLock();
            long first = rcu.startPoll();
            assertFalse(rcu.poll(first));
            assertTrue(rcu.poll(free));
            reader.readUnlock();
            assertTrue(rcu.poll(first));
            long later = rcu.startPoll();
            assertTrue(rcu.poll(later));
            assertRecorded(recording, true);
        }
    }
}
