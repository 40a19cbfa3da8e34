// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.ObjLongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The threads of a machine. They run the tasks that must not run on a caller's thread: the closing of backings, the
 * last phases of asynchronous operations, and the delivery of change events.
 *
 * <p>Tasks start in the order in which they were given, one after the other. If a task does not return within a set
 * time, the next task starts concurrently. So there are at most two threads, plus one for each task that takes longer
 * than that time, and never more than {@value #MOST_THREADS} threads. At this bound, later tasks wait until a
 * running task returns. The first time that the bound is reached is reported. Threads are daemons and are started on
 * demand. A thread ends after it has been idle for a set time, so a dropped machine leaves no thread. If a thread
 * cannot be started, this object retries by itself, after growing pauses.
 *
 * <p>An exception of a task is passed to the handler given at construction. An exception of the handler goes to the
 * thread's uncaught exception handler. Later tasks run nevertheless. Actions before {@link #execute} happen before the
 * task, and the actions of a task happen before the return of {@link #awaitQuiescence}. Thread-safe.
 */
public final class Background implements Executor {
    /*
     * Algorithmic notes.
     *
     * There are two roles, each held by at most one thread. The leader takes tasks out of the queue and runs them. The
     * standby waits while the leader runs a task and other tasks are queued. It takes the lead if the task does not
     * return in time. A leader that was overtaken becomes the standby after its task if there is none, and ends
     * otherwise.
     *
     *     leader   idle ── signal ──> takes a task ──> runs it ──┬─ still leader ──> takes the next, or idle
     *                                                            └─ overtaken ────> standby, or ends
     *     standby  idle ── signal ──> waits until the task is due ──┬─ another task runs ──> waits for that task
     *                                                               ├─ nothing queued ─────> idle
     *                                                               └─ still not done ─────> leader
     *
     * Both roles and all decisions are guarded by one lock, which no thread holds while it runs a task. Only execute
     * avoids the lock: it offers to the queue and reads whether the queue is attended. Attended means that a thread
     * will poll the queue without being signalled: soon (a leader between two tasks, or a leader that was signalled),
     * or when a task is due (a standby). If the queue is not attended, execute takes the lock and signals a thread.
     * That is a store-load pair:
     *
     *     execute:  offer to the queue, then read attended
     *     thread:   attended := false, then read the queue
     *
     * At least one of the two sees the other's store, so every queued task is taken. False is always safe: it costs the
     * next call of execute a check under the lock.
     *
     * If no thread can be started, a timer tries again after a pause that grows. The attempt is not a waiter of the
     * housekeeping, because that needs the missing threads. The timer is a thread, too, so it may fail as well, or lose
     * the attempt. Then the attempt is overdue: whoever calls attendAgain makes it.
     */

    /** The maximum number of threads. */
    static final int MOST_THREADS = 256;

    private static final Duration DUE_AFTER = Duration.ofMillis(10);
    private static final Duration IDLE_FOR = Duration.ofSeconds(5);

    /** The stack that finding a thread needs, in interpreted frames, including the JDK's start of a thread. */
    private static final int DEPTH = 60;

    /* The pauses in nanoseconds between attempts to start a thread. */
    private static final long FIRST_PAUSE = 10_000_000;
    private static final long LONGEST_PAUSE = 1_000_000_000;

    /* The pauses, in nanoseconds, before a thread of this object retries what failed for lack of memory. */
    private static final long SHORTEST_WAIT = 1_000;
    private static final long LONGEST_WAIT = 1_000_000;

    /**
     * Words: all other mutable fields of {@code Background}.
     * Written: holder of {@code lock} (plain, lock).
     * Read: holder of {@code lock} (plain, lock).
     * Invariant: {@code standbyWaits} is true only while {@code leaderRuns} is true, and {@code leaderRuns} only while
     *     there is a leader; {@code running} counts the tasks that have started, here or elsewhere, and have not
     *     returned yet.
     */
    private final Consumer<? super Throwable> handler;

    private final long dueAfterNanos;
    private final long idleNanos;
    private final Consumer<Thread> starter;

    /** Runs a task after a time in nanoseconds. May lose the task, and throw an OutOfMemoryError. */
    private final ObjLongConsumer<Runnable> timer;

    /**
     * The consumer is the holder of the lock.
     *
     * <p>Written: any thread ({@code MpscQueue.offer}).
     * Read: holder of {@code lock}, the consumer ({@code poll}, {@code isEmpty}, {@code size}).
     * Pairs: with {@code attended}.
     * Invariant: tasks in the order given. They are removed only under {@code lock}, so they start in that order. No
     *     thread holds {@code lock} while a task or a handler runs.
     */
    private final MpscQueue<Runnable> queue = new MpscQueue<>();

    private final ReentrantLock lock = new CheckedLock();
    private final Condition leaderTold = lock.newCondition();
    private final Condition standbyTold = lock.newCondition();
    private final Condition quiet = lock.newCondition();

    /**
     * Whether a thread will poll the queue without being signalled. Written under the lock, read without it.
     *
     * <p>Written: holder of {@code lock} (volatile).
     * Read: a thread that offered a task or waits for quiescence; holder of {@code lock} (volatile).
     * Pairs: {@code Background.execute} offers a task, then reads {@code attended}; {@code leaveUnattended} clears
     *     {@code attended}, then reads the queue.
     * Invariant: if true, a thread will read the queue without a signal, after the time for one task at the latest.
     */
    private volatile boolean attended;

    @GuardedBy("lock")
    private @Nullable Thread leader;

    @GuardedBy("lock")
    private @Nullable Thread standby;

    /**
     * Whether the standby waits for the leader's task, rather than being idle. True only while the leader runs a task.
     */
    @GuardedBy("lock")
    private boolean standbyWaits;

    @GuardedBy("lock")
    private boolean leaderRuns;

    @GuardedBy("lock")
    private long dueNanos;

    @GuardedBy("lock")
    private int running;

    /** Whether idle threads end immediately. Never reset. */
    @GuardedBy("lock")
    private boolean ends;

    @GuardedBy("lock")
    private int recruited;

    @GuardedBy("lock")
    private int threads;

    /**
     * Written: holder of {@code lock} (volatile).
     * Read: a thread that tried to find a worker thread (volatile).
     * Invariant: set if the number of threads was at its bound, and this is not reported yet.
     */
    private volatile boolean isAtBound;

    @GuardedBy("lock")
    private boolean isBoundReported;

    /** The pause before the next attempt to start a thread; 0 while no attempt has failed. */
    @GuardedBy("lock")
    private long pause;

    /**
     * Written: holder of {@code lock} (volatile).
     * Read: holder of {@code lock}, and a thread that starts an operation or waits (volatile).
     * Invariant: set while the timer holds an attempt to start a thread, or has lost it. A reader that finds the field
     *     set takes {@code lock}, and makes the attempt if it is overdue.
     */
    private volatile boolean isToTryAgain;

    /**
     * Written: the constructor of {@code MachineTasks} (plain).
     * Read: holder of {@code lock}, and a thread that makes an overdue attempt (plain).
     * Invariant: set before another thread knows this object.
     */
    private CallNotice notice = new CallNotice();

    /** The time after which the timer must have lost the scheduled attempt, as {@link System#nanoTime}. */
    @GuardedBy("lock")
    private long overdueNanos;

    /**
     * Creates an executor with the usual times: a task delays later tasks by 10 ms at most, and threads end after 5 s
     * without work.
     *
     * @param handler receives the exceptions of tasks, on the thread of the task
     */
    public Background(Consumer<? super Throwable> handler) {
        this(handler, DUE_AFTER, IDLE_FOR);
    }

    /**
     * Creates an executor.
     *
     * @param handler receives the exceptions of tasks, on the thread of the task
     * @param dueAfter how long a task may delay the tasks queued after it
     * @param idleFor how long a thread without work lives
     * @throws IllegalArgumentException if a time is not positive
     */
    public Background(Consumer<? super Throwable> handler, Duration dueAfter, Duration idleFor) {
        this(handler, dueAfter, idleFor, Thread::start, (task, nanos) -> Timer.start(nanos, task));
    }

    /** Posts the notice if a later call must try again to find a thread. Called before another thread knows this. */
    void postTo(CallNotice calls) {
        notice = calls;
    }

    Background(
            Consumer<? super Throwable> handler,
            Duration dueAfter,
            Duration idleFor,
            Consumer<Thread> starter,
            ObjLongConsumer<Runnable> timer) {
        if (dueAfter.isNegative() || dueAfter.isZero() || idleFor.isNegative() || idleFor.isZero()) {
            throw new IllegalArgumentException("not positive: " + dueAfter + " or " + idleFor);
        }
        this.handler = handler;
        this.starter = starter;
        this.timer = timer;
        dueAfterNanos = dueAfter.toNanos();
        idleNanos = idleFor.toNanos();
    }

    /**
     * Runs a task on a thread of this object. Never waits for a task.
     *
     * <p>If no thread can be started, the handler is called, on the calling thread. The task then waits in the queue
     * until a thread can be started.
     *
     * @param task the task
     * @throws OutOfMemoryError if there is no memory for a place in the queue; the task is then not queued. If memory
     *     runs out after that, this method retries until there is memory
     */
    @Override
    public void execute(Runnable task) {
        queue.offer(task);
        // Store-load pair with leaveUnattended: the offer ends with a full fence, and this is a volatile read.
        if (!attended) {
            tell();
        }
    }

    /**
     * Waits until no task is queued and none runs. By then every task given before the call has finished, and so has
     * every task that such a task gave.
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
        while (!awaitQuiet()) {
            attendAgain();
        }
    }

    /** Waits for at most ten seconds. Returns whether no task is queued and none runs. */
    private boolean awaitQuiet() throws InterruptedException {
        lock.lockInterruptibly();
        try {
            long left = Gate.WaitReporter.ATTEND_NANOS;
            while (!isQuiet() && left > 0) {
                left = quiet.awaitNanos(left);
            }
            return isQuiet();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Returns whether a thread belongs to this object.
     *
     * @param thread any thread
     * @return whether it is a thread of this object
     */
    public boolean isOf(Thread thread) {
        return thread instanceof Worker worker && worker.isOf(this);
    }

    /**
     * Returns the number of tasks that were given and have not finished yet, including tasks that run elsewhere.
     *
     * @return the number of queued and running tasks
     */
    public int pending() {
        lock.lock();
        try {
            return queue.size() + running;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Counts a task that another executor runs as a running task. It is counted here, so that no check finds all quiet
     * while a task of one executor gives a task to the other one. If this throws, the task is not counted.
     */
    void startsElsewhere() {
        lock.lock();
        try {
            running++;
        } finally {
            lock.unlock();
        }
    }

    /** Ends {@link #startsElsewhere}. The task has already given its successors to their executors. */
    void endedElsewhere() {
        lockAtLast();
        try {
            ended();
        } finally {
            lock.unlock();
        }
    }

    /** Makes threads end as soon as they are idle. Tasks that are given later run nevertheless. */
    public void endWhenQuiet() {
        lock.lock();
        try {
            ends = true;
            leaderTold.signalAll();
            standbyTold.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Finds a thread that attends to the queue. The queued task cannot be removed again, so the search is retried if
     * there is no memory for it. The lock is taken no deeper in the stack than the offer was made. So if the stack is
     * too small, the offer fails, and not the acquisition of the lock, which might leave it locked.
     */
    private void tell() {
        long wait = 0;
        for (; ; ) {
            try {
                tellOnce();
                return;
            } catch (OutOfMemoryError exhausted) {
                wait = Pause.betweenPolls(wait);
                Pause.parkNanos(this, wait);
            }
        }
    }

    private void tellOnce() {
        Thread recruit;
        lock.lock();
        try {
            if (attended || queue.isEmpty()) {
                isToTryAgain = false;
                return;
            }
            recruit = choose();
        } finally {
            lock.unlock();
        }
        start(recruit);
    }

    /**
     * Returns the thread to start, or null if an idle thread was signalled or no thread can be created. The caller
     * holds the lock.
     */
    @GuardedBy("lock")
    private @Nullable Thread choose() {
        if (leader == null) {
            Thread recruit = recruit();
            leader = recruit;
            attended = recruit != null;
            return recruit;
        }
        if (leaderRuns) {
            return engageStandby();
        }
        leaderTold.signal();
        attended = true;
        return null;
    }

    /**
     * Returns the thread to start, or null if an idle standby was signalled or no thread can be created. The caller
     * holds the lock, and the leader runs a task.
     */
    @GuardedBy("lock")
    private @Nullable Thread engageStandby() {
        if (standby == null) {
            Thread recruit = recruit();
            standby = recruit;
            standbyWaits = recruit != null;
            attended = recruit != null;
            return recruit;
        }
        standbyWaits = true;
        attended = true;
        standbyTold.signal();
        return null;
    }

    /**
     * Counts and returns another thread, which is not started. Returns null if there is no memory for it, or if the
     * number of threads is at its bound.
     */
    @GuardedBy("lock")
    private @Nullable Thread recruit() {
        if (threads >= MOST_THREADS) {
            isAtBound = !isBoundReported;
            return null;
        }
        try {
            Thread recruit = new Worker(++recruited);
            threads++;
            return recruit;
        } catch (OutOfMemoryError exhausted) {
            tryLater();
            return null;
        }
    }

    /**
     * Schedules another attempt on the timer, because there may be no thread. If the timer cannot start a thread
     * either, the attempt counts as lost.
     */
    @GuardedBy("lock")
    private void tryLater() {
        if (!isToTryAgain) {
            pause = Pause.next(pause, FIRST_PAUSE, LONGEST_PAUSE);
            overdueNanos = System.nanoTime() + pause;
            isToTryAgain = true;
            notice.isPosted = true;
            try {
                timer.accept(this::tryAgain, pause);
                overdueNanos += LONGEST_PAUSE;
            } catch (OutOfMemoryError lost) {
                // Not thrown: the caller need not wait for memory, because a later call makes the lost attempt.
                return;
            }
        }
    }

    /**
     * Tries again to find a thread if the timer lost an attempt. Called by an operation that found the notice posted,
     * and every ten seconds by a thread that waits at a gate or for quiescence. If there is no memory for a thread, a
     * later call retries, because the caller must not wait for memory.
     */
    public void attendAgain() {
        if (!isToTryAgain) {
            return;
        }
        // First, because the attempt is still scheduled unless it is overdue, and may fail.
        notice.isPosted = true;
        // A stack overflow below could leave the lead with a thread that was not started.
        StackReserve.check(DEPTH);
        boolean isOverdue;
        lock.lock();
        try {
            long now = System.nanoTime();
            isOverdue = isToTryAgain && now - overdueNanos > 0;
            if (isOverdue) {
                // If this attempt fails, another one follows after the longest pause.
                overdueNanos = now + LONGEST_PAUSE;
            }
        } finally {
            lock.unlock();
        }
        if (isOverdue) {
            try {
                tellOnce();
            } catch (OutOfMemoryError exhausted) {
                // A later call retries.
                return;
            }
        }
    }

    /** Tries again to find a thread, after an attempt to start one has failed. */
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

    /** Called without the lock, because starting a thread takes long, and a failure calls the handler. */
    private void start(@Nullable Thread recruit) {
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
                    standby = null;
                    standbyWaits = false;
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

    /**
     * Marks the queue as unattended. Returns whether it still contains a task; it is possible that no thread will
     * notice that task. The caller holds the lock.
     */
    @GuardedBy("lock")
    private boolean leaveUnattended() {
        standbyWaits = false;
        // Store-load pair with execute: a volatile store, then a read of the queue.
        attended = false;
        return !queue.isEmpty();
    }

    /** The caller holds the lock. */
    @GuardedBy("lock")
    private boolean isQuiet() {
        return running == 0 && queue.isEmpty();
    }

    /** What each thread does until it ends. */
    private void work(Thread self) {
        lockAtLast();
        try {
            attend(self);
        } finally {
            lock.unlock();
        }
    }

    @GuardedBy("lock")
    private void attend(Thread self) {
        try {
            pause = 0;
            // If the timer still holds an attempt, the attempt will find nothing to do.
            isToTryAgain = false;
            boolean stays = true;
            while (stays) {
                stays = leader == self ? lead(self) : standBy(self);
            }
        } finally {
            threads--;
        }
    }

    /** Takes the lock after a task. Retries if there is no memory for the thread's place in the lock's queue. */
    private void lockAtLast() {
        for (; ; ) {
            try {
                lock.lock();
                return;
            } catch (OutOfMemoryError exhausted) {
                Pause.parkNanos(this, SHORTEST_WAIT);
            }
        }
    }

    /**
     * Acts as the leader: runs a task, or waits for one. Returns whether the thread is still needed. The caller holds
     * the lock.
     */
    @GuardedBy("lock")
    private boolean lead(Thread self) {
        Runnable task = queue.poll();
        if (task == null) {
            return leaveUnattended() || awaitTask();
        }
        running++;
        leaderRuns = true;
        dueNanos = System.nanoTime() + dueAfterNanos;
        Thread recruit = null;
        try {
            recruit = !standbyWaits && leaveUnattended() ? engageStandby() : null;
        } catch (OutOfMemoryError exhausted) {
            // There is no memory to start another thread. So no thread takes this one's place, and it polls the queue
            // again after the task.
            recruit = null;
        }
        lock.unlock();
        try {
            start(recruit);
        } catch (OutOfMemoryError exhausted) {
            report(exhausted);
        }
        try {
            task.run();
        } catch (Throwable thrown) {
            report(thrown);
        } finally {
            // An interrupt flag that the task left set must not reach the next task.
            Thread.interrupted();
            lockAtLast();
            finished(self);
        }
        return true;
    }

    @GuardedBy("lock")
    private void ended() {
        running--;
        if (isQuiet()) {
            quiet.signalAll();
        }
    }

    /** Called after a task. The caller holds the lock. */
    @GuardedBy("lock")
    private void finished(Thread self) {
        ended();
        if (leader == self) {
            leaderRuns = false;
        } else if (standby == null) {
            standby = self;
            // If tasks are queued, and no other thread could be started for them, this thread waits as the standby for
            // the leader's task.
            standbyWaits = leaderRuns && !attended && !queue.isEmpty();
            attended |= standbyWaits;
        }
    }

    /**
     * Waits for a task, and gives up the lead at the end of the idle time. The caller holds the lock and leads, and the
     * queue is unattended.
     */
    @GuardedBy("lock")
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

    /**
     * Waits as the standby. Called, with the lock, by a thread that is not the leader. Returns whether the thread is
     * still needed.
     */
    @GuardedBy("lock")
    private boolean standBy(Thread self) {
        if (standby != self) {
            return false;
        }
        if (!standbyWaits) {
            long left = idleNanos;
            while (!standbyWaits && !ends && left > 0) {
                left = await(standbyTold, left);
            }
            if (!standbyWaits) {
                standby = null;
            }
            return standbyWaits;
        }
        long left = dueNanos - System.nanoTime();
        if (left > 0) {
            // However this wait ends, the caller checks all conditions again.
            await(standbyTold, left);
        } else if (leaveUnattended()) {
            leader = self;
            leaderRuns = false;
            standby = null;
        }
        return true;
    }

    @SuppressWarnings("WaitNotInLoop") // the loops are in the callers, which know their conditions
    @GuardedBy("lock")
    private long await(Condition condition, long nanos) {
        try {
            return condition.awaitNanos(nanos);
        } catch (InterruptedException meaningless) {
            // No other code owns these threads, so an interrupt has no meaning.
            return nanos;
        } catch (OutOfMemoryError exhausted) {
            // There is no memory for a place in the condition's queue, so the caller checks again soon.
            lock.unlock();
            Pause.parkNanos(this, LONGEST_WAIT);
            lockAtLast();
            return nanos - LONGEST_WAIT;
        }
    }

    /** Passes an exception to the handler. */
    void report(Throwable thrown) {
        try {
            handler.accept(thrown);
        } catch (Throwable second) {
            reportUncaught(second);
        }
    }

    /**
     * Passes an exception to the calling thread's uncaught exception handler: the last resort on a thread that must
     * continue, when the machine's reporter or one of the embedder's handlers threw an exception. Returns normally
     * whatever the handler does.
     *
     * @param thrown the exception
     */
    public static void reportUncaught(Throwable thrown) {
        Thread thread = Thread.currentThread();
        try {
            thread.getUncaughtExceptionHandler().uncaughtException(thread, thrown);
        } catch (Throwable ignored) {
            // Ignored, as the JVM ignores exceptions of uncaught exception handlers.
        }
    }

    private final class Worker extends Thread {
        Worker(int number) {
            // The tasks of other callers must not inherit the thread locals of this caller.
            super(null, null, "samara-" + number, 0, false);
            setDaemon(true);
        }

        boolean isOf(Background background) {
            return Background.this == background;
        }

        @Override
        public void run() {
            work(this);
        }
    }

    /**
     * A daemon thread that waits, runs one task, and ends. A timer of the JDK would need a thread that never ends.
     * Refers to nothing but the task, so a task that refers to its machine only weakly does not keep it alive.
     * Thread-safe.
     */
    public static final class Timer extends Thread {
        private final long dueNanos;
        private final Runnable task;

        /**
         * Written: any thread, true (volatile).
         * Read: the thread that waits, after each wake-up (volatile).
         * Invariant: never reset; once it is set, the task does not start, unless the wait was already over.
         */
        private volatile boolean isCancelled;

        private Timer(long nanos, Runnable task) {
            // The task must not inherit the thread locals of the caller.
            super(null, null, "samara-timer", 0, false);
            this.task = task;
            dueNanos = System.nanoTime() + nanos;
            setDaemon(true);
        }

        /**
         * Starts the wait for a task.
         *
         * @param nanos the time after which the task runs, in nanoseconds
         * @param task the task; its exceptions go to the uncaught exception handler
         * @throws OutOfMemoryError if the thread cannot be started; the task then does not run
         */
        public static Timer start(long nanos, Runnable task) {
            Timer started = new Timer(nanos, task);
            started.start();
            return started;
        }

        /** Ends the wait without running the task. Does nothing if the task has started. */
        public void cancel() {
            isCancelled = true;
            LockSupport.unpark(this);
        }

        @Override
        public void run() {
            for (long left = dueNanos - System.nanoTime(); left > 0; left = dueNanos - System.nanoTime()) {
                if (isCancelled) {
                    return;
                }
                Pause.parkNanos(this, left);
            }
            if (!isCancelled) {
                task.run();
            }
        }
    }
}
