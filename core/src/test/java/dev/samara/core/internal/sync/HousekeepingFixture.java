// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertSame;

import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;

/** The list of waiting calls, with an executor whose tasks the test runs. */
abstract class HousekeepingFixture {
    /** Keeps tasks until the test runs them, or fails as the test requests. */
    static final class ByHand implements Executor {
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
    static class Scripted extends WaitingCall {
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

    final ByHand executor = new ByHand();
    final Housekeeping calls = new Housekeeping(executor, executor, null);

    /** Runs an action, and converts an OutOfMemoryError, which would end the run of all tests without naming one. */
    static void guarded(Runnable what) {
        try {
            what.run();
        } catch (OutOfMemoryError escaped) {
            throw new AssertionError("for want of memory a call was not listed, or not handed over", escaped);
        }
    }

    void add(WaitingCall call) {
        guarded(() -> calls.add(call));
    }

    /** Polls on this thread until no call waits. */
    void poll() {
        assertSame(calls, executor.given.remove(), "the polling is one task");
        guarded(calls);
    }
}
