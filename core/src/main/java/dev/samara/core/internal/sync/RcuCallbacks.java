// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The callbacks that wait for a grace period. All callbacks that are waiting when a grace period starts share it. The
 * housekeeping polls whether the grace period is over; then a task hands each of its callbacks to the executor. This is
 * repeated until no callback waits. Thread-safe.
 */
final class RcuCallbacks {
    private final PolledGracePeriods gracePeriods;
    private final Backlog backlog;
    private final Housekeeping housekeeping;
    private final Executor executor;
    private final Consumer<String> reporter;

    /**
     * The producer is the holder of the lock. The consumer is the thread that runs the {@link Batch}.
     *
     * <p>Written: holder of {@code Backlog.lock}, the producer ({@code MpscQueue.offer}).
     * Read: the thread that starts or runs the batch, the consumer ({@code peek}, {@code poll}, {@code size}); holder
     *     of {@code Backlog.lock} ({@code size}).
     * Invariant: callbacks in the order in which they were added. The callbacks of a batch were added before its grace
     *     period started.
     */
    private final MpscQueue<Once> waiting = new MpscQueue<>();

    /**
     * Whether {@code Housekeeping} contains a batch, or a batch runs.
     *
     * <p>Written: holder of {@code Backlog.lock} (plain).
     * Read: holder of {@code Backlog.lock} (plain).
     * Invariant: at most one batch waits in {@code Housekeeping} or runs. A thread that adds a callback while there is
     *     no batch starts one. The batch ends only if {@code waiting} is empty, or if the batch could not be added to
     *     {@code Housekeeping}. In the latter case the next thread that adds a callback starts another batch.
     */
    @GuardedBy("backlog.lock")
    private boolean isWorkedOff;

    /**
     * Creates a queue without callbacks.
     *
     * @param gracePeriods the grace periods for which the callbacks wait
     * @param backlog counts these callbacks, and no others
     * @param housekeeping polls whether a grace period is over
     * @param executor runs the callbacks; its tasks may wait
     * @param reporter receives reports that callbacks are retried; must not throw
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

    /** Returns whether callbacks wait. If not, the next callback starts another batch. */
    private boolean hasMore() {
        backlog.lock.lock();
        try {
            isWorkedOff = waiting.size() != 0;
            return isWorkedOff;
        } finally {
            backlog.lock.unlock();
        }
    }

    /** The callbacks of one grace period after another. Used by one thread at a time, as a waiting call. */
    private final class Batch extends RetriedCall {
        /**
         * Words: {@code grace}, {@code left}.
         * Written: the thread that starts or runs the batch (plain); handed on by the list of {@code Housekeeping} and
         *     the executor.
         * Read: the thread that polls or runs the batch (plain).
         * Invariant: of a {@code Batch}: the {@code left} oldest callbacks wait for the grace period {@code grace}.
         */
        private long grace;

        private int left;

        /** Starts a grace period for the callbacks that wait now. */
        void begin() {
            int all = waiting.size();
            grace = gracePeriods.start();
            // Set only after the grace period has started, so that the counted callbacks wait for this grace period.
            left = all;
        }

        @Override
        protected boolean isReady() {
            return isDue() && gracePeriods.isOver(grace);
        }

        /** Does not wait, because each callback becomes its own task. */
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
                // The callback and all later ones are retried, because every caller waits for them once the backlog is
                // at its bound.
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
                reporter.accept("callbacks that wait for a grace period are retried after " + first);
            }
        }

        private void handOver() {
            if (!gracePeriods.isOver(grace)) {
                // Called only because isReady threw an exception, which counts as ready.
                return;
            }
            while (left > 0) {
                // Each callback is its own task, so that a callback that throws or hangs does not stop the others. It
                // is removed after the call. Even if the executor accepted it and threw nevertheless, it runs once.
                executor.execute(Objects.requireNonNull(waiting.peek(), "callback"));
                waiting.poll();
                // Decremented before anything that may fail, because a count that stayed too high would take a callback
                // of the next grace period.
                left--;
                handedOver();
            }
        }
    }

    /** A callback that runs once, however often the executor receives it. */
    private static final class Once extends WaitingCall {
        /**
         * Written: the thread that runs it (get-and-set).
         * Read: the thread that runs it (get-and-set).
         * Invariant: of a {@code Once}: runs once, even if it is handed to the executor twice because of an Error.
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
