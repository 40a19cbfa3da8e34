// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The threads of a machine, which run what must not run on the caller's thread: the closing of backings, the tails of
 * asynchronous operations, the delivery of change events.
 *
 * <p>Tasks are begun in the order given, one after the other. A task that has not returned within a set time no longer
 * holds up those behind it: the next is begun beside it. So at most two threads exist, and one for each task that takes
 * longer than that time; {@value #MOST_THREADS} at most, and the tasks behind those wait until one of them returns,
 * which is reported once. Threads are daemons, started on demand; they end when there has been nothing to do for a
 * while, so a machine that is dropped leaves none. Where a thread cannot be started, that is tried again by itself,
 * with growing pauses.
 *
 * <p>What a task throws goes to the handler given at construction, and what that throws to the thread's uncaught
 * exception handler; the tasks behind it run all the same. What happened before {@link #execute} happens before the
 * task, and what a task did happens before the return of {@link #awaitQuiescence}. Thread-safe.
 */
public final class Background implements Executor {
    /*
     * Algorithmic notes.
     *
     * Two places are held by a thread each, or by nobody: the leader takes tasks out of the queue and runs them; the
     * watcher waits beside a task that others stand behind, and takes the lead if the task does not return in time. A
     * leader that was overtaken becomes the watcher after its task if there is none, and ends otherwise.
     *
     *     leader   idle ── told ──> takes a task ──> runs it ──┬─ still leader ──> takes the next, or idle
     *                                                          └─ overtaken ────> watcher, or ends
     *     watcher  idle ── told ──> waits until the task is due ──┬─ another task runs ──> waits for that one
     *                                                             ├─ nothing queued ─────> idle
     *                                                             └─ the same ───────────> leader
     *
     * Both places and all decisions are guarded by one lock, which is not held while a task runs. Only who gives a task
     * must not need it: it offers to the queue and looks whether the queue is attended, which means that a thread will
     * look at it by itself, soon (a leader between two tasks, or one that was told) or when a task is due (a watcher).
     * Only if it is not, the giver takes the lock and tells somebody. That is a store-load pair:
     *
     *     giver:   offer to the queue, then read attended
     *     thread:  attended := false, then look into the queue
     *
     * One of the two sees what the other did, so no task is left to itself. False is always safe: it costs the next
     * giver a look under the lock.
     */

    private static final Duration DUE_AFTER = Duration.ofMillis(10);
    private static final Duration IDLE_FOR = Duration.ofSeconds(5);

    /** How many threads there are at most. */
    static final int MOST_THREADS = 256;

    /* Between attempts of a thread for which there was no memory. */
    private static final long SHORTEST_WAIT = 1_000;
    private static final long LONGEST_WAIT = 1_000_000;

    private static final long FIRST_PAUSE = 10_000_000;
    private static final long LONGEST_PAUSE = 1_000_000_000;

    private final Consumer<? super Throwable> handler;
    private final long dueAfterNanos;
    private final long idleNanos;
    private final Consumer<Thread> starter;
    private final ConcurrentLinkedQueue<Runnable> queue = new ConcurrentLinkedQueue<>();

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition leaderTold = lock.newCondition();
    private final Condition watcherTold = lock.newCondition();
    private final Condition quiet = lock.newCondition();

    /** Whether a thread will look into the queue without being told. Written under the lock, read without it. */
    private volatile boolean attended;

    // Guarded by the lock.
    private @Nullable Worker leader;
    private @Nullable Worker watcher;

    /** Whether the watcher watches, rather than being idle. Only while the leader runs a task. */
    private boolean watching;

    private boolean leaderRuns;
    private long dueNanos;
    private int running;

    /** Threads without work end at once. Never taken back. */
    private boolean ends;

    private int started;
    private int threads;

    /**
     * Whether threads were as many as there may be, and nobody has been told. Written under the lock, read without it.
     */
    private volatile boolean isAtBound;

    private boolean isBoundReported;

    /** Until a thread is tried to be started again, how long it is; 0 while none has failed. */
    private long pause;

    /** Whether a try is scheduled. */
    private boolean isToTryAgain;

    /**
     * Makes the background with the usual times: a task holds up others for 10 ms at most, and threads end after 5 s
     * without work.
     *
     * @param handler gets what tasks throw, on the thread of the task
     */
    public Background(Consumer<? super Throwable> handler) {
        this(handler, DUE_AFTER, IDLE_FOR);
    }

    /**
     * Makes the background.
     *
     * @param handler gets what tasks throw, on the thread of the task
     * @param dueAfter how long a task may hold up those behind it
     * @param idleFor how long a thread without work lives
     * @throws IllegalArgumentException if a time is not positive
     */
    public Background(Consumer<? super Throwable> handler, Duration dueAfter, Duration idleFor) {
        this(handler, dueAfter, idleFor, Thread::start);
    }

    Background(Consumer<? super Throwable> handler, Duration dueAfter, Duration idleFor, Consumer<Thread> starter) {
        if (dueAfter.isNegative() || dueAfter.isZero() || idleFor.isNegative() || idleFor.isZero()) {
            throw new IllegalArgumentException("not positive: " + dueAfter + " or " + idleFor);
        }
        this.handler = handler;
        this.starter = starter;
        dueAfterNanos = dueAfter.toNanos();
        idleNanos = idleFor.toNanos();
        // Has the JDK's timer started while threads are to be had.
        later(0, () -> {});
    }

    private static void later(long nanos, Runnable task) {
        CompletableFuture.delayedExecutor(nanos, TimeUnit.NANOSECONDS, Runnable::run)
                .execute(task);
    }

    /**
     * Has a task run by a thread of this object. Never waits for a task.
     *
     * <p>If no thread can be started the handler is told, on the calling thread, and the task waits in the queue until
     * one can.
     *
     * @param task what to run
     * @throws OutOfMemoryError if there is no memory for a place in the queue; the task is not taken then. Where there
     *     is none for what comes after that, this tries again until there is
     */
    @Override
    public void execute(Runnable task) {
        queue.offer(task);
        // Store-load pair with leaveUnattended: the offer is a compare-and-set, this a volatile read.
        if (!attended) {
            tell();
        }
    }

    /**
     * Waits until nothing is queued and nothing runs. Then everything has finished that was given before the call, with
     * all that those tasks gave in turn.
     *
     * @throws InterruptedException if the thread is interrupted
     * @throws IllegalStateException if called from a task of this object, which would wait for itself
     */
    public void awaitQuiescence() throws InterruptedException {
        if (isOf(Thread.currentThread())) {
            throw new IllegalStateException("a background task cannot wait for itself");
        }
        if (!attended) {
            tell();
        }
        lock.lockInterruptibly();
        try {
            while (!isQuiet()) {
                quiet.await();
            }
        } finally {
            lock.unlock();
        }
    }

    /**
     * Whether a thread is one of this object's.
     *
     * @param thread any
     * @return true if so
     */
    public boolean isOf(Thread thread) {
        return thread instanceof Worker worker && worker.worksFor(this);
    }

    /**
     * How many tasks have been given and have not finished. Walks the queue.
     *
     * @return those queued and those that run
     */
    public int pending() {
        lock.lock();
        try {
            return queue.size() + running;
        } finally {
            lock.unlock();
        }
    }

    /** Has threads end as soon as there is nothing to do for them. Tasks may be given all the same, and are run. */
    public void endWhenQuiet() {
        lock.lock();
        try {
            ends = true;
            leaderTold.signalAll();
            watcherTold.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Finds a thread that attends to the queue. What is queued cannot be taken back: where there is no memory for this,
     * it is tried again. The lock is taken in this method, which is no deeper than the offer: at the end of the stack
     * the offer fails first, and not the taking of the lock, which might leave it held.
     */
    private void tell() {
        long wait = SHORTEST_WAIT;
        for (; ; ) {
            try {
                Worker recruit;
                lock.lock();
                try {
                    if (attended || queue.isEmpty()) {
                        return;
                    }
                    recruit = choose();
                } finally {
                    lock.unlock();
                }
                start(recruit);
                return;
            } catch (OutOfMemoryError exhausted) {
                LockSupport.parkNanos(this, wait);
                wait = Math.min(2 * wait, LONGEST_WAIT);
            }
        }
    }

    /** Caller holds the lock. Returns the thread to be started, if none is idle. */
    private @Nullable Worker choose() {
        if (leader == null) {
            Worker recruit = recruit();
            leader = recruit;
            attended = recruit != null;
            return recruit;
        }
        if (leaderRuns) {
            return engageWatcher();
        }
        leaderTold.signal();
        attended = true;
        return null;
    }

    /**
     * Caller holds the lock, while the leader runs a task. Returns the thread to be started, if there was none idle.
     */
    private @Nullable Worker engageWatcher() {
        if (watcher == null) {
            Worker recruit = recruit();
            watcher = recruit;
            watching = recruit != null;
            attended = recruit != null;
            return recruit;
        }
        watching = true;
        attended = true;
        watcherTold.signal();
        return null;
    }

    /** Caller holds the lock. Null if there is no memory for one more, or as many are there as may be. */
    private @Nullable Worker recruit() {
        if (threads >= MOST_THREADS) {
            isAtBound = !isBoundReported;
            return null;
        }
        try {
            Worker recruit = new Worker();
            threads++;
            return recruit;
        } catch (OutOfMemoryError exhausted) {
            tryLater();
            return null;
        }
    }

    /** Caller holds the lock. Has a thread looked for again, by the JDK's timer, since here there may be none. */
    private void tryLater() {
        if (!isToTryAgain) {
            pause = pause == 0 ? FIRST_PAUSE : Math.min(2 * pause, LONGEST_PAUSE);
            later(pause, this::tryAgain);
            isToTryAgain = true;
        }
    }

    private void tryAgain() {
        lock.lock();
        try {
            isToTryAgain = false;
        } finally {
            lock.unlock();
        }
        tell();
    }

    private void reportBound() {
        boolean isToReport;
        lock.lock();
        try {
            isToReport = isAtBound;
            isAtBound = false;
            isBoundReported |= isToReport;
        } finally {
            lock.unlock();
        }
        if (isToReport) {
            report(new IllegalStateException(
                    MOST_THREADS + " tasks have not returned: those behind them wait until one does"));
        }
    }

    /** Not under the lock: starting a thread takes long, and failing calls the handler. */
    private void start(@Nullable Worker recruit) {
        if (recruit == null) {
            if (isAtBound) {
                reportBound();
            }
            return;
        }
        boolean isFirst;
        try {
            starter.accept(recruit);
        } catch (Throwable thrown) {
            lock.lock();
            try {
                if (leader == recruit) {
                    leader = null;
                } else {
                    watcher = null;
                    watching = false;
                }
                attended = false;
                threads--;
                isFirst = pause == 0;
                tryLater();
            } finally {
                lock.unlock();
            }
            if (isFirst) {
                report(thrown);
            }
        }
    }

    /** Caller holds the lock. Returns whether, after that, there is something in the queue that nobody may see. */
    private boolean leaveUnattended() {
        watching = false;
        // Store-load pair with execute: volatile write, then look into the queue.
        attended = false;
        return !queue.isEmpty();
    }

    /** Caller holds the lock. */
    private boolean isQuiet() {
        return running == 0 && queue.isEmpty();
    }

    /** The life of a thread. */
    private void work(Worker self) {
        lockAtLast();
        try {
            pause = 0;
            boolean stays = true;
            while (stays) {
                stays = leader == self ? lead(self) : watch(self);
            }
        } finally {
            threads--;
            lock.unlock();
        }
    }

    /** A thread of this object takes the lock, also if there is no memory for its place in the lock's queue. */
    private void lockAtLast() {
        for (; ; ) {
            try {
                lock.lock();
                return;
            } catch (OutOfMemoryError exhausted) {
                LockSupport.parkNanos(this, SHORTEST_WAIT);
            }
        }
    }

    /**
     * Runs a task, or waits for one. Called with the lock by the leader; returns whether the thread is still needed.
     */
    private boolean lead(Worker self) {
        Runnable task = queue.poll();
        if (task == null) {
            return leaveUnattended() || awaitTask();
        }
        running++;
        leaderRuns = true;
        dueNanos = System.nanoTime() + dueAfterNanos;
        Worker recruit = null;
        try {
            recruit = !watching && leaveUnattended() ? engageWatcher() : null;
        } catch (OutOfMemoryError exhausted) {
            // Then nobody overtakes this thread: it comes back to the queue after the task.
            recruit = null;
        }
        lock.unlock();
        try {
            start(recruit);
        } catch (OutOfMemoryError exhausted) {
            report(exhausted);
        }
        try {
            run(task);
        } finally {
            lockAtLast();
            finished(self);
        }
        return true;
    }

    /** Caller holds the lock and has run a task. */
    private void finished(Worker self) {
        running--;
        if (isQuiet()) {
            quiet.signalAll();
        }
        if (leader == self) {
            leaderRuns = false;
        } else if (watcher == null) {
            watcher = self;
            // Nobody could be found who attends to the queue, for want of threads.
            watching = leaderRuns && !attended && !queue.isEmpty();
            attended |= watching;
        }
    }

    /** Caller holds the lock and leads, and the queue is unattended. Gives the lead up if nobody calls in time. */
    private boolean awaitTask() {
        long left = idleNanos;
        while (!attended && !ends && left > 0) {
            left = await(leaderTold, left);
        }
        if (!attended) {
            leader = null;
        }
        return attended;
    }

    /** Waits beside the leader. Called with the lock by any other thread; returns whether it is still needed. */
    private boolean watch(Worker self) {
        if (watcher != self) {
            return false;
        }
        if (!watching) {
            long left = idleNanos;
            while (!watching && !ends && left > 0) {
                left = await(watcherTold, left);
            }
            if (!watching) {
                watcher = null;
            }
            return watching;
        }
        long left = dueNanos - System.nanoTime();
        if (left > 0) {
            // Whatever ends this, the caller comes back and looks at everything again.
            await(watcherTold, left);
        } else if (leaveUnattended()) {
            leader = self;
            leaderRuns = false;
            watcher = null;
        }
        return true;
    }

    @SuppressWarnings("WaitNotInLoop") // the loops are at the callers, who know what they wait for
    private long await(Condition condition, long nanos) {
        try {
            return condition.awaitNanos(nanos);
        } catch (InterruptedException meaningless) {
            // These threads belong to nobody who could want them to stop.
            return nanos;
        } catch (OutOfMemoryError exhausted) {
            // None for a place in the queue of the condition: then looks again soon.
            lock.unlock();
            LockSupport.parkNanos(this, LONGEST_WAIT);
            lockAtLast();
            return nanos - LONGEST_WAIT;
        }
    }

    private void run(Runnable task) {
        try {
            task.run();
        } catch (Throwable thrown) {
            report(thrown);
        }
        // A flag that the task has left must not reach the next one.
        Thread.interrupted();
    }

    private void report(Throwable thrown) {
        try {
            handler.accept(thrown);
        } catch (Throwable second) {
            Uncaught.report(second);
        }
    }

    /** A thread of this object. */
    final class Worker extends Thread {
        Worker() {
            // Nothing of the thread that happens to call is handed on to the tasks of others.
            super(null, null, "samara-" + ++started, 0, false);
            setDaemon(true);
        }

        boolean worksFor(Background background) {
            return background == Background.this;
        }

        @Override
        public void run() {
            work(this);
        }
    }
}
