// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Runs a machine's tasks that may block: on an executor of the embedder, or, if there is none, on the machine's own
 * threads. Only the housekeeping gives tasks to the embedder's executor, because a thread that submits a task may hold
 * locks, and the executor may run the task immediately. A task that the executor refuses runs on the machine's own
 * threads, and the refusal is reported. Thread-safe.
 */
public final class MachineTasks implements Executor {
    /** The object whose task this thread is running for an executor of the embedder. */
    private static final ThreadLocal<@Nullable MachineTasks> CURRENT = new ThreadLocal<>();

    private final Background background;
    private final @Nullable Executor given;
    private final Consumer<? super Throwable> handler;
    private final Housekeeping housekeeping;

    /**
     * The tasks given to the embedder's executor so far, and those that have not ended.
     *
     * <p>Words: {@code begun}, {@code unfinished}.
     * Written: a thread that gives a task to the embedder's executor, and again if the executor refuses the task; the
     *     thread that ends the task (monitor).
     * Read: a thread that waits for quiescence (monitor).
     * Invariant: {@code unfinished} counts the tasks that were given and have not ended; before a task ends, it gives
     *     its successors to the executor, or adds them to {@code Housekeeping}.
     */
    @GuardedBy("this")
    private long begun;

    @GuardedBy("this")
    private int unfinished;

    /**
     * Creates an executor.
     *
     * @param background the machine's own threads
     * @param given the executor of the embedder, or null
     * @param isInvoked whether the steps of the housekeeping are invoked
     * @param idle the idle strategy of the housekeeping thread; null for the default
     * @param handler receives the exceptions of tasks and of the embedder's executor
     */
    public MachineTasks(
            Background background,
            @Nullable Executor given,
            boolean isInvoked,
            @Nullable IntConsumer idle,
            Consumer<? super Throwable> handler) {
        this.background = background;
        this.given = given;
        this.handler = handler;
        Executor outside = given == null ? background : task -> give(given, task);
        housekeeping = new Housekeeping(isInvoked ? null : background, outside, idle);
        background.postTo(housekeeping.notice());
    }

    /** Returns the housekeeping, which hands its calls to the executor of the tasks. */
    public Housekeeping housekeeping() {
        return housekeeping;
    }

    @Override
    public void execute(Runnable task) {
        if (given == null) {
            background.execute(task);
        } else {
            housekeeping.add(new Passed(task));
        }
    }

    private void give(Executor executor, Runnable task) {
        Given one = new Given(task);
        begins();
        try {
            executor.execute(one);
        } catch (Throwable refused) {
            boolean isRefused = one.drop();
            if (isRefused && refused instanceof OutOfMemoryError exhausted) {
                // The housekeeping retries.
                throw exhausted;
            }
            if (isRefused) {
                background.execute(task);
            }
            report(refused);
        }
    }

    /** Returns whether this thread runs a task of this object for the embedder's executor. */
    public boolean isGivenHere() {
        return CURRENT.get() == this;
    }

    /** Returns whether this thread runs a task of this object. */
    public boolean isInTask() {
        return background.isOf(Thread.currentThread()) || isGivenHere();
    }

    /**
     * Waits until no task is queued and none runs.
     *
     * @throws InterruptedException if the thread is interrupted
     * @throws IllegalStateException if called from a task of this object, which would wait for itself
     */
    public void awaitQuiescence() throws InterruptedException {
        checkNoTask();
        long seen;
        do {
            background.awaitQuiescence();
            seen = awaitEnds();
        } while (seen != begunIfQuiet());
    }

    /**
     * Checks that this thread runs no task of this object.
     *
     * @throws IllegalStateException if it does
     */
    public void checkNoTask() {
        if (isInTask()) {
            throw new IllegalStateException("a background task cannot wait for itself");
        }
    }

    /** Returns whether no task is queued and none runs. */
    public boolean isQuiet() {
        return begunIfQuiet() >= 0;
    }

    /**
     * Waits until every task given to the embedder's executor has ended. Returns the number of tasks given to it so
     * far.
     */
    private synchronized long awaitEnds() throws InterruptedException {
        while (unfinished != 0) {
            wait();
        }
        return begun;
    }

    /** Returns the number of tasks given to the embedder's executor so far, or -1 if any task has not ended. */
    private long begunIfQuiet() {
        if (background.pending() != 0) {
            return -1;
        }
        // Read after the machine's own threads were checked, because their last task may have passed another task to
        // the executor.
        synchronized (this) {
            return unfinished == 0 ? begun : -1;
        }
    }

    private synchronized void begins() {
        begun++;
        unfinished++;
    }

    private synchronized void ended() {
        unfinished--;
        if (unfinished == 0) {
            notifyAll();
        }
    }

    private void report(Throwable thrown) {
        try {
            handler.accept(thrown);
        } catch (Throwable second) {
            Background.reportUncaught(second);
        }
    }

    /** A task on its way to the embedder's executor. */
    private static final class Passed extends Housekeeping.Waiter {
        private final Runnable task;

        Passed(Runnable task) {
            this.task = task;
        }

        @Override
        protected boolean isReady() {
            return true;
        }

        @Override
        protected boolean mayWait() {
            return !(task instanceof Housekeeping.Waiter call) || call.mayWait();
        }

        @Override
        public void run() {
            task.run();
        }
    }

    /** A task that runs at most once, even if its executor accepted it and then threw an exception. */
    private final class Given implements Runnable {
        private final Runnable task;

        /**
         * Written: the thread that runs the task; the thread that gave it, after a refusal (compare-and-set).
         * Read: these threads (compare-and-set).
         * Invariant: of a {@code Given}: it runs once, or was refused and does not run.
         */
        private final AtomicBoolean isBegun = new AtomicBoolean();

        Given(Runnable task) {
            this.task = task;
        }

        @Override
        public void run() {
            if (!isBegun.compareAndSet(false, true)) {
                return;
            }
            MachineTasks outer = null;
            try {
                outer = mark();
                task.run();
            } catch (Throwable thrown) {
                report(thrown);
            } finally {
                end(outer);
            }
        }

        /**
         * Marks the thread as one that runs a task, and returns its previous mark. If memory or stack is too short for
         * the mark, the task runs nevertheless, because it was already accepted. Then the only loss is the check that a
         * task does not wait for itself.
         */
        private @Nullable MachineTasks mark() {
            MachineTasks outer = null;
            try {
                outer = CURRENT.get();
                CURRENT.set(MachineTasks.this);
            } catch (OutOfMemoryError | StackOverflowError unmarked) {
                report(unmarked);
            }
            return outer;
        }

        /** Prevents the task from starting. Returns false if it has already started. */
        boolean drop() {
            boolean isDropped = isBegun.compareAndSet(false, true);
            if (isDropped) {
                ended();
            }
            return isDropped;
        }

        private void end(@Nullable MachineTasks outer) {
            try {
                if (outer == null) {
                    CURRENT.remove();
                } else {
                    CURRENT.set(outer);
                }
            } finally {
                ended();
            }
        }
    }
}
