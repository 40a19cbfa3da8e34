// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Awake;
import dev.samara.core.fixture.Rounds;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Readers, and waits for grace periods. */
final class RcuTest extends RcuFixture {
    @Test
    @DisplayName("a poll waits for sections from before, not for later ones, nor for those ofothers")
    void polled() {
        RcuReader first = rcu.register("first");
        RcuReader second = rcu.register("second");
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
        rcu.unregister(first);
        assertTrue(rcu.poll(last), "a reader that was given up is not waited for");
    }

    @Test
    @DisplayName("without a reader in a section nothing is waited for")
    void nothingToWaitFor() {
        rcu.synchronize();
        RcuReader reader = rcu.register("r");
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
        RcuReader early = rcu.register("early");
        RcuReader late = rcu.register("late");
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
        RcuReader reader = rcu.register("r");
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
        RcuReader reader = rcu.register("r");
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
    @DisplayName("a reader that leaves and enters again at once is not waited for a second time")
    void nextSection() throws InterruptedException {
        RcuReader reader = rcu.register("r");
        reader.readLock();
        Thread updater = started(rcu::synchronize);
        awaitParked(updater);
        reader.readUnlock();
        reader.readLock();
        join(updater);
        assertTrue(reader.isReading());
    }

    @Test
    @DisplayName("leaving a section that was not entered is refused")
    void unlockWithoutLock() {
        RcuReader reader = rcu.register("r");
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
    @DisplayName("I9: a reader that keeps a grace period waiting is named, once, and the wait goes on")
    void stalledReaderIsNamed() throws InterruptedException {
        Rcu hasty = rcu(background, 1, reports::add);
        hasty.register("idle");
        RcuReader asleep = hasty.register("the sleeper");
        asleep.readLock();
        Thread updater = started(hasty::synchronize);
        Await.until("a report", () -> !reports.isEmpty());
        awaitParked(updater);
        assertTrue(updater.isAlive());
        asleep.readUnlock();
        join(updater);
        assertEquals(1, reports.size(), reports::toString);
        assertTrue(reports.get(0).contains("the sleeper"), reports::toString);
    }

    @Test
    @DisplayName("a reader that was given up is waited for no longer, also if it is waited for already")
    void unregistered() throws InterruptedException {
        RcuReader dead = rcu.register("dead");
        RcuReader other = rcu.register("other");
        dead.readLock();
        Thread updater = started(rcu::synchronize);
        awaitParked(updater);
        rcu.unregister(dead);
        join(updater);
        rcu.synchronize();
        other.readLock();
        Thread again = started(rcu::synchronize);
        awaitParked(again);
        other.readUnlock();
        join(again);
    }

    @Test
    @DisplayName("an interrupt does not end the wait, and is kept")
    void interruptIsKept() throws InterruptedException {
        RcuReader reader = rcu.register("r");
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
        RcuReader reader = rcu.register("reader");
        for (int i = 0; !stop.get(); i++) {
            reader.readLock();
            int found = places.getPlain(i % CELLS);
            for (int use = 0; use < 20; use++) {
                assertEquals(0, isFree.getPlain(found), "used after it was freed");
            }
            reader.readUnlock();
            if (i % 1000 == 0) {
                rcu.unregister(reader);
                reader = rcu.register("reader");
            }
        }
        rcu.unregister(reader);
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
}
