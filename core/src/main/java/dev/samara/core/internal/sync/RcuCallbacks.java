// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The callbacks that wait for a grace period. One thread of the machine takes all that wait, waits for one grace period
 * and hands each to the executor, until no callback waits. Thread-safe.
 */
final class RcuCallbacks {
    private static final long SHORTEST_PAUSE = 1_000;

    /** The longest pause between two attempts to run callbacks, in nanoseconds. */
    private static final long LONGEST_PAUSE = 1_000_000_000;

    private final Rcu rcu;
    private final Backlog backlog;
    private final Executor executor;
    private final Consumer<String> reporter;

    /** The lock of the backlog. */
    private final ReentrantLock lock;

    /* Guarded by the lock. */
    private Deque<Runnable> waiting = new ArrayDeque<>();
    private boolean isWorkedOff;
    private int underWay;

    /**
     * The callbacks that go to the executor after the next grace period. Only the thread that runs callbacks uses it.
     */
    private Deque<Runnable> batch = new ArrayDeque<>();

    RcuCallbacks(Rcu rcu, Backlog backlog, Executor executor, Consumer<String> reporter) {
        this.rcu = rcu;
        this.backlog = backlog;
        this.executor = executor;
        this.reporter = reporter;
        lock = backlog.lock;
    }

    void add(Runnable callback) {
        Once once = new Once(callback);
        boolean start;
        lock.lock();
        try {
            waiting.add(once);
            backlog.added(waiting.size() + underWay);
            start = !isWorkedOff;
            isWorkedOff = true;
        } finally {
            lock.unlock();
        }
        if (start) {
            start();
        }
    }

    int pending() {
        lock.lock();
        try {
            return waiting.size() + underWay;
        } finally {
            lock.unlock();
        }
    }

    private void start() {
        boolean started = false;
        try {
            executor.execute(this::workOff);
            started = true;
        } finally {
            if (!started) {
                stop();
            }
        }
    }

    /** Leaves the waiting callbacks to the next thread that adds a callback. */
    private void stop() {
        lock.lock();
        try {
            isWorkedOff = false;
        } finally {
            lock.unlock();
        }
    }

    private void workOff() {
        boolean ended = false;
        try {
            long pause = SHORTEST_PAUSE;
            while (!ended) {
                try {
                    ended = !workOffBatch();
                    pause = SHORTEST_PAUSE;
                } catch (Throwable thrown) {
                    // The rest of the batch waits for another grace period. At the bound, every caller waits for this
                    // loop.
                    reporter.accept("callbacks that wait for a grace period are tried again after " + thrown);
                    LockSupport.parkNanos(this, pause);
                    pause = Math.min(2 * pause, LONGEST_PAUSE);
                }
            }
        } finally {
            if (!ended) {
                stop();
            }
        }
    }

    /** Returns false if no callback was waiting. */
    private boolean workOffBatch() {
        if (!next()) {
            return false;
        }
        rcu.synchronize();
        for (Runnable callback = batch.peek(); callback != null; callback = batch.peek()) {
            // Each callback is a task of its own: one that throws or hangs does not stop the others. It is removed
            // after the call: it runs once even if the executor accepted it and threw nevertheless.
            executor.execute(callback);
            batch.remove();
        }
        return true;
    }

    private boolean next() {
        lock.lock();
        try {
            if (batch.isEmpty()) {
                Deque<Runnable> worked = batch;
                batch = waiting;
                waiting = worked;
            }
            underWay = batch.size();
            isWorkedOff = underWay != 0;
            backlog.handedOver(waiting.size() + underWay);
            return isWorkedOff;
        } finally {
            lock.unlock();
        }
    }

    /** A callback that runs once, however often the executor receives it. */
    private static final class Once implements Runnable {
        private final AtomicReference<@Nullable Runnable> callback;

        Once(Runnable callback) {
            this.callback = new AtomicReference<>(callback);
        }

        @Override
        public void run() {
            Runnable first = callback.getAndSet(null);
            if (first != null) {
                first.run();
            }
        }
    }
}
