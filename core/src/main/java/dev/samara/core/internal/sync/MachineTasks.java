// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
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

    /** The stack that counting the end of a task needs, in frames. */
    private static final int DEPTH = StackReserve.around(CheckedLock.DEPTH, 8);

    private final Background background;
    private final @Nullable Executor given;
    /** The housekeeping, which hands its calls to the executor of the tasks. */
    public final Housekeeping housekeeping;

    /**
     * Creates an executor.
     *
     * @param background the machine's own threads; their handler also receives the exceptions of the embedder's
     *     executor
     * @param given the executor of the embedder, or null
     * @param isInvoked whether the steps of the housekeeping are invoked
     * @param idle the idle strategy of the housekeeping thread; null for the default
     */
    public MachineTasks(
            Background background, @Nullable Executor given, boolean isInvoked, @Nullable IntConsumer idle) {
        this.background = background;
        this.given = given;
        Executor outside = given == null ? background : task -> give(given, task);
        housekeeping = new Housekeeping(isInvoked ? null : background, outside, idle);
        background.postTo(housekeeping.notice);
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
        background.startsElsewhere();
        try {
            executor.execute(one);
        } catch (Throwable refused) {
            if (one.drop()) {
                if (refused instanceof OutOfMemoryError exhausted) {
                    // The housekeeping retries.
                    throw exhausted;
                }
                background.execute(task);
            }
            background.report(refused);
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
        background.awaitQuiescence();
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
        return background.pending() == 0;
    }

    /** A task on its way to the embedder's executor. */
    private static final class Passed extends Housekeeping.Waiter {
        private final Runnable task;

        Passed(Runnable task) {
            this.task = task;
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
            // Checked first, because the end of the task must be counted. An executor that runs the task immediately
            // passes the error on, and the task then runs on a thread of the machine. One that runs it later, near the
            // end of a stack, and keeps the error loses the task.
            StackReserve.check(DEPTH);
            if (!isBegun.compareAndSet(false, true)) {
                return;
            }
            MachineTasks outer = null;
            try {
                outer = mark();
                task.run();
            } catch (Throwable thrown) {
                background.report(thrown);
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
                background.report(unmarked);
            }
            return outer;
        }

        /** Prevents the task from starting. Returns false if it has already started. */
        boolean drop() {
            boolean isDropped = isBegun.compareAndSet(false, true);
            if (isDropped) {
                background.endedElsewhere();
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
                background.endedElsewhere();
            }
        }
    }
}
