// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * What threads wait at until an operation in transit has completed. A gate is closed when it is made and opens once,
 * for ever.
 *
 * <p>What a thread did before {@link #open} happens before what another does after it learnt that the gate is open,
 * from {@link #isOpen}, {@link #await} or {@link #awaitUninterruptibly}.
 *
 * <p>Opening never blocks. A wait spins for a moment and then parks; it holds no monitor, so a virtual thread that
 * waits gives its carrier back. Thread-safe.
 */
public class Gate {
    /*
     * Algorithmic notes.
     *
     * One word, the top of a stack:
     *
     *     null ── push ──> waiter ── push ──> waiter ─> waiter ── open ──> OPEN
     *
     * A waiter is pushed by a compare-and-set, which fails once OPEN is there, so there is no instant at which a thread
     * can register and not be seen by who opens: one word needs no store-load pair. To open is one get-and-set, and the
     * stack it returns is complete.
     *
     * A waiter leaves by taking its thread out of its node, as does who wakes it: whoever takes it has it, so a node is
     * unparked at most once, and not at all after its thread has left. A thread that leaves a closed gate then takes
     * out of the stack every node that has no thread any more. In the middle that is a plain relinking without
     * compare-and-set, as in FutureTask: a link only ever skips nodes that have been left, so from each node all older
     * waiters remain within reach, through a stale link too.
     */

    private static final VarHandle TOP;

    /** The top of every open gate. */
    private static final Waiter OPEN = new Waiter();

    /** A transit that has nothing to flush is over sooner than a thread can park and be unparked. */
    private static final int SPINS = 128;

    /** Between attempts of a thread for which there was no memory. */
    private static final long PAUSE = 1_000_000;

    static {
        try {
            TOP = MethodHandles.lookup().findVarHandle(Gate.class, "top", Waiter.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    @SuppressWarnings("UnusedVariable") // through TOP
    private @Nullable Waiter top;

    /** Makes a closed gate. */
    public Gate() {}

    /**
     * Whether the gate has been opened.
     *
     * @return whether it is open, and then remains so
     */
    public final boolean isOpen() {
        return topAcquire() == OPEN;
    }

    /**
     * Opens the gate: who comes from now on passes. Who waits already is to be woken by {@link #wake}, which the caller
     * may put off until it has released its locks.
     *
     * @return those who wait, null if nobody does
     * @throws IllegalStateException if the gate is open already
     */
    public final @Nullable Waiter open() {
        // Pairs with topAcquire, and with the compare-and-set of push, which fails from here on.
        Waiter waiting = (Waiter) TOP.getAndSet(this, OPEN);
        if (waiting == OPEN) {
            throw new IllegalStateException("the gate is open already");
        }
        return waiting;
    }

    /**
     * Wakes who waited, each thread once, also if called again.
     *
     * @param waiting what {@link #open} returned
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
     * Waits until the gate is open or the thread is interrupted. The flag of an interrupted thread remains set.
     *
     * @param watch who is told if this lasts
     * @return true if the gate is open, false if the thread was interrupted before it opened
     */
    public final boolean await(Watch watch) {
        if (isOpen()) {
            return true;
        }
        if (Thread.currentThread().isInterrupted()) {
            return false;
        }
        if (spin()) {
            return true;
        }
        Wait wait = register(watch, true);
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
     * Waits until the gate is open. An interrupt is remembered: the thread's flag is set again on return.
     *
     * @param watch who is told if this lasts
     */
    public final void awaitUninterruptibly(Watch watch) {
        if (isOpen() || spin()) {
            return;
        }
        boolean interrupted = Thread.interrupted();
        Wait wait = register(watch, false);
        while (wait != null && !isOpen()) {
            // A thread whose flag is set does not park.
            interrupted |= Thread.interrupted();
            wait.parkOrReport();
        }
        if (wait != null) {
            wait.self.take();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
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
     * Registers the calling thread. Where there is no memory for that, tries again until there is: what the gate belongs
     * to has happened, and its caller must not learn of the end of the memory instead. Null if the gate is open by then,
     * or the thread was interrupted and that is to end the wait.
     */
    private @Nullable Wait register(Watch watch, boolean interruptibly) {
        for (; ; ) {
            try {
                return new Wait(watch);
            } catch (OutOfMemoryError exhausted) {
                if (isOpen() || (interruptibly && Thread.currentThread().isInterrupted())) {
                    return null;
                }
                LockSupport.parkNanos(this, PAUSE);
            }
        }
    }

    /** Registers the calling thread, unless the gate is open. */
    private Waiter push() {
        Waiter self = new Waiter(Thread.currentThread());
        for (Waiter seen = topAcquire(); seen != OPEN; seen = topAcquire()) {
            self.next = seen;
            // Pairs with the get-and-set of open: either that returns this waiter, or this fails.
            if (TOP.compareAndSet(this, seen, self)) {
                break;
            }
        }
        return self;
    }

    /** Takes out the nodes whose threads have left, so that they cannot pile up at a gate that stays closed. */
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
                if (!TOP.compareAndSet(this, waiter, below)) {
                    return false;
                }
            } else {
                // Store-load pair with the thread of that node, which takes itself out and then reads its link: one of
                // the two sees the other, so no node stays behind that has been left.
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

    /** A thread that waits at a gate. */
    public static final class Waiter {
        private static final VarHandle THREAD;

        static {
            try {
                THREAD = MethodHandles.lookup().findVarHandle(Waiter.class, "thread", Thread.class);
            } catch (ReflectiveOperationException impossible) {
                throw new ExceptionInInitializerError(impossible);
            }
        }

        /** Null once somebody has taken it: the thread itself because it leaves, or who wakes it. */
        @SuppressWarnings("UnusedVariable") // through THREAD
        private @Nullable Thread thread;

        /** An older waiter; those between it and this one have left. */
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

    /** One thread's wait, from when it gave up spinning. */
    private final class Wait {
        private final Watch watch;
        private final long since = System.nanoTime();
        private final long reportAfter;
        private final Waiter self;
        private boolean reported;

        Wait(Watch watch) {
            this.watch = watch;
            long after = Long.MAX_VALUE;
            try {
                after = watch.reportAfterNanos();
            } catch (Throwable thrown) {
                Uncaught.report(thrown);
            }
            reportAfter = after;
            // Last: what is registered is found by its thread.
            self = push();
        }

        /**
         * Parks, or reports; not both, because a watch may use up the permit by which this thread was woken, so the
         * gate must be looked at in between.
         */
        void parkOrReport() {
            if (reported) {
                LockSupport.park(Gate.this);
                return;
            }
            long waited = System.nanoTime() - since;
            if (waited < reportAfter) {
                LockSupport.parkNanos(Gate.this, reportAfter - waited);
                return;
            }
            reported = true;
            try {
                watch.waitsLong(Gate.this, Thread.currentThread(), waited);
            } catch (Throwable thrown) {
                Uncaught.report(thrown);
            }
        }
    }
}
