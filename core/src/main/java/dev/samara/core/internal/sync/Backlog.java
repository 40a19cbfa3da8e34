// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Bounds the work that waits for grace periods on threads of the machine: the callbacks of {@link Rcu#call}, and the
 * tasks between {@link #begin} and {@link #end}. Thread-safe.
 *
 * <p>Callbacks are counted but never refused, because they result from changes that were already made. So the bound is
 * enforced earlier. A call that may add callbacks or a task first waits for room, or is refused, depending on the
 * settings.
 */
public final class Backlog {
    /** How a caller is treated when the backlog is at its bound. */
    public enum AtBound {
        /** The caller waits until the backlog is below its bound. */
        WAIT,
        /** The caller is refused. */
        REFUSE
    }

    private final int bound;
    private final AtBound atBound;
    private final @Nullable Housekeeping housekeeping;

    /** Also guards the queue of callbacks, so that a callback is counted at the instant at which it is added. */
    final ReentrantLock lock = new CheckedLock();

    private final Condition room = lock.newCondition();

    /**
     * Whether the backlog is at its bound. Written under the lock, read without it.
     *
     * <p>Written: holder of {@code lock} (volatile).
     * Read: a thread that is about to start an operation (volatile).
     * Invariant: set while the backlog is at its bound. Racy for a thread without the lock, so a few more operations
     *     may start.
     */
    private volatile boolean isFull;

    /**
     * Words: {@code tasks}, {@code callbacks}.
     * Written: holder of {@code lock} (plain).
     * Read: holder of {@code lock} (plain).
     * Invariant: their sum is at most the bound, except for callbacks that were added by operations that had already
     *     started.
     */
    @GuardedBy("lock")
    private int tasks;

    @GuardedBy("lock")
    private int callbacks;

    /**
     * Creates an empty backlog.
     *
     * @param bound the bound in callbacks and tasks, positive
     * @param atBound how a caller is treated at the bound
     * @param housekeeping the housekeeping whose steps make room, or null if there is none
     */
    public Backlog(int bound, AtBound atBound, @Nullable Housekeeping housekeeping) {
        this.bound = bound;
        this.atBound = atBound;
        this.housekeeping = housekeeping;
    }

    /**
     * Waits until the backlog is below its bound, before a call that may add callbacks. Reserves nothing. Costs one
     * volatile read while the backlog is below its bound. If the settings say to wait, the caller must not be in a
     * section or hold a lock.
     *
     * @return false if the backlog is at its bound and the settings say to refuse
     */
    public boolean awaitRoom() {
        if (!isFull) {
            return true;
        }
        NoWaiting.check("a wait for room behind a grace period");
        lock.lock();
        try {
            return hasRoom();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Takes a place for a task that will wait for grace periods on a thread of the machine. The place is held until
     * {@link #end}. If the settings say to wait at the bound, the caller must not be in a section or hold a lock.
     *
     * @return false if the backlog is at its bound and the settings say to refuse
     */
    public boolean begin() {
        lock.lock();
        try {
            if (!hasRoom()) {
                return false;
            }
            tasks++;
            noteLoad();
            return true;
        } finally {
            lock.unlock();
        }
    }

    /** Ends a task that {@link #begin} counted. */
    public void end() {
        lock.lock();
        try {
            tasks--;
            noteLoad();
            room.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Waits until the backlog is below its bound, or returns false, depending on the settings. The caller holds the
     * lock.
     */
    @GuardedBy("lock")
    private boolean hasRoom() {
        boolean interrupted = false;
        while (isFull && atBound == AtBound.WAIT) {
            Housekeeping steps = housekeeping;
            if (steps == null || !steps.isSteppedHere()) {
                room.awaitUninterruptibly();
            } else {
                // The flag is cleared, because a thread whose interrupt flag is set does not park.
                interrupted |= Thread.interrupted();
                step(steps);
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return !isFull;
    }

    /**
     * Runs a step of the housekeeping, without the lock. The caller holds the lock exactly once, before and after the
     * step. The waiting call has not changed anything yet, so the step may run callbacks. Otherwise a program whose
     * threads run steps only in such waits would never run callbacks.
     */
    @GuardedBy("lock")
    private void step(Housekeeping steps) {
        lock.unlock();
        try {
            if (!steps.step()) {
                LockSupport.parkNanos(this, Housekeeping.INVOKING_PAUSE);
            }
        } finally {
            lock.lock();
        }
    }

    /** The caller holds the lock. */
    @GuardedBy("lock")
    private void noteLoad() {
        isFull = callbacks + tasks >= bound;
    }

    /** Records the number of waiting callbacks. The caller holds the lock. */
    @GuardedBy("lock")
    void counted(int nowPending) {
        boolean isFewer = nowPending < callbacks;
        callbacks = nowPending;
        noteLoad();
        if (isFewer) {
            room.signalAll();
        }
    }
}
