// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.wait;

import dev.samara.emulator.linux.abi.LinuxErrno;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** A thread of the guest as what it waits for sees it: it parks, and others wake it. Only the thread itself waits. */
public interface WaitingThread {
    /** A deadline that never comes, as a number of {@link System#nanoTime}. */
    long NEVER = Long.MAX_VALUE;

    /** Returns the deadline after some nanoseconds from now. */
    static long after(long nanos) {
        return nanos > Long.MAX_VALUE / 4 ? NEVER : System.nanoTime() + nanos;
    }

    /** Whether a call that waits has to end. */
    boolean isInterrupted();

    /** Has this thread look for what it waits for, for signals and its end, wherever it is. For any thread. */
    void wake();

    /**
     * Waits until something holds.
     *
     * @param list whose threads are woken when that may have changed
     * @param isDone asked first, and after each wake
     * @param deadline of {@link System#nanoTime}, or {@link #NEVER}
     * @return 0; ETIMEDOUT; or RESTART if a signal came before
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

    /** Waits for a wake or a deadline; returns false if that is over. A wake may be for something else. */
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
