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
 * The housekeeping of a machine: the calls that continue later, once a CPU has acknowledged, a copy or a grace period
 * has ended, or a pause is over. A waiting call costs only its objects. A step asks each call whether it can continue,
 * and hands those that can to an executor. {@link RcuCallbacks} is such a call, for all callbacks of a grace period.
 * Thread-safe.
 *
 * <p>The steps are made by one thread, as a task that lasts as long as calls wait. Or they are <em>invoked</em>: by a
 * thread of the embedder, and by each thread that waits in this library meanwhile ({@link #step}).
 *
 * <p>The executor may run a call at once, within the step. A thread that waits in an operation or a fault may have
 * taken what a callback of the embedder would wait for. So its steps leave out the calls that {@linkplain
 * WaitingCall#mayWait may wait} ({@link #stepWithin}). No wait of such a thread depends on these calls: the repeated
 * end of a discard or of a gather is a {@link PromptTask}. The thread of the steps does so, too, in the waits of a
 * callback that it runs.
 */
public final class Housekeeping implements Runnable {
    /** The time in nanoseconds of a step after which the steps pause, whatever the strategy does. */
    private static final long LONG_STEP = 50_000;

    /** The longest pause in nanoseconds after a long step. A machine that was suspended finds a step very long. */
    private static final long LONGEST_REST = 100_000_000;

    /** The pause in nanoseconds of a waiting thread that invokes steps, after a step that had nothing to do. */
    public static final long INVOKING_PAUSE = 50_000;

    /** The stack that a step needs to keep its calls listed: the depth of an executor's refusal, interpreted. */
    private static final int DEPTH = 60;

    /** Runs the steps; null if they are invoked. */
    private final @Nullable Executor threads;

    private final Executor tasks;
    /** How the thread of the steps idles, given the number of calls handed over; null for pauses that double. */
    private final @Nullable IntConsumer idle;

    /**
     * The latest pause in nanoseconds of the thread of the steps; 0 after a step that has handed a call over. Used by
     * the thread that has set {@link #isPolled}.
     *
     * @words {@code pause}, {@code isIdleBroken}
     * @written the thread of the steps, which has set {@code isPolled} (plain); handed on by {@code isPolled}
     * @read that thread (plain)
     * @invariant the length of its next pause where it idles by no strategy; whether the strategy has thrown
     */
    private long pause;

    /**
     * What each step that asks the calls checks, too. Set before there is a step.
     *
     * @written the constructor of the machine's state (plain)
     * @read the thread that has set {@code isAsking} (plain)
     * @invariant set before another thread has the housekeeping
     */
    private Runnable check = () -> {};

    /**
     * The calls that no step has taken over, the latest first.
     *
     * @written a thread that adds a call (compare-and-set); the thread that asks (get-and-set)
     * @read a thread that adds a call or starts the steps, and one that looks whether calls are listed (volatile)
     * @pairs with {@code isPolled}
     * @invariant calls that no step has taken over; their {@code next} belongs to the thread that adds them, then to
     *     the steps
     */
    private final AtomicReference<@Nullable WaitingCall> added = new AtomicReference<>();

    /**
     * @written a thread that starts the steps (compare-and-set), and clears it if that fails (volatile); the thread
     *     that ends them (volatile)
     * @read a thread that starts the steps (compare-and-set)
     * @pairs a thread adds a call, then tests the flag; the thread of the steps clears the flag, then reads {@code
     *     added}. One of the two sees the other
     * @invariant at most one thread of the machine makes steps. Never set if steps are invoked
     */
    private final AtomicBoolean isPolled = new AtomicBoolean();

    /**
     * @written the thread of the steps (volatile)
     * @read a thread that adds a call, to wake that thread; a thread that begins to wait, for its own name (volatile)
     * @invariant a hint to the thread that adds: pauses are short. A thread reads itself only while it makes the steps
     */
    private volatile @Nullable Thread poller;

    /** Whether the strategy has thrown an exception. Used by the thread that has set {@link #isPolled}. */
    private boolean isIdleBroken;

    /**
     * Whether an Error has stopped a thread that was about to start the steps.
     *
     * @written a thread that lists a call and meets an Error after that (volatile); a thread that clears the flag,
     *     before it looks for a thread, and sets it again if that fails (volatile); the thread of the steps at its end,
     *     which then clears it (volatile)
     * @read operations, threads that add a callback, wait for quiescence or wait long (volatile)
     * @invariant set while a call may be listed without a thread that makes steps
     */
    private volatile boolean isUnattended;

    /**
     * Whether an Error or an exception has ended the steps with calls left.
     *
     * @written the thread of the steps, at its beginning and before it clears {@code isPolled} (volatile)
     * @read a thread that starts the steps (volatile)
     * @invariant calls were taken over from {@code added} when an exception ended the steps
     */
    private volatile boolean isLeft;

    /**
     * Whether a thread asks calls. It owns {@link #waiting}.
     *
     * @written a thread that makes a step, or that looks whether calls are listed (compare-and-set; volatile)
     * @read the threads that do so (compare-and-set)
     * @invariant the thread that has set it owns {@code waiting}, and runs no task meanwhile. A thread that finds it
     *     set does not wait: it goes on to the calls that are ready
     */
    private final AtomicBoolean isAsking = new AtomicBoolean();

    /**
     * The thread that asks calls, for that thread itself.
     *
     * @written the thread that has set {@code isAsking}, after that and before it clears it (volatile)
     * @read any thread that begins a wait for calls of the list (volatile)
     * @invariant a thread reads itself only while it asks: others' writes are never its own name
     */
    private volatile @Nullable Thread asker;

    /**
     * @written the thread that has set {@code isAsking} (plain)
     * @read that thread; the thread of the steps, which is the only one if they are not invoked (plain)
     * @invariant the calls that were taken over and could not continue when they were last asked
     */
    private @Nullable WaitingCall waiting;

    /** The calls that can continue and never wait. Guarded by the monitor of the housekeeping, as those that may. */
    private final Ready prompt = new Ready();

    /** The calls that can continue and may wait. */
    private final Ready mayWait = new Ready();

    /** The number of calls taken for the executor, and of those not handed to it yet. */
    @GuardedBy("this")
    private long taken;

    @GuardedBy("this")
    private int inHand;

    /**
     * Creates an empty list.
     *
     * @param threads runs the steps, as one task that lasts as long as calls wait, and must run tasks in parallel; null
     *     if the steps are invoked
     * @param tasks runs the calls that can continue; throws only if it has taken no call
     * @param idle how the thread of the steps idles, given the number of calls handed over; null for pauses from 1
     *     microsecond to 1 millisecond
     */
    public Housekeeping(@Nullable Executor threads, Executor tasks, @Nullable IntConsumer idle) {
        this.threads = threads;
        this.tasks = tasks;
        this.idle = idle;
    }

    /**
     * Sets what the steps check besides asking calls.
     *
     * @param look must not wait; called before another thread has this object
     */
    public void checkInSteps(Runnable look) {
        check = look;
    }

    /**
     * Lists a call: {@link WaitingCall#run} is called once the call is ready. Allocates nothing. Where the executor has
     * no memory for its task, the caller waits until there is some. After a {@link StackOverflowError} the call is
     * listed or was not touched, and {@link #attendAgain} starts the steps.
     *
     * @param call a call that is not listed
     */
    public void add(WaitingCall call) {
        boolean isAttended = false;
        try {
            WaitingCall seen;
            do {
                seen = added.get();
                call.next = seen;
            } while (!added.compareAndSet(seen, call));
            call.isListed = true;
            LockSupport.unpark(poller);
            attend();
            isAttended = true;
        } finally {
            if (!isAttended) {
                // No method call: the stack may have no space for one.
                isUnattended = true;
            }
        }
    }

    /**
     * Starts the steps for calls that an Error has left listed without them. Costs one volatile read where there are
     * none. Called before each operation, before a wait for all threads of the machine, and every ten seconds by
     * a thread that waits at a gate.
     */
    public void attendAgain() {
        if (isUnattended) {
            boolean isAttended = false;
            isUnattended = false;
            try {
                attend();
                isAttended = true;
            } finally {
                if (!isAttended) {
                    isUnattended = true;
                }
            }
        }
    }

    /** Starts the steps unless a thread makes them, or they are invoked. */
    private void attend() {
        Executor starter = threads;
        if (starter == null) {
            return;
        }
        // Store-load pair with the end of run. Here: added, then isPolled. There: isPolled cleared, then added.
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
                retry = Backoff.betweenPolls(retry);
                Pause.parkNanos(this, retry);
            } finally {
                if (!isBegun) {
                    isPolled.set(false);
                }
            }
        }
    }

    /** Makes steps until no call waits. */
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
                // Pauses for the time of a long step, or for LONGEST_REST: asking many calls must not use up a
                // processor.
                long left = moved > 0 || asked < LONG_STEP ? 0 : 2 * asked - (System.nanoTime() - since);
                if (left > 0) {
                    LockSupport.parkNanos(this, Math.min(left, LONGEST_REST));
                }
                if (moved == 0) {
                    // An interrupt flag must not make every pause end at once.
                    Thread.interrupted();
                }
            }
        } finally {
            poller = null;
            isLeft = waiting != null || prompt.first != null || mayWait.first != null;
            isPolled.set(false);
            isUnattended = true;
            attendAgain();
        }
    }

    /**
     * Idles by the strategy. A strategy that has thrown once is not asked again; the exception is reported as that of a
     * task.
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
            pause = Backoff.betweenPolls(pause);
            LockSupport.parkNanos(this, pause);
        }
    }

    /**
     * Makes one step: never waits, if the executor of the calls does not. While a step asks the calls, a step within it
     * or beside it only hands over.
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
     * Makes a step for a thread that waits outside operations and faults. A failure is not the caller's: the calls stay
     * listed.
     *
     * @return whether a call was handed over
     */
    public boolean step() {
        return step(true);
    }

    /**
     * Makes a step for a thread that waits within an operation or a fault, and leaves out the calls that may wait.
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
            ReporterFailure.report(thrown);
            return false;
        }
    }

    /** Returns whether steps are invoked, and not made by a thread of the machine. */
    public boolean isInvoked() {
        return threads == null;
    }

    /**
     * Returns whether this thread must make steps while it waits: either steps are invoked, or this thread makes them
     * and runs a call within one.
     */
    public boolean isSteppedHere() {
        return threads == null || poller == Thread.currentThread();
    }

    /**
     * Checks that no step on this thread asks the calls at present. Code that a question calls must not wait for calls,
     * since no step can ask them meanwhile.
     *
     * @param what the wait, for messages
     * @throws IllegalStateException if a step does
     */
    public void checkNotAsking(String what) {
        if (isAskedHere()) {
            throw new IllegalStateException(
                    what + " was called within a step of the housekeeping, by code that the step"
                            + " calls to ask whether a call can continue: no step can go on meanwhile");
        }
    }

    /** Returns whether a step on this thread asks the calls at present, and so has called this code. */
    public boolean isAskedHere() {
        return asker == Thread.currentThread();
    }

    /**
     * Returns the number of calls taken for the executor so far, or -1 if a call is listed or in hand.
     *
     * @return a number that grows with each call taken
     */
    public long takenIfIdle() {
        if (!isAsking.compareAndSet(false, true)) {
            return -1;
        }
        try {
            // In the order in which calls move on: none is missed between two reads.
            boolean isIdle = added.get() == null && waiting == null;
            synchronized (this) {
                return isIdle && prompt.first == null && mayWait.first == null && inHand == 0 ? taken : -1;
            }
        } finally {
            isAsking.set(false);
        }
    }

    /** Moves the calls that can continue to the ready ones. An Error may end it anywhere: no call is lost. */
    private void ask() {
        takeOver();
        WaitingCall before = null;
        WaitingCall call = waiting;
        while (call != null) {
            WaitingCall next = call.next;
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
                    WaitingCall last = ready.last;
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

    /** Puts the added calls in front of those that wait already. */
    private void takeOver() {
        for (WaitingCall call = added.getAndSet(null); call != null; ) {
            WaitingCall next = call.next;
            call.next = waiting;
            waiting = call;
            call = next;
        }
    }

    /** Returns true after an exception: the call throws it again when it continues, and handles it there. */
    private static boolean isReady(WaitingCall call) {
        try {
            return call.isReady();
        } catch (Throwable thrown) {
            return true;
        }
    }

    /**
     * Hands the first call of a list to the executor; returns false if there is none, or no memory for a task. The call
     * is off the list then: it may be listed again before this returns.
     */
    private boolean handOver(Ready ready) {
        WaitingCall call;
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
            // The next step tries again.
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
         * @words {@code first}, {@code last} of {@code prompt} and {@code mayWait}, {@code taken}, {@code inHand}
         * @written any thread that makes a step (monitor)
         * @read any thread that makes a step, or looks whether calls are listed (monitor); the thread of the steps
         *     looks whether there is a first one (plain)
         * @invariant a call moves from {@code added} to {@code waiting}, to the ready ones, in hand, and to the
         *     executor, and is in one of these places at each instant; it is handed over by the thread that took it. So
         *     a step within a step, or beside one, finds every call that another thread has not in its hand
         */
        private @Nullable WaitingCall first;

        private @Nullable WaitingCall last;
    }
}
