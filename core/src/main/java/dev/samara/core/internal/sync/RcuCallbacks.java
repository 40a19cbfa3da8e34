// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The callbacks that wait for a grace period. All that wait when a grace period begins share it. The housekeeping asks
 * whether it is over; a task then hands each callback to the executor, until no callback waits. Thread-safe.
 */
final class RcuCallbacks {
    private final PolledGracePeriods gracePeriods;
    private final Backlog backlog;
    private final Housekeeping housekeeping;
    private final Executor executor;
    private final Consumer<String> reporter;

    /**
     * The producer is the holder of the lock, the consumer the thread that runs the {@link Batch}.
     *
     * @written holder of {@code Backlog.lock}, the producer ({@code MpscQueue.offer})
     * @read the thread that begins or runs the batch, the consumer ({@code peek}, {@code poll}, {@code size}); holder
     *     of {@code Backlog.lock} ({@code size})
     * @invariant callbacks in the order in which they were added. Those of a batch were added before its grace period
     *     began
     */
    private final MpscQueue<Once> waiting = new MpscQueue<>();

    /**
     * @written holder of {@code Backlog.lock} (plain)
     * @read holder of {@code Backlog.lock} (plain)
     * @invariant at most one batch is listed or runs. A thread that adds a callback while there is none begins one; the
     *     batch ends only if {@code waiting} is empty, or if it could not be listed. The next thread that adds a
     *     callback begins another one then
     */
    @GuardedBy("backlog.lock")
    private boolean isWorkedOff;

    /**
     * Makes a queue without callbacks.
     *
     * @param gracePeriods those for which the callbacks wait
     * @param backlog counts the callbacks, and no others
     * @param housekeeping asks whether a grace period is over
     * @param executor runs the callbacks; its tasks may wait
     * @param reporter is told that callbacks are tried again; must not throw
     */
    RcuCallbacks(
            PolledGracePeriods gracePeriods,
            Backlog backlog,
            Housekeeping housekeeping,
            Executor executor,
            Consumer<String> reporter) {
        this.gracePeriods = gracePeriods;
        this.backlog = backlog;
        this.housekeeping = housekeeping;
        this.executor = executor;
        this.reporter = reporter;
    }

    void add(Runnable callback) {
        Once once = new Once(callback);
        @Nullable Batch first;
        backlog.lock.lock();
        try {
            first = isWorkedOff ? null : new Batch();
            waiting.offer(once);
            backlog.counted(waiting.size());
            isWorkedOff = true;
        } finally {
            backlog.lock.unlock();
        }
        if (first != null) {
            start(first);
        } else {
            housekeeping.attendAgain();
        }
    }

    int pending() {
        backlog.lock.lock();
        try {
            return waiting.size();
        } finally {
            backlog.lock.unlock();
        }
    }

    private void start(Batch first) {
        try {
            first.begin();
            housekeeping.add(first);
        } finally {
            if (!first.isListed) {
                stop();
            }
        }
    }

    /** Leaves the waiting callbacks to the next thread that adds a callback. */
    private void stop() {
        backlog.lock.lock();
        try {
            isWorkedOff = false;
        } finally {
            backlog.lock.unlock();
        }
    }

    private void handedOver() {
        backlog.lock.lock();
        try {
            backlog.counted(waiting.size());
        } finally {
            backlog.lock.unlock();
        }
    }

    /** Returns whether callbacks wait; if not, the next one begins another batch. */
    private boolean hasMore() {
        backlog.lock.lock();
        try {
            isWorkedOff = waiting.size() != 0;
            return isWorkedOff;
        } finally {
            backlog.lock.unlock();
        }
    }

    /** The callbacks of one grace period after the other. One thread at a time uses it, as a waiting call. */
    private final class Batch extends RetriedCall {
        /**
         * @words {@code grace}, {@code left}
         * @written the thread that begins or runs the batch (plain); handed on by the list of {@code Housekeeping} and
         *     the executor
         * @read the thread that asks or runs the batch (plain)
         * @invariant of a {@code Batch}: the {@code left} oldest callbacks wait for the grace period {@code grace}
         */
        private long grace;

        private int left;

        /** Begins a grace period for the callbacks that wait now. */
        void begin() {
            int all = waiting.size();
            grace = gracePeriods.start();
            // Not before the grace period has begun: callbacks of this count end with it.
            left = all;
        }

        @Override
        protected boolean isReady() {
            return isDue() && gracePeriods.isOver(grace);
        }

        /** The callbacks become tasks of their own. */
        @Override
        protected boolean mayWait() {
            return false;
        }

        @Override
        public void run() {
            boolean goesOn = true;
            try {
                attempting();
                reportFailure();
                handOver();
                succeeded();
                goesOn = hasMore();
                if (goesOn) {
                    begin();
                }
            } catch (Throwable thrown) {
                // The callback and those after it are tried again. At the bound, every caller waits for them.
                failed(thrown);
            } finally {
                if (goesOn) {
                    housekeeping.add(this);
                }
            }
        }

        private void reportFailure() {
            Throwable first = takeFailure();
            if (first != null) {
                reporter.accept("callbacks that wait for a grace period are tried again after " + first);
            }
        }

        private void handOver() {
            if (!gracePeriods.isOver(grace)) {
                // Ready by an exception only.
                return;
            }
            while (left > 0) {
                // Each callback is a task of its own: one that throws or hangs does not stop the others. It is removed
                // after the call: it runs once even if the executor accepted it and threw nevertheless.
                executor.execute(Objects.requireNonNull(waiting.peek(), "callback"));
                waiting.poll();
                // Before all that may fail: a count that stayed too high would take a callback of the next grace
                // period.
                left--;
                handedOver();
            }
        }
    }

    /** A callback that runs once, however often the executor receives it. */
    private static final class Once extends WaitingCall {
        /**
         * @written the thread that runs it (get-and-set)
         * @read the thread that runs it (get-and-set)
         * @invariant of a {@code Once}: runs once, though an Error may have it handed to the executor twice
         */
        private final AtomicReference<@Nullable Runnable> callback;

        private final boolean isPrompt;

        Once(Runnable callback) {
            this.callback = new AtomicReference<>(callback);
            isPrompt = callback instanceof PromptTask;
        }

        @Override
        protected boolean isReady() {
            return true;
        }

        @Override
        protected boolean mayWait() {
            return !isPrompt;
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
