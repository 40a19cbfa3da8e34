// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The housekeeping of a machine: a list of calls that continue later, once a CPU has acknowledged a request, a copy has
 * ended, or a grace period or pause is over. A waiting call costs only its objects. A step polls each call; if the call
 * can continue, the step hands it to an executor. The batch of callbacks of {@link Rcu} is such a call, for all
 * callbacks of a grace period. Thread-safe.
 *
 * <p>One thread, the housekeeping thread, runs the steps, in a task that lasts as long as calls wait. Or the steps are
 * <em>invoked</em>: by a thread of the embedder, and by each thread while it waits in this library ({@link #step}).
 *
 * <p>The executor may run a call immediately, within the step. A thread that waits in an operation or a fault may hold
 * something that a callback of the embedder would wait for. So its steps skip the calls that {@linkplain Waiter#mayWait
 * may wait} ({@link #stepWithin}). No wait in an operation or a fault depends on the skipped calls, because a retried
 * end of a discard or of a gather is {@linkplain RetriedTask#isPrompt prompt}. The housekeeping thread also skips
 * these calls while a callback that it runs waits.
 */
public final class Housekeeping implements Runnable {
    /** In nanoseconds. After a step that takes this long, the steps pause, whatever the idle strategy does. */
    private static final long LONG_STEP = 50_000;

    /**
     * The longest pause in nanoseconds after a long step. A step seems very long if the host was suspended during it.
     */
    private static final long LONGEST_REST = 100_000_000;

    /** The pause in nanoseconds of a waiting thread that invokes steps, after a step that had nothing to do. */
    public static final long INVOKING_PAUSE = 50_000;

    /**
     * The stack that a step needs to keep its calls listed, in frames: the depth of an interpreted executor that
     * rejects a task.
     */
    private static final int DEPTH = 60;

    /** Runs the steps; null if they are invoked. */
    private final @Nullable Executor threads;

    private final Executor tasks;
    /**
     * The idle strategy of the housekeeping thread, which receives the number of calls handed over; null for pauses
     * that double.
     */
    private final @Nullable IntConsumer idle;

    /**
     * The latest pause of the housekeeping thread, in nanoseconds; 0 after a step that handed a call over. Used by the
     * thread that set {@link #isPolled}.
     *
     * <p>Words: {@code pause}, {@code isIdleBroken}.
     * Written: the housekeeping thread, which set {@code isPolled} (plain); handed on by {@code isPolled}.
     * Read: that thread (plain).
     * Invariant: the length of the latest pause, if there is no strategy; whether the strategy threw an exception.
     */
    private long pause;

    /**
     * A check that each step runs after it has polled the calls. Set before the first step.
     *
     * <p>Written: the constructor of the machine's state (plain).
     * Read: the thread that set {@code isAsking} (plain).
     * Invariant: set before another thread knows the housekeeping.
     */
    private Runnable check = () -> {};

    /**
     * The calls that no step has taken over yet, the latest first.
     *
     * <p>Written: a thread that adds a call (compare-and-set); the thread that polls the calls (get-and-set).
     * Read: a thread that adds a call or starts the steps, and a thread that checks whether calls are listed
     *     (volatile).
     * Pairs: with {@code isPolled}.
     * Invariant: calls that no step has taken over yet; their {@code next} belongs to the thread that adds them, then
     *     to the steps.
     */
    private final AtomicReference<@Nullable Waiter> added = new AtomicReference<>();

    /**
     * Written: a thread that starts the steps (compare-and-set), and clears it if that fails (volatile); the thread
     *     that ends them (volatile).
     * Read: a thread that starts the steps (compare-and-set).
     * Pairs: a thread adds a call, then tests the flag; the housekeeping thread clears the flag, then reads {@code
     *     added}. At least one of the two sees the other's store.
     * Invariant: at most one thread of the machine runs steps. Never set if steps are invoked.
     */
    private final AtomicBoolean isPolled = new AtomicBoolean();

    /**
     * Written: the housekeeping thread (volatile).
     * Read: a thread that adds a call, to wake the housekeeping thread; a thread that starts to wait, to compare itself
     *     (volatile).
     * Invariant: only a hint for a thread that adds a call, because pauses are short. A thread finds itself in this
     *     field only while it runs the steps.
     */
    private volatile @Nullable Thread poller;

    /** Whether the strategy has thrown an exception. Used by the thread that set {@link #isPolled}. */
    private boolean isIdleBroken;

    /** Posted while a call may be listed without a thread that runs steps, because an Error stopped its start. */
    public final CallNotice notice = new CallNotice();

    /**
     * Whether an Error or an exception ended the steps while calls were left.
     *
     * <p>Written: the housekeeping thread, at its start and before it clears {@code isPolled} (volatile).
     * Read: a thread that starts the steps (volatile).
     * Invariant: calls were taken over from {@code added} when an exception ended the steps.
     */
    private volatile boolean isLeft;

    /**
     * Whether a thread is polling calls. That thread owns {@link #waiting}.
     *
     * <p>Written: a thread that runs a step, or that checks whether calls are listed (compare-and-set; volatile).
     * Read: the same threads (compare-and-set).
     * Invariant: the thread that set the field owns {@code waiting}, and runs no task while the field is set. A thread
     *     that finds the field set does not wait, but continues with the calls that are ready.
     */
    private final AtomicBoolean isAsking = new AtomicBoolean();

    /**
     * The thread that is polling calls. A thread only compares the value with itself.
     *
     * <p>Written: the thread that set {@code isAsking}, before it clears {@code isAsking} (volatile).
     * Read: any thread that starts a wait for calls of the list (volatile).
     * Invariant: a thread finds itself in this field only while it polls calls, because no other thread stores it
     *     there.
     */
    private volatile @Nullable Thread asker;

    /**
     * Written: the thread that set {@code isAsking} (plain).
     * Read: that thread; the housekeeping thread, which is the only one if steps are not invoked (plain).
     * Invariant: the calls that were taken over and could not continue when they were last polled.
     */
    private @Nullable Waiter waiting;

    /** The calls that can continue and never wait. Guarded by the monitor of the housekeeping, like {@code mayWait}. */
    private final Ready prompt = new Ready();

    /** The calls that can continue and may wait. */
    private final Ready mayWait = new Ready();

    /** The number of calls taken for the executor so far, and how many of them are not handed to it yet. */
    @GuardedBy("this")
    private long taken;

    @GuardedBy("this")
    private int inHand;

    /**
     * Creates an empty list.
     *
     * @param threads runs the steps, as one task that lasts as long as calls wait, and must run tasks in parallel; null
     *     if the steps are invoked
     * @param tasks runs the calls that can continue; throws only if it did not accept the call
     * @param idle the idle strategy of the housekeeping thread, which receives the number of calls handed over; null
     *     for pauses from 1 microsecond to 1 millisecond
     */
    public Housekeeping(@Nullable Executor threads, Executor tasks, @Nullable IntConsumer idle) {
        this.threads = threads;
        this.tasks = tasks;
        this.idle = idle;
    }

    /**
     * Sets a check that the steps run after they have polled the calls. Called before another thread knows this object.
     *
     * @param look the check; must not wait
     */
    public void checkInSteps(Runnable look) {
        check = look;
    }

    /**
     * Adds a call to the list. Its {@link Waiter#run} is called once the call is ready. Allocates nothing. If the
     * executor has no memory for its task, the caller waits until there is memory. After a {@link StackOverflowError}
     * the call is either listed or unchanged, and {@link #attendAgain} starts the steps.
     *
     * @param call a call that is not listed
     */
    public void add(Waiter call) {
        try {
            Waiter seen;
            do {
                seen = added.get();
                call.next = seen;
            } while (!added.compareAndSet(seen, call));
            call.isListed = true;
            LockSupport.unpark(poller);
            attend();
        } catch (Throwable thrown) {
            // No method call, because the stack may have no space for one.
            notice.isPosted = true;
            throw thrown;
        }
    }

    /**
     * Starts the steps for calls that an Error left listed without steps. Called by an operation that found the notice
     * posted, before a wait for all threads of the machine, and every ten seconds by a thread that waits at a gate.
     */
    public void attendAgain() {
        try {
            attend();
        } catch (Throwable thrown) {
            notice.isPosted = true;
            throw thrown;
        }
    }

    /** Starts the steps, unless a thread is running them or they are invoked. */
    private void attend() {
        Executor starter = threads;
        if (starter == null) {
            return;
        }
        // Store-load pair with the end of run. This thread writes added, then tests isPolled. The end of run clears
        // isPolled, then reads added.
        long retry = 0;
        for (; ; ) {
            boolean isBegun = true;
            try {
                if ((isLeft || added.get() != null) && isPolled.compareAndSet(false, true)) {
                    isBegun = false;
                    starter.execute(this);
                    isBegun = true;
                }
                return;
            } catch (OutOfMemoryError exhausted) {
                retry = Pause.betweenPolls(retry);
                Pause.parkNanos(this, retry);
            } finally {
                if (!isBegun) {
                    isPolled.set(false);
                }
            }
        }
    }

    /** Runs steps until no call waits. */
    @Override
    public void run() {
        poller = Thread.currentThread();
        isLeft = false;
        try {
            while (added.get() != null || waiting != null || prompt.first != null || mayWait.first != null) {
                long since = System.nanoTime();
                int moved = doWork();
                long asked = System.nanoTime() - since;
                idle(moved);
                // Pauses for the time that a long step took, but at most for LONGEST_REST, because polling many calls
                // must not use up a CPU.
                long left = moved > 0 || asked < LONG_STEP ? 0 : 2 * asked - (System.nanoTime() - since);
                if (left > 0) {
                    LockSupport.parkNanos(this, Math.min(left, LONGEST_REST));
                }
                if (moved == 0) {
                    // An interrupt flag must not make every pause end immediately.
                    Thread.interrupted();
                }
            }
        } finally {
            poller = null;
            isLeft = waiting != null || prompt.first != null || mayWait.first != null;
            isPolled.set(false);
            notice.isPosted = true;
            attendAgain();
        }
    }

    /**
     * Idles by the strategy. A strategy that threw an exception is not called again; the exception is reported like the
     * exception of a task.
     */
    private void idle(int moved) {
        IntConsumer strategy = idle;
        if (strategy != null && !isIdleBroken) {
            isIdleBroken = true;
            strategy.accept(moved);
            isIdleBroken = false;
        } else if (moved > 0) {
            pause = 0;
        } else {
            pause = Pause.betweenPolls(pause);
            LockSupport.parkNanos(this, pause);
        }
    }

    /**
     * Runs one step. Never waits if the executor of the calls does not. While a step polls the calls, a nested or
     * concurrent step only hands ready calls over.
     *
     * @return the number of calls handed over
     * @throws StackOverflowError if the thread's stack is nearly used up; nothing has changed then
     */
    public int doWork() {
        return doWork(true);
    }

    private int doWork(boolean isWhole) {
        StackReserve.check(DEPTH);
        if (isAsking.compareAndSet(false, true)) {
            try {
                asker = Thread.currentThread();
                ask();
                check.run();
            } finally {
                asker = null;
                isAsking.set(false);
            }
        }
        int moved = 0;
        while (handOver(prompt)) {
            moved++;
        }
        while (isWhole && handOver(mayWait)) {
            moved++;
        }
        return moved;
    }

    /**
     * Runs a step for a thread that waits outside operations and faults. Does not throw; if the step fails, the calls
     * stay listed.
     *
     * @return whether a call was handed over
     */
    public boolean step() {
        return step(true);
    }

    /**
     * Runs a step for a thread that waits within an operation or a fault. The step skips the calls that may wait.
     *
     * @return whether a call was handed over
     */
    public boolean stepWithin() {
        return step(false);
    }

    private boolean step(boolean isWhole) {
        try {
            return doWork(isWhole) > 0;
        } catch (OutOfMemoryError | StackOverflowError exhausted) {
            return false;
        } catch (Throwable thrown) {
            Background.reportUncaught(thrown);
            return false;
        }
    }

    /** Returns whether steps are invoked, rather than run by a thread of the machine. */
    public boolean isInvoked() {
        return threads == null;
    }

    /**
     * Returns whether this thread must run steps while it waits: either steps are invoked, or this is the housekeeping
     * thread, which is running a call within a step.
     */
    public boolean isSteppedHere() {
        return threads == null || poller == Thread.currentThread();
    }

    /**
     * Checks that no step on this thread is polling the calls. Code that such a poll runs must not wait for calls,
     * because no step can poll them in the meantime.
     *
     * @param what the wait, for messages
     * @throws IllegalStateException if a step is polling the calls
     */
    public void checkNotAsking(String what) {
        if (isAskedHere()) {
            throw new IllegalStateException(
                    what + " was called within a step of the housekeeping, by code that the step"
                            + " calls to ask whether a call can continue: no step can continue in the meantime");
        }
    }

    /** Returns whether a step on this thread is polling the calls, i.e. whether this code runs within such a poll. */
    public boolean isAskedHere() {
        return asker == Thread.currentThread();
    }

    /**
     * Returns the number of calls taken for the executor so far, or -1 if a call is listed, or taken but not handed
     * over yet.
     *
     * @return a number that grows with each call taken
     */
    public long takenIfIdle() {
        if (!isAsking.compareAndSet(false, true)) {
            return -1;
        }
        try {
            // Reads in the order in which calls move on, so that no call is missed between two reads.
            boolean isIdle = added.get() == null && waiting == null;
            synchronized (this) {
                return isIdle && prompt.first == null && mayWait.first == null && inHand == 0 ? taken : -1;
            }
        } finally {
            isAsking.set(false);
        }
    }

    /**
     * Moves the calls that can continue to the lists of ready calls. An Error may end this anywhere without losing a
     * call.
     */
    private void ask() {
        takeOver();
        Waiter before = null;
        Waiter call = waiting;
        while (call != null) {
            Waiter next = call.next;
            if (isReady(call)) {
                Ready ready = call.mayWait() ? mayWait : prompt;
                // No method call from here to the end of the block.
                if (before == null) {
                    waiting = next;
                } else {
                    before.next = next;
                }
                synchronized (this) {
                    call.next = null;
                    Waiter last = ready.last;
                    if (last == null) {
                        ready.first = call;
                    } else {
                        last.next = call;
                    }
                    ready.last = call;
                }
            } else {
                before = call;
            }
            call = next;
        }
    }

    /** Puts the added calls in front of the calls that already wait. */
    private void takeOver() {
        for (Waiter call = added.getAndSet(null); call != null; ) {
            Waiter next = call.next;
            call.next = waiting;
            waiting = call;
            call = next;
        }
    }

    /**
     * Returns whether a call is ready. Returns true after an exception, because the call throws it again when it
     * continues, and handles it there.
     */
    private static boolean isReady(Waiter call) {
        try {
            return call.isReady();
        } catch (Throwable thrown) {
            return true;
        }
    }

    /**
     * Hands the first call of a list to the executor. Returns false if the list is empty or there is no memory for a
     * task. The call is removed from the list first, because it may be listed again before this returns.
     */
    private boolean handOver(Ready ready) {
        Waiter call;
        // No method call while the lists are guarded.
        synchronized (this) {
            call = ready.first;
            if (call == null) {
                return false;
            }
            ready.first = call.next;
            if (ready.first == null) {
                ready.last = null;
            }
            call.next = null;
            taken++;
            inHand++;
        }
        boolean isHandedOver = false;
        try {
            tasks.execute(call);
            isHandedOver = true;
        } catch (OutOfMemoryError exhausted) {
            // The next step retries.
            isHandedOver = false;
        } finally {
            synchronized (this) {
                inHand--;
                if (!isHandedOver) {
                    call.next = ready.first;
                    ready.first = call;
                    if (ready.last == null) {
                        ready.last = call;
                    }
                }
            }
        }
        return isHandedOver;
    }

    /** Calls that can continue, in order. */
    private static final class Ready {
        /**
         * Words: {@code first}, {@code last} of {@code prompt} and {@code mayWait}, {@code taken}, {@code inHand}.
         * Written: any thread that runs a step (monitor).
         * Read: any thread that runs a step, or checks whether calls are listed (monitor); the housekeeping thread,
         *     which checks whether there is a first call (plain).
         * Invariant: a call moves from {@code added} to {@code waiting}, to a list of ready calls, to the thread that
         *     takes it, and to the executor, and is in exactly one of these places at each instant. The thread that
         *     took it hands it over. So a nested or concurrent step finds every call that no other thread has taken.
         */
        private @Nullable Waiter first;

        private @Nullable Waiter last;
    }

    /**
     * Something that continues later: {@link #run} continues it, on a thread of the machine. It is its own node in the
     * list, so adding it allocates nothing.
     */
    public abstract static class Waiter implements Runnable {
        /**
         * The next call in the list. Owned by the thread that adds this call, then by the housekeeping.
         *
         * <p>Words: {@code next}, {@code isListed}.
         * Written: {@code next} by the thread that adds the call, then by the thread that set {@code isAsking} of
         *     {@code Housekeeping}, or by a thread that runs a step (monitor); {@code isListed} by the thread that adds
         *     the call (plain).
         * Read: as written.
         * Invariant: the next call in the one list that contains this call; whether this call was added, only for the
         *     thread that adds it.
         */
        @Nullable
        Waiter next;

        /**
         * Whether {@link Housekeeping#add} added this call to the list. Read only by the thread that called {@code
         * add}, after an Error.
         */
        boolean isListed;

        /** Creates a call that is in no list. */
        protected Waiter() {}

        /** Prepares for {@link #isListed()}. Called before this call is added to the list. */
        protected final void beforeListing() {
            isListed = false;
        }

        /**
         * Returns whether this call was added to the list since {@link #beforeListing}. Called by a thread if {@link
         * Housekeeping#add} threw an Error.
         */
        protected final boolean isListed() {
            return isListed;
        }

        /**
         * Returns whether the call can continue now. Called repeatedly by the housekeeping; must not wait.
         *
         * @return whether it is ready; true unless overridden
         */
        protected boolean isReady() {
            return true;
        }

        /**
         * Returns whether {@link #run} may wait now, or may call code of the embedder that may wait and that no
         * operation waits for. Called once the call is ready; must not wait or throw.
         *
         * @return whether it may
         */
        protected boolean mayWait() {
            return true;
        }
    }

    /**
     * A waiting call whose steps may fail, and are retried after pauses ({@link Pause}) until they succeed. Only the
     * first failure is reported, because later failures have the same cause. A later attempt reports it ({@link
     * #takeFailure}), because the thread that fails may have run out of stack or heap. Used only by the thread that
     * continues the call and, between two of its runs, by the housekeeping that polls whether it is ready.
     */
    public abstract static class RetriedWaiter extends Waiter {
        /**
         * The pause after the latest failure, in nanoseconds; 0 before the first failure.
         *
         * <p>Words: {@code pause}, {@code dueNanos}, {@code failure}.
         * Written: the one thread that continues the call: a batch of {@code Rcu}, a {@code Lifetime}, a {@code
         *     RetirementRun} (plain).
         * Read: that thread; between two of its runs, the thread that polls waiting calls (plain). The list of {@code
         *     Housekeeping} and the executor hand the fields on.
         * Invariant: the pause after the latest failure, and the first failure until it is reported.
         */
        private long pause;

        /** The end of the pause, as {@link System#nanoTime}; 0 if the latest step did not fail. */
        private long dueNanos;

        /** The exception of the first failed step, until it is reported. */
        private @Nullable Throwable failure;

        /** Creates a call that is in no list, and has not failed. */
        protected RetriedWaiter() {}

        /**
         * Records that a step failed, and starts the pause before the next attempt. Allocates nothing.
         *
         * @param thrown the exception of the step
         */
        protected final void failed(Throwable thrown) {
            boolean isFirst = pause == 0;
            postpone();
            if (isFirst) {
                failure = thrown;
            }
        }

        /** Starts the pause before the next attempt, for a step that could not be run. Such a step is not reported. */
        protected final void postpone() {
            pause = Pause.afterFailure(pause);
            // Never 0, which means that there is no pause.
            dueNanos = System.nanoTime() + pause | 1;
        }

        /** Ends the pause, because an attempt starts. */
        protected final void attempting() {
            dueNanos = 0;
        }

        /** Records that the steps so far have succeeded. The next failure counts as a first one. */
        protected final void succeeded() {
            pause = 0;
        }

        /**
         * Returns whether a step has failed or was postponed, and no attempt has started since.
         *
         * @return whether there is a pause
         */
        protected final boolean isPostponed() {
            return dueNanos != 0;
        }

        /**
         * Returns whether no pause remains.
         *
         * @return whether an attempt may start
         */
        protected final boolean isDue() {
            return dueNanos == 0 || System.nanoTime() - dueNanos >= 0;
        }

        /**
         * Returns the failure to report, once.
         *
         * @return the exception; null if there is none, or it was taken
         */
        protected final @Nullable Throwable takeFailure() {
            Throwable first = failure;
            failure = null;
            return first;
        }
    }

    /**
     * Creates a waiter that hands a task to another thread at an event, when its {@code run} is called. If heap or
     * stack is exhausted at that time, the housekeeping hands the task on later. The waiter is created before the
     * event, because adding it to the list then needs no memory, and less stack than submitting it. A call that failed
     * may have handed the task on nevertheless, so the task may run twice.
     *
     * @param handOn gives the task to an executor; if it throws an exception, it is called again. Must not wait
     */
    public Waiter ensured(Runnable handOn) {
        return new Ensured(handOn);
    }

    private final class Ensured extends Waiter {
        private final Runnable handOn;

        Ensured(Runnable handOn) {
            this.handOn = handOn;
        }

        @Override
        public void run() {
            try {
                handOn.run();
            } catch (OutOfMemoryError | StackOverflowError exhausted) {
                // Listed, because otherwise no thread would hand the task on.
                add(this);
            }
        }

        /** Does not wait, because it only hands the task on. */
        @Override
        protected boolean mayWait() {
            return false;
        }
    }

    /**
     * A task that is retried, after pauses ({@link Pause}), until it succeeds, e.g. the end of an operation. Its
     * failures are not reported here. The thread that handed this task on already threw, or reports, the first failure,
     * and later failures have the same cause. Unlike a {@link Housekeeping.RetriedWaiter}, the task keeps its thread
     * during the pauses.
     */
    public abstract static class RetriedTask implements Runnable {
        /** Creates a task. */
        protected RetriedTask() {}

        /**
         * Makes one attempt. May be repeated after a failure, and then continues with the remaining steps.
         *
         * @return whether it succeeded; an exception is also a failure
         */
        public abstract boolean attempt();

        /** Releases the resources of the task, after an attempt of {@link #run} has succeeded. */
        protected void ended() {}

        /**
         * Returns whether the task waits only for CPUs, grace periods and memory, and calls no code of the embedder
         * that may wait for anything else. Then a thread that waits within an operation or a fault may run it, and may
         * wait for it.
         */
        protected boolean isPrompt() {
            return true;
        }

        /** Retries until an attempt succeeds. Allocates nothing between two attempts. */
        @Override
        public final void run() {
            long pause = 0;
            while (!succeeds()) {
                pause = Pause.afterFailure(pause);
                Pause.parkNanos(this, pause);
            }
            ended();
        }

        private boolean succeeds() {
            try {
                return attempt();
            } catch (Throwable again) {
                return false;
            }
        }
    }
}
