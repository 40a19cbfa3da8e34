// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.wait;

import dev.samara.emulator.linux.abi.LinuxErrno;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * The threads that wait for a change of some state. The thread that makes the change wakes all of them, and each checks
 * the state again.
 */
public final class WaitList {
    private final Set<WaitingThread> waiting = new LinkedHashSet<>();

    public WaitList() {}

    /** Adds a thread. The thread checks the state afterwards, and parks if it must wait. */
    public synchronized void add(WaitingThread thread) {
        waiting.add(thread);
    }

    public synchronized void remove(WaitingThread thread) {
        waiting.remove(thread);
    }

    /** Wakes all threads. Called after the change. */
    public void wakeAll() {
        List<WaitingThread> woken;
        synchronized (this) {
            if (waiting.isEmpty()) {
                return;
            }
            woken = List.copyOf(waiting);
        }
        woken.forEach(WaitingThread::wake);
    }

    /**
     * A thread of the guest that can wait: it parks, and other threads wake it. Only the thread itself calls {@link
     * #await} and {@link #park}.
     */
    public interface WaitingThread {
        /** A deadline that never arrives. Deadlines are values of {@link System#nanoTime}. */
        long NEVER = Long.MAX_VALUE;

        /** Returns the deadline after some nanoseconds from now. */
        static long after(long nanos) {
            return nanos > Long.MAX_VALUE / 4 ? NEVER : System.nanoTime() + nanos;
        }

        /** Whether a signal or the end of the thread must interrupt a waiting call. */
        boolean isInterrupted();

        /**
         * Makes this thread check the state for which it waits, its signals, and whether it must end, even if it is
         * running. May be called by any thread.
         */
        void wake();

        /**
         * Waits until a condition holds.
         *
         * @param list its threads are woken when the condition may have changed
         * @param isDone the condition, which is checked first and after each wake
         * @param deadline a value of {@link System#nanoTime}, or {@link #NEVER}
         * @return 0; ETIMEDOUT; or RESTART if the wait was interrupted before
         */
        default long await(WaitList list, BooleanSupplier isDone, long deadline) {
            list.add(this);
            try {
                while (!isDone.getAsBoolean()) {
                    if (isInterrupted()) {
                        return LinuxErrno.RESTART;
                    }
                    if (!park(deadline)) {
                        return LinuxErrno.ETIMEDOUT;
                    }
                }
                return 0;
            } finally {
                list.remove(this);
            }
        }

        /**
         * Waits for a wake or a deadline; returns false if the deadline had passed before. A wake may have another
         * reason.
         */
        default boolean park(long deadline) {
            if (deadline == NEVER) {
                LockSupport.park(this);
                return true;
            }
            long left = deadline - System.nanoTime();
            if (left > 0) {
                LockSupport.parkNanos(this, left);
            }
            return left > 0;
        }
    }
}
