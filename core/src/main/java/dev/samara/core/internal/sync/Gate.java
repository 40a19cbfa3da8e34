// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import dev.samara.core.internal.trace.Tracepoints;
import dev.samara.core.internal.trace.Tracepoints.BegunEvent;
import java.lang.invoke.ConstantBootstraps;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A latch at which threads wait until an operation in flight completes. A gate is closed at first, opens once, and then
 * remains open.
 *
 * <p>The actions of a thread before {@link #open} happen before the actions of another thread after that thread has
 * seen the gate open, by {@link #isOpen}, {@link #await} or {@link #awaitUninterruptibly}.
 *
 * <p>Opening never blocks. A wait spins briefly and then parks. It holds no monitor, so a waiting virtual thread
 * releases its carrier. Thread-safe.
 */
public class Gate {
    /*
     * Algorithmic notes.
     *
     * One word, the top of a stack:
     *
     *     null ── push ──> waiter ── push ──> waiter ─> waiter ── open ──> OPEN
     *
     * A waiter is pushed by a compare-and-set, which fails once OPEN is there. So no thread can register without being
     * seen by the thread that opens; with one word, no store-load pair is needed. Opening is one get-and-set, and the
     * stack that it returns is complete.
     *
     * A waiter leaves by removing its thread from its node. The thread that wakes a waiter removes the thread in the
     * same way. Only one of the two removals succeeds, so a node is unparked at most once, and not at all after its
     * thread has left. A thread that leaves a closed gate then unlinks every node without a thread. In the middle of
     * the stack, unlinking is a plain store without compare-and-set, as in FutureTask, because a link only ever skips
     * nodes without a thread. So all older waiters remain reachable from each node, even through a stale link.
     */

    private static final VarHandle TOP =
            ConstantBootstraps.fieldVarHandle(MethodHandles.lookup(), "top", VarHandle.class, Gate.class, Waiter.class);

    private static final Waiter OPEN = new Waiter();

    /** An operation without a flush completes sooner than a thread can park and be unparked. */
    private static final int SPINS = 128;

    /** The pause, in nanoseconds, between attempts to register a thread if memory is short. */
    private static final long PAUSE = 1_000_000;

    /**
     * Written: waiters (compare-and-set); the thread that opens the gate, e.g. the thread of a completion
     *     (get-and-set).
     * Read: any thread (acquire).
     * Pairs: registering is a compare-and-set on the word that opening changes, so it fails once the word is OPEN. One
     *     word needs no fence. {@code RetirementRun} publishes, then opens the gate, both under the district's lock;
     *     {@code Gate.isOpen} (acquire) makes the completed layout visible to a waiter. Waiters are woken after that
     *     lock was released.
     * Invariant: a stack of waiters, or OPEN forever.
     */
    @SuppressWarnings("UnusedVariable") // through TOP
    private @Nullable Waiter top;

    public Gate() {}

    /**
     * Returns whether the gate is open. Never blocks.
     *
     * @return whether it is open; once true, it remains true
     */
    public final boolean isOpen() {
        return topAcquire() == OPEN;
    }

    /**
     * Opens the gate, so that later calls of the wait methods return immediately. The caller passes the result to
     * {@link #wake}, and may postpone that until it has released its locks. Never blocks.
     *
     * @return the threads that wait, null if there are none
     * @throws IllegalStateException if the gate is open already
     */
    public final @Nullable Waiter open() {
        // Pairs with topAcquire, and with the compare-and-set of push, which fails from here on.
        Waiter waiting = getAndSetTop(OPEN);
        if (waiting == OPEN) {
            throw new IllegalStateException("the gate is open already");
        }
        return waiting;
    }

    /**
     * Wakes the threads that waited. Each is woken once, even if this is called again.
     *
     * @param waiting the result of {@link #open}
     */
    public static void wake(@Nullable Waiter waiting) {
        for (Waiter waiter = waiting; waiter != null; waiter = waiter.next) {
            Thread thread = waiter.take();
            if (thread != null) {
                LockSupport.unpark(thread);
            }
        }
    }

    /**
     * Waits until the gate is open or the thread is interrupted. The interrupt flag remains set.
     *
     * @param reporter called on the calling thread, every ten seconds, and notified of a long wait
     * @return true if the gate is open, false if the thread was interrupted before it opened
     */
    public final boolean await(WaitReporter reporter) {
        if (isOpen()) {
            return true;
        }
        if (Thread.currentThread().isInterrupted()) {
            return false;
        }
        if (spin()) {
            return true;
        }
        BegunEvent recorded = Tracepoints.beginWait(this);
        boolean isOpened = awaitParked(reporter);
        Tracepoints.endWait(recorded, reporter, !isOpened);
        return isOpened;
    }

    /** Waits after the spin; returns false if the thread was interrupted before the gate opened. */
    private boolean awaitParked(WaitReporter reporter) {
        Wait wait = register(reporter, true);
        if (wait == null) {
            return isOpen();
        }
        while (!isOpen()) {
            if (Thread.currentThread().isInterrupted()) {
                wait.self.take();
                sweep();
                return isOpen();
            }
            wait.parkOrReport();
        }
        wait.self.take();
        return true;
    }

    /**
     * Waits until the gate is open. An interrupt does not end the wait; the interrupt flag is set on return.
     *
     * @param reporter called on the calling thread, every ten seconds, and notified of a long wait
     */
    public final void awaitUninterruptibly(WaitReporter reporter) {
        if (isOpen() || spin()) {
            return;
        }
        BegunEvent recorded = Tracepoints.beginWait(this);
        boolean interrupted = Thread.interrupted();
        Wait wait = register(reporter, false);
        while (wait != null && !isOpen()) {
            // The flag is cleared, because a thread whose interrupt flag is set does not park.
            interrupted |= Thread.interrupted();
            wait.parkOrReport();
        }
        if (wait != null) {
            wait.self.take();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        Tracepoints.endWait(recorded, reporter, false);
    }

    private boolean spin() {
        for (int i = 0; i < SPINS; i++) {
            Thread.onSpinWait();
            if (isOpen()) {
                return true;
            }
        }
        return false;
    }

    /**
     * Registers the calling thread. If there is no memory for that, retries until there is. The gate's operation is
     * published, so its caller must not fail with an OutOfMemoryError instead. Returns null if the gate opened in the
     * meantime, or if an interrupt ended an interruptible wait.
     */
    private @Nullable Wait register(WaitReporter reporter, boolean interruptibly) {
        for (; ; ) {
            try {
                return new Wait(reporter);
            } catch (OutOfMemoryError exhausted) {
                if (isOpen() || (interruptibly && Thread.currentThread().isInterrupted())) {
                    return null;
                }
                Pause.parkNanos(this, PAUSE);
            }
        }
    }

    /** Registers the calling thread, unless the gate is open. */
    private Waiter push() {
        Waiter self = new Waiter(Thread.currentThread());
        for (Waiter seen = topAcquire(); seen != OPEN; seen = topAcquire()) {
            self.next = seen;
            // Pairs with the get-and-set of open: either open returns this waiter, or the compare-and-set fails.
            if (casTop(seen, self)) {
                break;
            }
        }
        return self;
    }

    /** Unlinks the nodes of threads that left. Otherwise such nodes would accumulate at a gate that stays closed. */
    private void sweep() {
        while (!sweptInOnePass()) {
            Thread.onSpinWait();
        }
    }

    private boolean sweptInOnePass() {
        Waiter above = null;
        Waiter waiter = topAcquire();
        while (waiter != null && waiter != OPEN) {
            Waiter below = waiter.next;
            if (!waiter.hasLeft()) {
                above = waiter;
            } else if (above == null) {
                if (!casTop(waiter, below)) {
                    return false;
                }
            } else {
                // Store-load pair with the thread of the node above, which removes itself from its node and then reads
                // its link. At least one of the two sees the other's store, so no node without a thread remains linked.
                above.next = below;
                if (above.hasLeft()) {
                    return false;
                }
            }
            waiter = below;
        }
        return true;
    }

    private @Nullable Waiter topAcquire() {
        // Pairs with the get-and-set of open and the compare-and-sets of push and sweep.
        return (Waiter) TOP.getAcquire(this);
    }

    private boolean casTop(@Nullable Waiter expected, @Nullable Waiter next) {
        return TOP.compareAndSet(this, expected, next);
    }

    private @Nullable Waiter getAndSetTop(Waiter next) {
        return (Waiter) TOP.getAndSet(this, next);
    }

    /** A thread that waits at a gate. */
    public static final class Waiter {
        private static final VarHandle THREAD = ConstantBootstraps.fieldVarHandle(
                MethodHandles.lookup(), "thread", VarHandle.class, Waiter.class, Thread.class);

        /**
         * The waiting thread; null once it has been removed, by itself when it leaves or by the thread that wakes it.
         *
         * <p>Written: its own thread when it leaves; the thread that wakes it (get-and-set).
         * Read: a thread that unlinks waiters (volatile).
         * Pairs: a leaving waiter removes its own thread, then reads links. A thread that changes a link stores it,
         *     then reads whether the thread of the changed node has left. Both words are volatile.
         * Invariant: of a waiter: it is woken by the call that removes the thread, and so only once.
         */
        @SuppressWarnings("UnusedVariable") // through THREAD
        private @Nullable Thread thread;

        /**
         * An older waiter. All waiters between it and this one have left.
         *
         * <p>Written: a waiter before it is in the stack; then a thread that unlinks waiters (volatile).
         * Read: a thread that wakes or unlinks waiters (volatile).
         * Pairs: with {@code thread}.
         * Invariant: leads to every older waiter that has not left.
         */
        volatile @Nullable Waiter next;

        private Waiter() {}

        private Waiter(Thread thread) {
            this.thread = thread;
        }

        private @Nullable Thread take() {
            return (Thread) THREAD.getAndSet(this, (Thread) null);
        }

        boolean hasLeft() {
            return THREAD.getVolatile(this) == null;
        }
    }

    /** One thread's wait, after the thread has stopped spinning. */
    private final class Wait {
        private final WaitReporter reporter;
        private final long since = System.nanoTime();
        private final long reportAfter;
        private final long attendEvery;
        private final @Nullable Housekeeping invoked;
        private final Waiter self;
        private boolean reported;

        /**
         * The time, in nanoseconds, from the start of the wait to the next call of {@link WaitReporter#attendAgain}.
         */
        private long attendAfter;

        /** Whether the latest step had nothing to do, so that the thread parks before the next one. */
        private boolean isStepped;

        Wait(WaitReporter reporter) {
            this.reporter = reporter;
            long after = Long.MAX_VALUE;
            long every = WaitReporter.ATTEND_NANOS;
            Housekeeping steps = null;
            try {
                after = reporter.reportAfterNanos();
                every = reporter.attendEveryNanos();
                steps = reporter.invoked();
            } catch (Throwable thrown) {
                Background.reportUncaught(thrown);
            }
            reportAfter = after;
            attendEvery = every;
            attendAfter = every;
            invoked = steps;
            // Pushed last, because from here on the thread that opens the gate can find this waiter.
            self = push();
        }

        /**
         * Runs a step, reports a long wait, calls {@code attendAgain}, or parks. It does only one of these, because a
         * reporter, or a call that a step runs, may consume the permit that woke this thread. So the caller checks the
         * gate in between.
         */
        void parkOrReport() {
            if (invoked != null && !isStepped) {
                isStepped = !invoked.stepWithin();
                return;
            }
            isStepped = false;
            long longest = invoked == null ? attendEvery : Housekeeping.INVOKING_PAUSE;
            long waited = System.nanoTime() - since;
            try {
                if (!reported && waited >= reportAfter) {
                    reported = true;
                    reporter.waitsLong(Gate.this, Thread.currentThread(), waited);
                } else if (waited >= attendAfter) {
                    attendAfter = waited + attendEvery;
                    reporter.attendAgain();
                } else {
                    long next = reported ? attendAfter : Math.min(attendAfter, reportAfter);
                    LockSupport.parkNanos(Gate.this, Math.min(longest, next - waited));
                }
            } catch (Throwable thrown) {
                Background.reportUncaught(thrown);
            }
        }
    }

    /**
     * Receives reports of long waits. Called by the thread that waits, while it holds no lock of this library. An
     * exception goes to that thread's uncaught exception handler, and the wait continues.
     */
    public interface WaitReporter {
        /** The usual time in nanoseconds between two calls of {@link #attendAgain}. */
        long ATTEND_NANOS = 10_000_000_000L;

        /**
         * Returns how long a wait may last before it is reported. Called once per wait.
         *
         * @return the time in nanoseconds
         */
        long reportAfterNanos();

        /**
         * Reports that a thread has waited for longer than {@link #reportAfterNanos}. Called at most once per wait.
         *
         * @param blocker what the thread waits for; messages contain its text
         * @param waiter the calling thread
         * @param waitedNanos how long it has waited so far, in nanoseconds
         */
        void waitsLong(Object blocker, Thread waiter, long waitedNanos);

        /**
         * Starts work of the machine that an Error stopped, because the wait may depend on it. Called every {@link
         * #attendEveryNanos} while the thread waits.
         */
        default void attendAgain() {}

        /**
         * Returns the time between two calls of {@link #attendAgain}. Called once per wait.
         *
         * @return the time in nanoseconds; ten seconds unless overridden
         */
        default long attendEveryNanos() {
            return ATTEND_NANOS;
        }

        /**
         * Returns the housekeeping whose steps the thread runs while it waits. Called once per wait.
         *
         * @return the housekeeping, or null if another thread runs the steps
         */
        default @Nullable Housekeeping invoked() {
            return null;
        }
    }
}
